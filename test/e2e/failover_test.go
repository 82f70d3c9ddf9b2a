package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

// defaultFailovers is few because each takes Sentinels their time.
// RAVEN_TEST_KILLS asks for another number.
const defaultFailovers = 2

// TestKilledMasterBehindSentinelLosesAndDoublesNothing kills the master under
// load, again and again, with every change confirmed by its replica. Sentinels
// promote that; who was killed comes back and follows before the next.
func TestKilledMasterBehindSentinelLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	sentinel := backend.RedisSentinel(t)
	trial := newTrial(t, t.TempDir(), append(onRedis(sentinel.URL()), "RAVEN_STORE_REDIS_WAIT_REPLICAS=1")...)
	trial.runTimes(kills(defaultFailovers), func() {
		began := time.Now()
		killed, promoted := sentinel.Failover()
		took := time.Since(began).Round(time.Millisecond)
		killed.Restart()
		followed(t, sentinel)
		t.Logf("%s was killed; after %v %s was the master, and after %v it had a replica again",
			killed.Addr(), took, promoted.Addr(), time.Since(began).Round(time.Millisecond))
	})
	checkRedisEvents(t, sentinel.URL())
}

// followed waits until a replica follows the master, whichever that is by now:
// on a busy machine Sentinels may take one that is slow for one that is gone.
func followed(t *testing.T, sentinel *backend.Sentinel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		master := sentinel.Master()
		client := goredis.NewClient(&goredis.Options{Addr: master.Addr()})
		info, err := client.Info(ctx, "replication").Result()
		_ = client.Close()
		if err == nil && strings.Contains(info, "state=online") {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s has no replica (%v):\n%s", master.Addr(), err, info)
		}
		time.Sleep(50 * time.Millisecond) // between two questions
	}
}
