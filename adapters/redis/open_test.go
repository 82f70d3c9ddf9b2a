package redis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestServerThatMayLoseDataIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings []backend.RedisOption
		opt      redis.Options
		says     []string // "" is let in
	}{
		"eviction": {
			settings: []backend.RedisOption{backend.Set("maxmemory", "64mb"), backend.Set("maxmemory-policy", "allkeys-lru")},
			says:     []string{"maxmemory-policy", "allkeys-lru", "noeviction"},
		},
		"no log": {
			settings: []backend.RedisOption{backend.Set("appendonly", "no")},
			says:     []string{"appendonly is no", "set it to yes"},
		},
		"a second": {
			settings: []backend.RedisOption{backend.Set("appendfsync", "everysec")},
			says:     []string{"appendfsync is everysec", "always", "relaxed"},
		},
		"a second, relaxed": {
			settings: []backend.RedisOption{backend.Set("appendfsync", "everysec")},
			opt:      redis.Options{Relaxed: true},
		},
		"no sync, relaxed": {
			settings: []backend.RedisOption{backend.Set("appendfsync", "no")},
			opt:      redis.Options{Relaxed: true},
			says:     []string{"appendfsync is no"},
		},
		"no log, trusted": {
			settings: []backend.RedisOption{backend.Set("appendonly", "no")},
			opt:      redis.Options{TrustServer: true},
		},
		"old": {
			opt:  redis.Options{Wait: redis.Wait{AOF: true}}, // the server is 7.0
			says: []string{"7.2"},
		},
		"hidden": {
			settings: []backend.RedisOption{backend.User("raven", "pass", "~*", "+@all", "-config")},
			says:     []string{"does not tell its settings", "trust_server"},
		},
		"hidden, trusted": {
			settings: []backend.RedisOption{backend.User("raven", "pass", "~*", "+@all", "-config")},
			opt:      redis.Options{TrustServer: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := backend.Redis(t, c.settings...)
			c.opt.URL = server.URL()
			if c.says == nil {
				if err := open(t, c.opt).Ping(bounded(t)); err != nil {
					t.Error(err)
				}
				return
			}
			_, err := redis.Open(bounded(t), c.opt)
			refusedWith(t, err, append(c.says, server.Addr())...)
		})
	}
}

func refusedWith(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it is let in")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestReplicaIsRefused(t *testing.T) {
	t.Parallel()
	master := backend.Redis(t)
	replica := backend.Redis(t, backend.ReplicaOf(master))
	_, err := redis.Open(bounded(t), redis.Options{URL: replica.URL()})
	refusedWith(t, err, "slave", "master", replica.Addr())
}

func TestServerThatIsNotThereIsRefusedSoon(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	server.Kill()
	begun := time.Now()
	_, err := redis.Open(bounded(t), redis.Options{URL: strings.Replace(server.URL(), "//", "//raven:very%20secret@", 1)})
	refusedWith(t, err, server.Addr())
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q tells the password", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The least that Raven's user needs to be allowed.
func TestUserOfFewRightsIsEnough(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t, backend.User("raven", "päss:/@", "~tenant:*", "~apikey:*", "~raven:*",
		"+@all", "-@dangerous", "-@admin", "+info", "+config|get", "-keys", "-flushall", "-flushdb"))
	l := live(t, open(t, redis.Options{URL: server.URL()}))
	l.end()
	l.vanish()
}

func TestTLSWithAClientCertificate(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t, backend.MutualTLS(), backend.Password("secret"))
	certs := server.Certs()
	files := redis.Options{URL: server.URL(), CAFile: certs.CAFile, CertFile: certs.CertFile, KeyFile: certs.KeyFile}
	if err := open(t, files).Ping(bounded(t)); err != nil {
		t.Error(err)
	}
	byURL := server.URL() + "?ca=" + certs.CAFile + "&cert=" + certs.CertFile + "&key=" + certs.KeyFile
	if err := open(t, redis.Options{URL: byURL}).Ping(bounded(t)); err != nil {
		t.Error(err)
	}
	for name, opt := range map[string]redis.Options{
		"without a certificate": {URL: server.URL(), CAFile: certs.CAFile},
		"without the authority": {URL: server.URL(), CertFile: certs.CertFile, KeyFile: certs.KeyFile},
		"without TLS":           {URL: strings.Replace(server.URL(), "rediss", "redis", 1)},
	} {
		if s, err := redis.Open(bounded(t), opt); err == nil {
			t.Errorf("%s, it is let in", name)
			_ = s.Close()
		}
	}
}

func TestUnreadableURLIsRefusedWithoutTellingIt(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opt := range []redis.Options{
		{}, {URL: "secret"}, {URL: "http://secret@host"}, {URL: "redis+ring://secret@a,b"}, {URL: "redis://secret@"},
		{URL: "redis://u:secret@a:1,b:2/0"}, {URL: "redis://u:secret@host:0"}, {URL: "redis://u:secret@host:99999"},
		{URL: "redis://u:secret@host:port"}, {URL: "redis://u:secret@host/one"}, {URL: "redis://u:secret@host/-1"},
		{URL: "redis://u:secret%zz@host"}, {URL: "redis://secret%@host"}, {URL: "redis+cluster://secret@a:1,b:2/3"},
		{URL: "redis+sentinel://u:secret@a:1"}, {URL: "redis+sentinel://u:secret@a:1/%zz"},
		{URL: "redis+sentinel://u:secret@a:1/m/x"}, {URL: "redis://u:secret@host?unknown=1"},
		{URL: "redis://u:secret@host?%zz"}, {URL: "redis://u:secret@host?sentinel_user=x"},
		{URL: "redis://u:secret@host?ca=x"}, {URL: "redis://u:secret@host", KeyFile: "x"},
		{URL: "rediss://u:secret@host?ca=/no/such/file"}, {URL: "rediss://u:secret@host?cert=x"},
		{URL: "rediss://u:secret@host", CAFile: empty}, {URL: "rediss://u:secret@host", CertFile: empty, KeyFile: empty},
	} {
		s, err := redis.Open(bounded(t), opt)
		if err == nil {
			t.Errorf("%q is let in", opt.URL)
			_ = s.Close()
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is in the error", err)
		}
	}
}

// After its end a store is one that can't be reached.
func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	s := open(t, redis.Options{URL: backend.SharedRedis(t)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(bounded(t)); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("writing gave %v", err)
	}
	if _, err := s.TenantIDs(bounded(t), "", 1); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("reading gave %v", err)
	}
}
