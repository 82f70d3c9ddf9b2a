package sealing

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

type stoppedClock struct{ at time.Time }

func (c *stoppedClock) Now() time.Time { return c.at }

// held is a cache that holds one key, of bytes 0xc3.
func held(c *stoppedClock, most int) (*cache, *dataKey) {
	cache := newCache(c, time.Minute, most)
	key := &dataKey{version: 1}
	for i := range key.secret {
		key.secret[i] = 0xc3
	}
	bring(cache, c.at, "a", key)
	return cache, cache.sets["a"].Value.(*keySet).keys[1]
}

func bring(c *cache, at time.Time, tenant core.TenantID, key *dataKey) {
	_, l, _ := c.find(tenant, newest)
	l.set = &keySet{tenant: tenant, at: at, wrapped: []core.WrappedKey{{Version: key.version}}, keys: map[uint32]*dataKey{}}
	c.finish(tenant, l, key)
}

func TestKeysNeverPrint(t *testing.T) {
	t.Parallel()
	cache, key := held(&stoppedClock{}, 10)
	service := &Service{cache: cache}
	for _, v := range []any{key, *key, []dataKey{*key}, map[string]dataKey{"k": *key}, struct{ K dataKey }{*key}, service, struct{ S *Service }{service}} {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		for _, bad := range []string{"c3c3", "C3C3", "195 195", "195,195", "0xc3, 0xc3", "11000011", "303 303", "\xc3\xc3", `\xc3\xc3`, "w8PD"} {
			if strings.Contains(out.String(), bad) {
				t.Errorf("%T prints its key: %q", v, bad)
			}
		}
	}
}

func TestKeysAreClearedWhenTheyLeaveTheCache(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*stoppedClock, *cache){
		"forgotten": func(_ *stoppedClock, c *cache) { c.forget("a") },
		"expired":   func(at *stoppedClock, c *cache) { at.at = at.at.Add(time.Minute); c.expire() },
		"evicted":   func(at *stoppedClock, c *cache) { bring(c, at.at, "b", &dataKey{version: 1}) },
		"replaced":  func(at *stoppedClock, c *cache) { _, l, _ := c.find("a", versioned(2)); replace(at, c, l) },
	} {
		clock := &stoppedClock{}
		cache, key := held(clock, 1)
		if name == "replaced" {
			cache.most = 10
		}
		leave(clock, cache)
		if key.secret != [32]byte{} {
			t.Errorf("%s: the key is still in memory", name)
		}
		if cache.held != len(cache.sets) || cache.order.Len() != len(cache.sets) {
			t.Errorf("%s: %d keys counted, %d sets, %d in order", name, cache.held, len(cache.sets), cache.order.Len())
		}
	}
}

func replace(clock *stoppedClock, c *cache, l *load) {
	l.set = &keySet{tenant: "a", at: clock.at, wrapped: []core.WrappedKey{{Version: 2}}, keys: map[uint32]*dataKey{}}
	c.finish("a", l, &dataKey{version: 2})
}

// The copies that callers get are their own: clearing one leaves the cache's.
func TestCopiesOfAKeyAreIndependent(t *testing.T) {
	t.Parallel()
	cache, _ := held(&stoppedClock{}, 10)
	first, _, _ := cache.find("a", newest)
	first.clear()
	second, _, _ := cache.find("a", newest)
	if second.secret[0] != 0xc3 {
		t.Error("clearing one caller's copy cleared another's")
	}
}

// Loads may end in another order than they began; the oldest still goes first.
func TestOldestSetLeavesFirstWhenLoadsOvertake(t *testing.T) {
	t.Parallel()
	clock := &stoppedClock{}
	cache, _ := held(clock, 10)
	bring(cache, clock.at.Add(-time.Second), "slow", &dataKey{version: 1})
	clock.at = clock.at.Add(59 * time.Second)
	cache.expire()
	if cache.sets["slow"] != nil || cache.sets["a"] == nil {
		t.Error("the older set stayed, or the younger went")
	}
}

// After the clock stepped back, a set from before the step is of unknown age,
// also behind one that is not.
func TestSetFromTheFutureIsNotUsed(t *testing.T) {
	t.Parallel()
	clock := &stoppedClock{}
	cache, _ := held(clock, 10)
	bring(cache, clock.at.Add(time.Second), "b", &dataKey{version: 1})
	if key, _, _ := cache.find("b", newest); key != nil {
		t.Error("a key from the future is handed out")
	}
	if key, _, _ := cache.find("a", newest); key == nil {
		t.Error("the other tenant's key is gone too")
	}
}

// A set that is dropped while one of its keys is being unwrapped comes back
// without the keys that were cleared.
func TestDroppedSetComesBackWithoutItsClearedKeys(t *testing.T) {
	t.Parallel()
	cache, _ := held(&stoppedClock{}, 10)
	set := cache.sets["a"].Value.(*keySet)
	set.wrapped = append(set.wrapped, core.WrappedKey{Version: 0})
	_, l, mine := cache.find("a", versioned(0))
	if !mine || l.set != set {
		t.Fatal("the load does not start from the cached set")
	}
	cache.mu.Lock()
	cache.drop(cache.sets["a"])
	cache.mu.Unlock()
	cache.finish("a", l, &dataKey{version: 0})
	if key, _, _ := cache.find("a", newest); key != nil {
		t.Errorf("a cleared key is handed out: %x", key.secret[0])
	}
}
