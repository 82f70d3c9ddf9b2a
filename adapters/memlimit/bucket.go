package memlimit

import (
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	minute = int64(time.Minute / time.Microsecond)
	// mostDepth bounds a bucket to what is far from overflowing, some 36 000 years.
	mostDepth = int64(1) << 60
)

// measure is a rate in microseconds. It is GCRA's: a bucket is told by the time
// at which it will be full (the "theoretical arrival time" of ITU-T I.371).
type measure struct {
	interval int64 // to get one; rounded up, so that no more is let in than the rate
	burst    int64
}

func measureOf(r core.Rate) measure {
	perMinute := max(r.PerMinute, 1)
	interval := (minute-1)/perMinute + 1
	return measure{interval: interval, burst: min(max(r.Burst, 1), mostDepth/interval)}
}

// depth is how long an empty bucket takes to fill.
func (m measure) depth() int64 { return m.interval * m.burst }

// within brings the time at which a bucket is full between now and a whole
// depth from now. It is beyond after the clock stepped back or the burst was
// made smaller; kept there, the bucket would stay closed until then.
func (m measure) within(now, fullAt int64) int64 {
	return min(max(fullAt, now), now+m.depth())
}

// take takes a cost out of a bucket that is full at fullAt, if it is in it.
func (m measure) take(now, fullAt, cost int64) (int64, core.RateDecision) {
	next := fullAt + m.interval*min(max(cost, 0), m.burst+1)
	allowAt := next - m.depth()
	d := core.RateDecision{Allowed: now >= allowAt}
	if d.Allowed {
		fullAt = next
	} else {
		d.RetryAfter = micro(allowAt - now)
	}
	d.Remaining, d.Reset = m.left(now, fullAt)
	return fullAt, d
}

// left is what is in a bucket, and how long until it is full.
func (m measure) left(now, fullAt int64) (int64, time.Duration) {
	return (now + m.depth() - fullAt) / m.interval, micro(fullAt - now)
}

func micro(n int64) time.Duration {
	return time.Duration(min(n, int64(1<<63-1)/int64(time.Microsecond))) * time.Microsecond
}

// bucket is one that is not full.
type bucket struct {
	key    string
	fullAt int64
	index  int // in the queue
}

// queue is a heap of buckets, the one nearest to full first.
type queue []*bucket

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].fullAt < q[j].fullAt }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for package heap.
func (q *queue) Push(x any) {
	b := x.(*bucket) //nolint:forcetypeassert // nothing else is in it
	b.index = len(*q)
	*q = append(*q, b)
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	b := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return b
}
