package keys

import (
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// The cache's bounds. Its life is the longest that a revocation, a rotation's
// end or changed settings take to reach a node that did not make them, which is
// to be less than a second: it is kept by time alone, so that there is no
// channel that could break, fall silent or lag behind.
const (
	cacheLife = 500 * time.Millisecond
	cacheKeys = 50_000
)

// identity is what a look-up found.
type identity struct {
	key      core.KeyRecord
	tenant   core.TenantRecord
	lookedUp time.Time // when the look-up began
}

// cache keeps look-ups for a moment. What this node changes is dropped at once,
// and so is a look-up that was under way meanwhile.
type cache struct {
	mu      sync.Mutex
	found   map[core.KeyHash]identity
	changes uint64 // counts drops
	stats   Stats
}

// get returns a look-up that is fresh at now, and what put needs to know.
func (c *cache) get(hash core.KeyHash, now time.Time) (found identity, ok bool, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok = c.found[hash]
	age := now.Sub(found.lookedUp)
	if ok = ok && age >= 0 && age < cacheLife; ok {
		c.stats.Hits++
	} else {
		c.stats.Misses++
	}
	return found, ok, c.changes
}

// put keeps a look-up, unless something was dropped since get gave changes. That a
// key is revoked is for good: it is kept whatever came between, and nothing that was
// read before, and answered later, takes its place.
func (c *cache) put(hash core.KeyHash, found identity, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found.key.RevokedAt == nil {
		if c.changes != changes || c.found[hash].key.RevokedAt != nil {
			return
		}
	}
	if c.found == nil || len(c.found) >= cacheKeys {
		c.found = map[core.KeyHash]identity{} // all is looked up again within its life anyway
	}
	c.found[hash] = found
}

// drop forgets what was looked up of a tenant.
func (c *cache) drop(tenant core.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for hash, found := range c.found {
		if found.tenant.ID == tenant {
			delete(c.found, hash)
		}
	}
}

// Stats count look-ups of keys since the start: those that the cache answered,
// and those that asked the store.
type Stats struct{ Hits, Misses uint64 }

// Stats returns the figures of the moment.
func (s *Service) Stats() Stats {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.cache.stats
}

// Forget makes the next use of any of the tenant's keys look it up anew. It is
// called after the tenant changed or was deleted.
func (s *Service) Forget(tenant core.TenantID) { s.cache.drop(tenant) }
