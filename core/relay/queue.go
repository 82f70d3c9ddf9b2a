package relay

import (
	"container/heap"
	"time"

	"github.com/raven-memory/raven/core"
)

// queue is the tenants that a lane is to serve, each once: those whose turn has
// come, in their order, and those that wait for a time. It is not safe for
// concurrent use.
type queue struct {
	turns   map[core.TenantID]*turn
	ready   []*turn
	delayed byTime
}

// turn is one tenant's.
type turn struct {
	tenant   core.TenantID
	at       time.Time // while delayed
	running  bool
	again    bool // something came while it was running
	failures int  // in a row
	held     int  // times in a row that another process had the lease
}

func newQueue() queue { return queue{turns: map[core.TenantID]*turn{}} }

// add queues a tenant that is not in it yet, for a time. One that is running
// comes again.
func (q *queue) add(tenant core.TenantID, at time.Time) {
	if t, known := q.turns[tenant]; known {
		t.again = t.again || t.running
		return
	}
	if len(q.turns) >= maxWaiting {
		return
	}
	t := &turn{tenant: tenant}
	q.turns[tenant] = t
	q.delay(t, at)
}

// delay puts a tenant off until a time.
func (q *queue) delay(t *turn, at time.Time) {
	t.running, t.again, t.at = false, false, at
	heap.Push(&q.delayed, t)
}

// rush ends all waiting.
func (q *queue) rush() {
	for len(q.delayed) > 0 {
		q.ready = append(q.ready, heap.Pop(&q.delayed).(*turn)) //nolint:forcetypeassert // it holds nothing else
	}
}

// requeue puts a tenant behind those whose turn has come.
func (q *queue) requeue(t *turn) {
	t.running, t.again = false, false
	q.ready = append(q.ready, t)
}

// remove forgets a tenant.
func (q *queue) remove(t *turn) { delete(q.turns, t.tenant) }

// take gives the tenant whose turn it is; nil when there is none, and then how
// long it is to the next, less than 0 for none.
func (q *queue) take(now time.Time) (t *turn, wait time.Duration) {
	for len(q.delayed) > 0 && !q.delayed[0].at.After(now) {
		q.ready = append(q.ready, heap.Pop(&q.delayed).(*turn)) //nolint:forcetypeassert // it holds nothing else
	}
	if len(q.ready) > 0 {
		t, q.ready = q.ready[0], q.ready[1:]
		t.running = true
		return t, 0
	}
	if len(q.delayed) == 0 {
		return nil, -1
	}
	return nil, q.delayed[0].at.Sub(now)
}

// byTime is a heap, the earliest first.
type byTime []*turn

func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h byTime) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byTime) Push(t any)        { *h = append(*h, t.(*turn)) } //nolint:forcetypeassert // as above

// Pop removes the last.
func (h *byTime) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}
