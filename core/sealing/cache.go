package sealing

import (
	"container/list"
	"context"
	"maps"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// cache holds the keys of tenants, a set each, the longest loaded first. A set
// that has lived for ttl is not used any more; when there are too many keys,
// the oldest sets go.
type cache struct {
	clock ports.Clock
	ttl   time.Duration
	most  int // keys

	mu       sync.Mutex
	held     int       // keys in all sets
	order    list.List // of *keySet
	sets     map[core.TenantID]*list.Element
	loads    map[core.TenantID]*load
	refusals map[question]refusal
	stats    Stats
}

// Stats count uses of data keys since the start: those that the cache had, and
// those that had to be opened or waited for, or were refused.
type Stats struct{ Hits, Misses uint64 }

// question is for which of a tenant's keys a provider was asked.
type question struct {
	tenant core.TenantID
	want   selector
}

// refusal is a provider's answer that is given again for refusalLife.
type refusal struct {
	err error
	at  time.Time
}

// refusalLife spares a provider that refuses, or is down, the same question
// again and again.
const refusalLife = time.Second

// keySet is what is cached of one tenant: its keys as they are stored, and
// those of them that somebody needed.
type keySet struct {
	tenant  core.TenantID
	at      time.Time // when the store was asked
	wrapped []core.WrappedKey
	keys    map[uint32]*dataKey
}

// load is one of a tenant's keys on its way. Until finish, it is its leader's,
// save forgotten, which is the cache's.
type load struct {
	want selector
	set  *keySet // what is known already; nil if the leader has to ask the store
	err  error   // for those who wait; nil where the leader only gave up

	forgotten bool
	done      chan struct{}
}

// wait returns when the load is done. Only who wanted the same gets its error;
// for the rest it says nothing.
func (l *load) wait(ctx context.Context, want selector) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
	}
	if want == l.want {
		return l.err
	}
	return nil
}

func newCache(clock ports.Clock, ttl time.Duration, most int) *cache {
	return &cache{
		clock: clock, ttl: ttl, most: most,
		sets:  map[core.TenantID]*list.Element{},
		loads: map[core.TenantID]*load{}, refusals: map[question]refusal{},
	}
}

// find gives a copy of the key, or else the load to wait for, or else a new
// one that is the caller's to lead. A load that is over already is a refusal.
func (c *cache) find(tenant core.TenantID, want selector) (key *dataKey, l *load, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	set := c.fresh(tenant, now)
	if set != nil {
		stored, known := want.pick(set.wrapped)
		if held := set.keys[stored.Version]; known && held != nil {
			c.stats.Hits++
			clone := *held
			return &clone, nil, false
		}
		if !known { // another node may have made it since: the store is asked
			set = nil
		}
	}
	c.stats.Misses++
	if l := c.loads[tenant]; l != nil {
		return nil, l, false
	}
	if r, ok := c.refusals[question{tenant, want}]; ok && !r.old(now) {
		return nil, refused(want, r), false
	}
	l = &load{want: want, set: set, done: make(chan struct{})}
	c.loads[tenant] = l
	return nil, l, true
}

// Stats returns the figures of the moment.
func (s *Service) Stats() Stats {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.cache.stats
}

func (r refusal) old(now time.Time) bool {
	age := now.Sub(r.at)
	return age < 0 || age >= refusalLife
}

func refused(want selector, r refusal) *load {
	l := &load{want: want, err: r.err, done: make(chan struct{})}
	close(l.done)
	return l
}

// peek gives a copy of one of the set's keys; nil for one that nobody needed yet.
func (c *cache) peek(set *keySet, version uint32) *dataKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := set.keys[version]; held != nil {
		clone := *held
		return &clone
	}
	return nil
}

// finish keeps what a load brought, which may be nothing. It reports false, and
// keeps nothing, when the tenant was forgotten since the load began.
func (c *cache) finish(tenant core.TenantID, l *load, keys ...*dataKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.forgotten {
		l.err = nil
		close(l.done)
		return false
	}
	delete(c.loads, tenant)
	c.refuse(tenant, l)
	for _, key := range keys {
		c.put(l.set, *key)
	}
	close(l.done)
	return true
}

// refuse remembers the refusal that a load ended with, or forgets the one there was.
func (c *cache) refuse(tenant core.TenantID, l *load) {
	about := question{tenant, l.want}
	delete(c.refusals, about)
	if !core.Is(l.err, core.CodeKeyUnavailable) && !core.Is(l.err, core.CodeKeyManagement) {
		return
	}
	now := c.clock.Now()
	if len(c.refusals) >= c.most {
		maps.DeleteFunc(c.refusals, func(_ question, r refusal) bool { return r.old(now) })
	}
	if len(c.refusals) < c.most {
		c.refusals[about] = refusal{err: l.err, at: now}
	}
}

// put adds the key to the set, and the set to the cache in the place of the
// tenant's other one.
func (c *cache) put(set *keySet, key dataKey) {
	e := c.sets[set.tenant]
	if e != nil && e.Value.(*keySet) != set {
		c.drop(e)
		e = nil
	}
	if e == nil {
		c.sets[set.tenant] = c.insert(set)
	}
	if old := set.keys[key.version]; old != nil {
		old.clear()
		c.held--
	}
	set.keys[key.version] = &key
	c.held++
	for c.held > c.most {
		c.drop(c.order.Front())
	}
}

func (c *cache) insert(set *keySet) *list.Element {
	for e := c.order.Back(); e != nil; e = e.Prev() {
		if !e.Value.(*keySet).at.After(set.at) {
			return c.order.InsertAfter(set, e)
		}
	}
	return c.order.PushFront(set)
}

func (c *cache) forget(tenant core.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.refusals, func(q question, _ refusal) bool { return q.tenant == tenant })
	if l := c.loads[tenant]; l != nil {
		l.forgotten = true
		delete(c.loads, tenant)
	}
	if e := c.sets[tenant]; e != nil {
		c.drop(e)
	}
}

// expire drops the sets that are too old.
func (c *cache) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	c.dropOld(now)
	maps.DeleteFunc(c.refusals, func(_ question, r refusal) bool { return r.old(now) })
}

// fresh gives the tenant's set if it may still be used.
func (c *cache) fresh(tenant core.TenantID, now time.Time) *keySet {
	c.dropOld(now)
	e := c.sets[tenant]
	if e == nil {
		return nil
	}
	if c.old(e, now) {
		c.drop(e)
		return nil
	}
	return e.Value.(*keySet)
}

func (c *cache) dropOld(now time.Time) {
	for e := c.order.Front(); e != nil && c.old(e, now); e = c.order.Front() {
		c.drop(e)
	}
}

// old takes a set from the future for old too: the clock stepped back, and the
// set's age can't be told.
func (c *cache) old(e *list.Element, now time.Time) bool {
	age := now.Sub(e.Value.(*keySet).at)
	return age < 0 || age >= c.ttl
}

func (c *cache) drop(e *list.Element) {
	set := c.order.Remove(e).(*keySet)
	delete(c.sets, set.tenant)
	c.held -= len(set.keys)
	for _, key := range set.keys {
		key.clear()
	}
	clear(set.keys) // a load may bring the set back
}
