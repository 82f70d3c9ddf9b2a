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

// Look-ups beside each other may be answered in any order, and other keys be changed
// meanwhile.
func TestKeyThatWasFoundRevokedIsNotTakenAgain(t *testing.T) {
	t.Parallel()
	var c cache
	at, hash := time.Unix(1000, 0), core.KeyHash{1}
	live := identity{lookedUp: at.Add(time.Millisecond)}
	_, _, before := c.get(hash, at)
	c.drop("a")
	_, _, changes := c.get(hash, at)
	c.put(hash, live, changes)
	c.put(hash, identity{key: core.KeyRecord{APIKey: core.APIKey{RevokedAt: &at}}, lookedUp: at}, before)
	for range 2 {
		if found, ok, _ := c.get(hash, at); !ok || found.key.RevokedAt == nil {
			t.Error("it is taken again")
		}
		c.put(hash, live, changes) // was read before
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
