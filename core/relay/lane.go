package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// lane serves one sink.
type lane struct {
	Lane
	relay *Service
	wake  chan struct{}

	mu       sync.Mutex
	queue    queue
	latest   time.Time                       // what the clock said last
	paused   time.Time                       // the sink is down: nothing before
	failures int                             // of the sink, in a row
	running  int                             // workers
	busy     map[core.TenantID]chan struct{} // what is worked on; closed when it ends
}

func newLane(s *Service, l Lane) *lane {
	return &lane{
		Lane: l, relay: s, wake: make(chan struct{}, 1),
		queue: newQueue(), busy: map[core.TenantID]chan struct{}{},
	}
}

// add queues a tenant.
func (l *lane) add(tenant core.TenantID) {
	l.mu.Lock()
	now, _ := l.now()
	l.queue.add(tenant, now.Add(l.Linger))
	l.mu.Unlock()
	l.poke()
}

// now is the time, and whether the clock was set back since it was asked last:
// then nothing waits any longer, as nobody can tell for how long it would.
func (l *lane) now() (now time.Time, back bool) {
	now = l.relay.Clock.Now()
	if back = now.Before(l.latest); back {
		l.paused = time.Time{}
		l.queue.rush()
	}
	l.latest = now
	return now, back
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run hands tenants to workers until ctx is done, and waits for these.
func (l *lane) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	free := make(chan struct{}, l.Workers)
	for {
		t, wait := l.next()
		if t == nil {
			if !l.relay.wait(ctx, l.wake, wait) {
				return
			}
			continue
		}
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		wg.Go(func() {
			more, err := l.serve(ctx, t.tenant)
			l.settle(ctx, t, more, err)
			<-free
		})
	}
}

// next takes the tenant whose turn it is. While the sink is down, one now and
// then tries it.
func (l *lane) next() (*turn, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, _ := l.now()
	if pause := l.paused.Sub(now); pause > 0 {
		return nil, pause
	}
	if l.failures > 0 && l.running > 0 {
		return nil, -1
	}
	t, wait := l.queue.take(now)
	if t != nil {
		l.running++
	}
	return t, wait
}

// settle says when the tenant's next turn is.
func (l *lane) settle(ctx context.Context, t *turn, more bool, err error) {
	later, isLater := retryAt(err)
	l.mu.Lock()
	l.running--
	now, back := l.now()
	switch {
	case isLater && back: // it may be a time of the clock before
		l.queue.requeue(t)
	case errors.Is(err, errHeld):
		t.failures = 0
		t.held++
		l.queue.delay(t, now.Add(l.relay.heldFor(t.held)))
	case isLater:
		t.failures, t.held = 0, 0
		l.queue.delay(t, later)
	case err == nil:
		l.failures, t.failures, t.held = 0, 0, 0
		l.served(t, more, now)
	case sinkIsDown(err):
		l.failures++
		l.paused = now.Add(l.relay.backoff(l.failures, maxPause))
		l.queue.requeue(t)
	default:
		t.failures++
		l.queue.delay(t, now.Add(l.relay.backoff(t.failures, maxBackoff)))
	}
	l.mu.Unlock()
	l.poke()
	if err != nil && !isLater && !errors.Is(err, errHeld) && ctx.Err() == nil {
		l.relay.Report(ctx, "relaying events of "+string(t.tenant)+" to "+l.Sink.Name(), err)
	}
}

// served says when the next turn is of a tenant that had one.
func (l *lane) served(t *turn, more bool, now time.Time) {
	switch {
	case more:
		l.queue.requeue(t)
	case t.again:
		l.queue.delay(t, now.Add(l.Linger))
	default:
		l.queue.remove(t)
	}
}

func (l *lane) down() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failures > 0
}

// sinkIsDown reports whether other tenants' events would fare no better.
func sinkIsDown(err error) bool {
	return core.Is(err, core.CodeUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// backoff doubles with each failure in a row, with jitter of up to half.
func (s *Service) backoff(failures int, most time.Duration) time.Duration {
	d := min(minBackoff<<min(failures-1, 16), most)
	return d - time.Duration(s.Jitter()*float64(d)/2)
}

// heldFor is how long to leave alone what another process holds, with jitter.
func (s *Service) heldFor(times int) time.Duration {
	d := min(minHeld<<min(times-1, 16), maxHeld)
	return d + time.Duration(s.Jitter()*float64(d))
}

// acquire waits until nobody in this process works on the tenant.
func (l *lane) acquire(ctx context.Context, tenant core.TenantID) (release func(), err error) {
	for {
		l.mu.Lock()
		other, taken := l.busy[tenant]
		if !taken {
			mine := make(chan struct{})
			l.busy[tenant] = mine
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.busy, tenant)
				l.mu.Unlock()
				close(mine)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
