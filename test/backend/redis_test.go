package backend_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/raven-memory/raven/test/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a go-redis client that tries once.
func client(t *testing.T, url string, config *tls.Config) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxRetries, o.TLSConfig = -1, config
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func set(t *testing.T, c redis.Cmdable, key, value string) {
	t.Helper()
	if err := c.Set(t.Context(), key, value, 0).Err(); err != nil {
		t.Fatalf("SET %s: %v", key, err)
	}
}

func wantValue(t *testing.T, c redis.Cmdable, key, want string) {
	t.Helper()
	if got, err := c.Get(t.Context(), key).Result(); got != want || err != nil {
		t.Fatalf("GET %s gave %q and %v, want %q", key, got, err, want)
	}
}

func TestRedisAnswersOverTCP(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "PING\r\n")
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != "+PONG\r\n" {
		t.Fatalf("PING gave %q and %v", got, err)
	}
}

func TestWhatRedisAcknowledgedSurvivesKills(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t)
	for i := range 3 {
		key, c := fmt.Sprint("key", i), client(t, s.URL(), nil)
		set(t, c, key, "kept")
		s.Kill()
		if err := c.Ping(t.Context()).Err(); err == nil {
			t.Fatal("a killed server answers")
		}
		s.Restart()
		wantValue(t, client(t, s.URL(), nil), key, "kept")
	}
	if got := strings.Count(s.Logs(), "Ready to accept connections"); got != 4 {
		t.Errorf("the log tells of %d lives, want 4:\n%s", got, s.Logs())
	}
}

func TestAFrozenRedisIsSilentUntilItThaws(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t)
	o, _ := redis.ParseURL(s.URL())
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	set(t, c, "key", "value")

	s.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Get(ctx, "key").Err(); err == nil {
		t.Error("a frozen server answers")
	}
	s.Thaw()
	wantValue(t, c, "key", "value")
}

func TestRedisHasTheSettingsAskedFor(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t,
		backend.Set("appendfsync", "everysec"),
		backend.Set("maxmemory", "4mb"), backend.Set("maxmemory-policy", "allkeys-lru"),
		backend.Set("save", "3600", "1"))
	c := client(t, s.URL(), nil)
	for name, want := range map[string]string{
		"appendfsync": "everysec", "maxmemory": "4194304", "maxmemory-policy": "allkeys-lru", "appendonly": "yes", "save": "3600 1",
	} {
		if got := c.ConfigGet(t.Context(), name).Val()[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestRedisAsksForThePassword(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t, backend.Password("a secret"))
	set(t, client(t, s.URL(), nil), "key", "value")
	if err := client(t, "redis://"+s.Addr(), nil).Ping(t.Context()).Err(); err == nil {
		t.Error("a client without the password was let in")
	}
}

func TestRedisHoldsAUserToItsRules(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t, backend.User("raven", "a secret", "~raven:*", "&*", "+@all", "-flushdb"))
	c := client(t, s.URL(), nil)
	set(t, c, "raven:key", "value")
	for what, err := range map[string]error{
		"another key": c.Set(t.Context(), "key", "value", 0).Err(),
		"FLUSHDB":     c.FlushDB(t.Context()).Err(),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%s gave %v, want NOPERM", what, err)
		}
	}
}

func TestRedisTalksTLSOnlyToAClientWithACertificate(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t, backend.MutualTLS())
	if !strings.HasPrefix(s.URL(), "rediss://") {
		t.Errorf("the URL is %s", s.URL())
	}
	set(t, client(t, s.URL(), s.TLS()), "key", "value")

	files := s.Certs()
	own, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	stranger := s.TLS()
	stranger.Certificates = nil
	distrustful := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	for who, config := range map[string]*tls.Config{"no certificate": stranger, "another authority": distrustful} {
		if err := client(t, s.URL(), config).Ping(t.Context()).Err(); err == nil {
			t.Errorf("a client with %s was served", who)
		}
	}
	if err := client(t, "redis://"+s.Addr(), nil).Ping(t.Context()).Err(); err == nil {
		t.Error("a client without TLS was served")
	}
}

func TestAReplicaHasWhatItsMasterHas(t *testing.T) {
	t.Parallel()
	master := backend.Redis(t, backend.Password("a secret"))
	c := client(t, master.URL(), nil)
	set(t, c, "key", "value")
	replica := backend.Redis(t, backend.ReplicaOf(master))
	wantValue(t, client(t, replica.URL(), nil), "key", "value")
	if got := c.Wait(t.Context(), 1, time.Minute).Val(); got != 1 {
		t.Errorf("%d replicas confirm a write, want 1", got)
	}
}

func TestSharedRedisGivesEachTestADatabaseOfItsOwnAndEmptiesIt(t *testing.T) {
	hold := backend.SharedRedis(t) // keeps the server
	var urls []string
	t.Run("used at the same time", func(t *testing.T) {
		for range 3 {
			urls = append(urls, backend.SharedRedis(t))
			c := client(t, urls[len(urls)-1], nil)
			if n := c.DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("a new database holds %d keys", n)
			}
			set(t, c, "key", "value")
		}
	})
	seen := map[string]bool{hold: true}
	for _, u := range urls {
		if seen[u] {
			t.Errorf("%s was given out twice", u)
		}
		seen[u] = true
		if n := client(t, u, nil).DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%s was given back with %d keys", u, n)
		}
	}
}

func TestSharedRedisTakesNoDatabaseThatHoldsSomething(t *testing.T) {
	s := backend.Redis(t, backend.Set("databases", "2"))
	t.Setenv("RAVEN_TEST_REDIS_URL", s.URL())
	t.Setenv("TMPDIR", t.TempDir())
	precious := client(t, s.URL(), nil)
	set(t, precious, "precious", "kept")
	t.Run("a test", func(t *testing.T) {
		u, err := url.Parse(backend.SharedRedis(t))
		if err != nil || u.Host != s.Addr() || u.Path != "/1" {
			t.Errorf("given %v and %v, want database 1 of %s", u, err, s.Addr())
		}
		set(t, client(t, u.String(), nil), "key", "value")
	})
	wantValue(t, precious, "precious", "kept")
}

func TestNothingIsLeftWhenTheTestHasEnded(t *testing.T) {
	var addr string
	t.Setenv("TMPDIR", t.TempDir())
	t.Run("a test", func(t *testing.T) { addr = backend.Redis(t).Addr() })
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("the server runs on")
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
