// Package memlimit keeps the buckets of rate limits in the memory of the
// process, for a deployment of one node.
package memlimit

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Limiter holds a bounded number of buckets. One that is full is as good as
// none and is not kept. When there are too many, the one that is nearest to
// full goes: what is forgotten of it is the least. Safe for concurrent use.
type Limiter struct {
	most int

	mu      sync.Mutex
	buckets map[string]*bucket
	queue   queue
}

var _ ports.Limiter = (*Limiter)(nil)

// New holds at most maxKeys buckets, and at least one.
func New(maxKeys int) *Limiter {
	return &Limiter{most: max(maxKeys, 1), buckets: map[string]*bucket{}}
}

// Take charges all rates or none; see ports.Limiter. Each takes time that grows
// with the logarithm of the number of buckets. It fails only for a context that
// is done.
func (l *Limiter) Take(ctx context.Context, now time.Time, rates ...core.Rate) ([]core.RateDecision, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now.UnixMicro()
	decisions := make([]core.RateDecision, len(rates))
	charged := make([]int64, len(rates)) // what each rate's bucket would become
	all := true
	for i, r := range rates {
		m := measureOf(r)
		full := m.within(at, l.fullAt(rates[:i], charged, r.Key))
		charged[i], decisions[i] = m.take(at, full, r.Cost)
		all = all && decisions[i].Allowed
	}
	for i, r := range rates {
		full := charged[i]
		if !all {
			m := measureOf(r)
			full = m.within(at, l.fullAt(nil, nil, r.Key))
			decisions[i].Remaining, decisions[i].Reset = m.left(at, full)
		}
		l.set(r.Key, full, at)
	}
	return decisions, nil
}

// fullAt is when a bucket will be full, after what a request takes of it by
// the rates before; 0 for one that is not kept.
func (l *Limiter) fullAt(before []core.Rate, charged []int64, key string) int64 {
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].Key == key {
			return charged[i]
		}
	}
	if b := l.buckets[key]; b != nil {
		return b.fullAt
	}
	return 0
}

// set keeps a bucket, and makes room.
func (l *Limiter) set(key string, fullAt, now int64) {
	b := l.buckets[key]
	switch {
	case b != nil:
		b.fullAt = fullAt
		heap.Fix(&l.queue, b.index)
	case fullAt > now:
		b = &bucket{key: key, fullAt: fullAt}
		l.buckets[key] = b
		heap.Push(&l.queue, b)
	}
	for len(l.queue) > 0 && (len(l.queue) > l.most || l.queue[0].fullAt <= now) {
		first := heap.Pop(&l.queue).(*bucket) //nolint:forcetypeassert // nothing else is in it
		delete(l.buckets, first.key)
	}
}
