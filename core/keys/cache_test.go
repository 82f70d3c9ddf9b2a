package keys

import (
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

func TestLookUpIsKeptForLessThanASecond(t *testing.T) {
	t.Parallel()
	var c cache
	at := time.Unix(1000, 0)
	hash := core.KeyHash{1}
	c.put(hash, identity{lookedUp: at}, 0)
	for after, fresh := range map[time.Duration]bool{
		0: true, cacheLife - time.Nanosecond: true, cacheLife: false, time.Hour: false, -time.Millisecond: false,
	} {
		if _, ok, _ := c.get(hash, at.Add(after)); ok != fresh {
			t.Errorf("after %v it is fresh: %v", after, ok)
		}
	}
	if c.stats != (Stats{Hits: 2, Misses: 3}) {
		t.Errorf("counted: %+v", c.stats)
	}
}

func TestWhatThisNodeChangesIsForgottenAtOnce(t *testing.T) {
	t.Parallel()
	var c cache
	at := time.Unix(1000, 0)
	of := func(id core.TenantID) identity { return identity{tenant: core.TenantRecord{ID: id}, lookedUp: at} }
	_, _, changes := c.get(core.KeyHash{1}, at)
	c.put(core.KeyHash{1}, of("a"), changes)
	c.put(core.KeyHash{2}, of("b"), changes)
	c.drop("a")
	if _, ok, _ := c.get(core.KeyHash{1}, at); ok {
		t.Error("the tenant's look-up is still there")
	}
	if _, ok, _ := c.get(core.KeyHash{2}, at); !ok {
		t.Error("another tenant's look-up is gone")
	}
	c.put(core.KeyHash{1}, of("a"), changes) // it was under way when the change was made
	if _, ok, _ := c.get(core.KeyHash{1}, at); ok {
		t.Error("a look-up from before the change is kept after it")
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c cache
	for i := range cacheKeys * 2 {
		c.put(core.KeyHash{byte(i), byte(i >> 8), byte(i >> 16)}, identity{}, 0)
		if len(c.found) > cacheKeys {
			t.Fatalf("it holds %d look-ups", len(c.found))
		}
	}
}
