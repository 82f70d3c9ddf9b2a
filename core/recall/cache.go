package recall

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"

	"github.com/raven-memory/raven/core"
)

// owner is whose an index is.
type owner struct {
	tenant core.TenantID
	user   core.UserID
}

// cache holds the users' indexes. What is dropped from it is only cut loose:
// whoever is reading or building it goes on, and then it is garbage.
type cache struct {
	maxBytes int64

	mu      sync.Mutex
	tenants map[core.TenantID]map[core.UserID]*entry
	used    *list.List // of *entry, the last used first
	bytes   int64

	hits, follows, builds atomic.Uint64
}

// entry is one user's index and its locks.
type entry struct {
	owner   owner
	element *list.Element // guarded by cache.mu
	bytes   int64         // as counted in cache.bytes, guarded by cache.mu

	turn places // one, held by the one who renews the index

	mu    sync.RWMutex // held for writing only together with turn
	index *index       // nil until it is built
}

func newCache(maxBytes int64) *cache {
	return &cache{maxBytes: maxBytes, tenants: map[core.TenantID]map[core.UserID]*entry{}, used: list.New()}
}

// entry returns the owner's entry, made if there is none, as the last used.
func (c *cache) entry(o owner) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.get(o); e != nil {
		c.used.MoveToFront(e.element)
		return e
	}
	e := &entry{owner: o, turn: make(places, 1)}
	e.element = c.used.PushFront(e)
	if c.tenants[o.tenant] == nil {
		c.tenants[o.tenant] = map[core.UserID]*entry{}
	}
	c.tenants[o.tenant][o.user] = e
	return e
}

// peek returns the owner's entry, nil for none.
func (c *cache) peek(o owner) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get(o)
}

// weigh counts what the entry takes now and drops the least recently used
// until all fit. An entry that was dropped meanwhile does not count.
func (c *cache) weigh(e *entry) {
	e.mu.RLock()
	bytes := e.index.bytes
	e.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.get(e.owner) != e {
		return
	}
	c.bytes += bytes - e.bytes
	e.bytes = bytes
	for c.bytes > c.maxBytes {
		c.drop(c.used.Back().Value.(*entry))
	}
}

// discard drops an entry that nothing was built for, unless it was meanwhile.
func (c *cache) discard(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.bytes == 0 && c.get(e.owner) == e {
		c.drop(e)
	}
}

// get returns the owner's entry, nil for none; c.mu is held.
func (c *cache) get(o owner) *entry { return c.tenants[o.tenant][o.user] }

// drop cuts an entry loose; c.mu is held.
func (c *cache) drop(e *entry) {
	c.used.Remove(e.element)
	c.bytes -= e.bytes
	users := c.tenants[e.owner.tenant]
	delete(users, e.owner.user)
	if len(users) == 0 {
		delete(c.tenants, e.owner.tenant)
	}
}

func (c *cache) forget(tenant core.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.tenants[tenant] {
		c.drop(e)
	}
}

func (c *cache) forgetUser(o owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.get(o); e != nil {
		c.drop(e)
	}
}

func (c *cache) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Users: c.used.Len(), Bytes: c.bytes,
		Hits: c.hits.Load(), Follows: c.follows.Load(), Builds: c.builds.Load(),
	}
}

const anyVersion = -1

// read runs f on the index if it shows the version, and reports whether it did.
func (e *entry) read(version int64, f func(*index)) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.index == nil || version != anyVersion && e.index.version != version {
		return false
	}
	f(e.index)
	return true
}

// places lets as many work at once as it has room for; the others wait, each for
// its turn.
type places chan struct{}

// take waits for a place.
func (p places) take(ctx context.Context) error {
	select {
	case p <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p places) give() { <-p }

// put sets a new index; the caller holds the turn.
func (e *entry) put(x *index) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.index = x
}

// change runs f on the index alone; the caller holds the turn.
func (e *entry) change(f func(*index)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e.index)
}
