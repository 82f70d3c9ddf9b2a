package backend_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

func clusterClient(t *testing.T, c *backend.Cluster) *redis.ClusterClient {
	t.Helper()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestAClusterServesAllSlots(t *testing.T) {
	t.Parallel()
	c := clusterClient(t, backend.RedisCluster(t))
	owned := 0
	for _, shard := range c.ClusterShards(t.Context()).Val() {
		for _, s := range shard.Slots {
			owned += int(s.End - s.Start + 1)
		}
	}
	if owned != 16384 {
		t.Errorf("%d slots are served, want 16384", owned)
	}
	for i := range 50 {
		key := fmt.Sprint("tenant:{", i, "}")
		set(t, c, key, "value")
		wantValue(t, c, key, "value")
	}
}

func TestAClusterGoesOnWithAReplicaOfAKilledMaster(t *testing.T) {
	t.Parallel()
	cluster := backend.RedisCluster(t, backend.Replicas(1))
	before := cluster.Master("key")
	c := client(t, before.URL(), nil)
	set(t, c, "key", "value")
	if got := c.Do(t.Context(), "WAIT", 1, 30_000).Val(); got != int64(1) {
		t.Fatalf("%v replicas confirm a write, want 1", got)
	}
	if killed := cluster.KillMaster("key"); killed != before {
		t.Errorf("%s was killed, want %s", killed.Addr(), before.Addr())
	}
	wantValue(t, client(t, cluster.Master("key").URL(), nil), "key", "value")

	cluster.Revive(before)
	if now := cluster.Master("key"); now == before {
		t.Error("the revived node is the master again")
	}
}

func TestAClusterWithoutReplicasIsDownUntilTheMasterIsBack(t *testing.T) {
	t.Parallel()
	cluster := backend.RedisCluster(t)
	set(t, client(t, cluster.Master("key").URL(), nil), "key", "value")
	killed := cluster.KillMaster("key")
	cluster.Revive(killed)
	wantValue(t, client(t, cluster.Master("key").URL(), nil), "key", "value")
}
