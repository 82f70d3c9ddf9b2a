package webhooks

import (
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// Bounds of what one process sends at a time.
const (
	maxHeld      = 512 // deliveries under way and waiting, of all tenants
	maxUnderWay  = 8   // of a tenant
	maxWaiting   = 64  // of a tenant
	maxTaken     = 32  // of a tenant at once
	maxFailures  = 10  // in a row, before a receiver is left alone
	maxPause     = 5 * time.Minute
	crowded      = 2 * time.Second // until a delivery comes again that found no room
	forgetFailed = time.Hour       // how long a lane that is left alone is remembered
)

// lanes keep the receivers apart: one that is slow or down holds up its own
// deliveries and nobody else's.
type lanes struct {
	pause time.Duration

	mu   sync.Mutex
	of   map[core.TenantID]*lane
	held int
}

// lane is the way to one tenant's receiver, with a breaker: after maxFailures in
// a row it is closed for a while, then one delivery at a time tries whether the
// receiver is back.
type lane struct {
	url      string
	waiting  []job
	underWay int
	failures int // in a row
	pause    time.Duration
	closed   time.Time // until then
}

func newLanes(pause time.Duration) *lanes {
	return &lanes{pause: pause, of: map[core.TenantID]*lane{}}
}

// room is how many deliveries may be taken.
func (l *lanes) room() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maxHeld - l.held
}

// lead forgets the failures of a tenant's former URL.
func (l *lanes) lead(tenant core.TenantID, url string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.of[tenant]; a != nil && a.url != url {
		a.url, a.failures, a.pause, a.closed = url, 0, 0, time.Time{}
	}
}

func (a *lane) width() int {
	if a.failures >= maxFailures {
		return 1
	}
	return maxUnderWay
}

// offer says what to do with a job: start it now, or let it wait (both are
// zero), or put it back until a time.
func (l *lanes) offer(j job, now time.Time) (start bool, putBack time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of[j.lane()]
	if a == nil {
		a = &lane{}
		l.of[j.lane()] = a
	}
	switch {
	case a.closed.After(now):
		return false, a.closed
	case a.underWay < a.width():
		a.underWay++
		l.held++
		return true, time.Time{}
	case len(a.waiting) < maxWaiting:
		a.waiting = append(a.waiting, j)
		l.held++
		return false, time.Time{}
	default:
		return false, now.Add(crowded)
	}
}

// result is what a job came to, for its lane.
type result int

const (
	resultNone result = iota // nothing was learned of the receiver
	resultGood
	resultBad
)

// done ends a job under way. It gives the jobs to start in its place, those to
// put back until a time, and whether there may be more to take for the lane.
// leave is until when the receiver asks to be left alone.
func (l *lanes) done(tenant core.TenantID, r result, leave, now time.Time) (start, putBack []job, until time.Time, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of[tenant]
	a.underWay--
	l.held--
	a.learn(r, l.pause, leave, now)
	if a.closed.After(now) {
		putBack, a.waiting = a.waiting, nil
		l.held -= len(putBack)
		return nil, putBack, a.closed, true
	}
	for a.underWay < a.width() && len(a.waiting) > 0 {
		start = append(start, a.waiting[0])
		a.waiting = a.waiting[1:]
		a.underWay++
	}
	more = len(a.waiting) == 0
	if a.underWay == 0 && a.failures == 0 {
		delete(l.of, tenant)
	}
	return start, nil, time.Time{}, more
}

// learn counts an outcome. What was under way when the lane was closed does not
// close it for longer.
func (a *lane) learn(r result, pause time.Duration, leave, now time.Time) {
	switch r {
	case resultGood:
		a.failures, a.pause, a.closed = 0, 0, time.Time{}
	case resultBad:
		a.failures++
		if a.failures >= maxFailures && !a.closed.After(now) {
			a.pause = min(max(pause, 2*a.pause), maxPause)
			a.closed = now.Add(a.pause)
		}
	case resultNone:
	}
	if latest := now.Add(maxPause); leave.After(latest) {
		leave = latest
	}
	if leave.After(a.closed) {
		a.closed = leave
	}
}

// sweep forgets lanes that nobody used for long.
func (l *lanes) sweep(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for tenant, a := range l.of {
		if a.underWay == 0 && len(a.waiting) == 0 && now.Sub(a.closed) > forgetFailed {
			delete(l.of, tenant)
		}
	}
}
