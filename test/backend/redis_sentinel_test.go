package backend_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

func failoverClient(t *testing.T, s *backend.Sentinel) *redis.Client {
	t.Helper()
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: backend.MasterName, SentinelAddrs: s.Addrs()})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestSentinelsPromoteAReplicaOfAKilledMaster(t *testing.T) {
	t.Parallel()
	s := backend.RedisSentinel(t, backend.Replicas(2))
	c := failoverClient(t, s)
	set(t, c, "key", "value")
	if got := c.Wait(t.Context(), 2, time.Minute).Val(); got != 2 {
		t.Fatalf("%d replicas confirm a write, want 2", got)
	}
	start := time.Now()
	killed, promoted := s.Failover()
	took := time.Since(start)
	t.Logf("failover in %v", took)
	if took > 30*time.Second {
		t.Errorf("the failover took %v", took)
	}
	if promoted == killed || promoted != s.Master() {
		t.Errorf("%s was promoted for %s", promoted.Addr(), killed.Addr())
	}
	wantValue(t, client(t, promoted.URL(), nil), "key", "value")
	wantValue(t, failoverClient(t, s), "key", "value")
}

func TestSentinelsSwitchOver(t *testing.T) {
	t.Parallel()
	s := backend.RedisSentinel(t, backend.Password("a secret"))
	demoted, promoted := s.SwitchOver()
	set(t, client(t, promoted.URL(), nil), "key", "value")
	if err := client(t, demoted.URL(), nil).Set(t.Context(), "key", "value", 0).Err(); err == nil {
		t.Error("the demoted master takes writes")
	}
}
