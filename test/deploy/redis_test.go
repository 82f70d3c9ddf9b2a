package deploy

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

const redisPassword = "a password of the test's"

// redisRules are the rules of Raven's user in users.acl, save its password.
func redisRules(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/redis/users.acl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if words := strings.Fields(line); len(words) > 4 && words[1] == "raven" {
			if words[2] != "on" || words[3] != "#PASSWORD_SHA256" {
				t.Fatalf("the user begins %q", words[:4])
			}
			return words[4:]
		}
	}
	t.Fatal("there is no user raven")
	return nil
}

// TestReadmesCommandsGiveRavenTheURL runs them in a folder of the test's, under the
// usual umask, up to the one that serves.
func TestReadmesCommandsGiveRavenTheURL(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../deploy/redis/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "```sh\n")
	text, _, _ := strings.Cut(rest, "```")
	text = strings.ReplaceAll(text, "$(openssl rand -hex 32)", "0a1b2c3d")
	setUp, serve, ok := strings.Cut(text, "RAVEN_STORE_BACKEND=redis ")
	if !ok {
		t.Fatalf("the commands are %s", text)
	}
	root := t.TempDir()
	run := exec.Command("sh", "-euc", "umask 022; mkdir -p "+root+"/etc/redis; "+strings.ReplaceAll(setUp, "/etc/", root+"/etc/")) //nolint:gosec // the README's
	run.Dir = "../../deploy/redis"
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	variable, _, _ := strings.Cut(serve, " ")
	cfg, err := config.Load(config.LoadOptions{Env: []string{"RAVEN_STORE_BACKEND=redis", strings.Replace(variable, "/etc/", root+"/etc/", 1)}})
	if err != nil || cfg.Store.Redis.URL.Reveal() != "redis://raven:0a1b2c3d@redis.internal:6379/0" {
		t.Errorf("the configuration is refused, or another: %v", err)
	}
}

// redisSettings are the directives of redis.conf, save those of places.
func redisSettings(t *testing.T) (settings []backend.RedisOption) {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/redis/redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		switch words[0] {
		case "aclfile", "port", "dir", "protected-mode":
		case "save":
			settings = append(settings, backend.Set("save", ""))
		default:
			settings = append(settings, backend.Set(words[0], words[1:]...))
		}
	}
	return settings
}

// TestRavensRedisUserMayDoAllThatRavenDoes runs the stores' contract as the user
// of deploy/redis/users.acl.
func TestRavensRedisUserMayDoAllThatRavenDoes(t *testing.T) {
	t.Parallel()
	contract.All(t, contract.Backend{
		Open: func(t *testing.T) contract.Store { return openAsRaven(t, redis.Options{}) },
		OpenWith: func(t *testing.T, maxOutbox int64, events func(core.TenantID)) contract.Store {
			return openAsRaven(t, redis.Options{MaxOutbox: maxOutbox, Events: events})
		},
	})
}

// openAsRaven opens an empty database of the shared server as Raven's user.
func openAsRaven(t *testing.T, opt redis.Options) contract.Store {
	t.Helper()
	own := backend.SharedRedis(t)
	rules := []any{"ACL", "SETUSER", "raven", "on", ">" + redisPassword}
	for _, rule := range redisRules(t) {
		rules = append(rules, rule)
	}
	admin := dial(t, own)
	if err := admin.Do(t.Context(), rules...).Err(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("raven", redisPassword)
	opt.URL = u.String()
	s, err := redis.Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dial(t *testing.T, address string) *goredis.Client {
	t.Helper()
	opt, err := goredis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(opt)
	t.Cleanup(func() { c.Close() })
	return c
}

// TestRavensRedisUserMayDoNothingElse also opens the store on redis.conf, which
// refuses a server that it does not trust.
func TestRavensRedisUserMayDoNothingElse(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t, append(redisSettings(t), backend.User("raven", redisPassword, redisRules(t)...))...)
	s, err := redis.Open(t.Context(), redis.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	c := dial(t, server.URL())
	for _, refused := range []string{
		"KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "MOVE raven:x 1", "DUMP raven:x", "RENAME raven:x raven:y",
		"CONFIG SET maxmemory-policy allkeys-lru", "CONFIG REWRITE", "ACL LIST", "ACL WHOAMI", "CLIENT LIST", "CLIENT KILL 127.0.0.1:1", "MONITOR",
		"SHUTDOWN NOSAVE", "SAVE", "BGSAVE", "REPLICAOF NO ONE", "PSYNC ? -1", "MODULE LIST", "SLOWLOG GET", "FUNCTION LIST",
		"SCRIPT FLUSH", "SUBSCRIBE x", "PUBLISH x y", "SORT raven:x", "COPY raven:x raven:y", "OBJECT ENCODING raven:x", "CLUSTER RESET", "CLUSTER FAILOVER",
		"GET other", "SET other x", "GET apikey:x", "GET tenants", "EVAL return\u00a0redis.call('GET','other') 0",
	} {
		words := strings.Fields(strings.ReplaceAll(refused, "\u00a0", "\x00"))
		args := make([]any, len(words))
		for i, word := range words {
			args[i] = strings.ReplaceAll(word, "\x00", " ")
		}
		err := c.Do(t.Context(), args...).Err()
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "No permissions") && !strings.Contains(err.Error(), "can't access") {
			t.Errorf("%s: %v", refused, err)
		}
	}
	for _, allowed := range []string{"PING", "GET tenant:x", "GET apikey:hash:x", "GET raven:x"} {
		args := []any{}
		for word := range strings.FieldsSeq(allowed) {
			args = append(args, word)
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil && !errors.Is(err, goredis.Nil) {
			t.Errorf("%s: %v", allowed, err)
		}
	}
}
