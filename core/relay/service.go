// Package relay carries events from the outboxes to the sinks: by their numbers,
// at least once, to each sink at its own pace.
package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Sink takes events in. It must bear to get events again that it had: of one
// tenant, from several processes at once, too.
type Sink interface {
	// Name tells the sink's positions from those of others. It must not change.
	Name() string

	// Deliver returns nil when the sink has all the events, which ascend
	// without gaps. They may be handed in again. A sink that would rather have
	// them later fails with an error that has a method RetryAt() time.Time.
	Deliver(ctx context.Context, tenant core.TenantID, events []core.Event) error
}

// Lane says how a sink gets its events. Zero values take the defaults.
type Lane struct {
	Sink    Sink
	Linger  time.Duration // from an event to its delivery, so that more come along; 0 for none
	Batch   int           // events at once, at most; 500
	Workers int           // tenants at once, at most; 4
}

// Store is what the relay reads and writes.
type Store interface {
	ports.Outbox
	ports.Relaying
}

// Deps are what the relay works with.
type Deps struct {
	Store  Store
	Leases ports.Leases // nil where no other process has the same store
	Holder string       // names this process among those
	Clock  ports.Clock

	// After calls fire once, d from now, unless it is stopped before.
	After func(d time.Duration, fire func()) (stop func())

	// Jitter gives a number in [0, 1).
	Jitter func() float64

	// Report is told of what fails; it is tried again.
	Report func(ctx context.Context, doing string, err error)
}

// Bounds of the work.
const (
	sweepEvery  = 30 * time.Second
	sweepPage   = 500
	lookEvery   = 5 * time.Second  // whether the one that sweeps is still there
	leadTime    = 15 * time.Second // of the lease to sweep; what a dead process held waits for so long
	soundEvery  = 2 * time.Minute  // by a process that does not sweep, while a sink is down
	maxWaiting  = 100_000          // tenants that a lane remembers to serve; the sweep finds the others
	leaseTime   = 30 * time.Second
	deliverTime = 30 * time.Second
	minBackoff  = 200 * time.Millisecond
	maxBackoff  = time.Minute     // of a tenant that its sink refuses
	maxPause    = 5 * time.Second // of a sink that is down
	endTime     = 5 * time.Second // for what must be done after the end
	endTries    = 3
)

// Service is the relay. Its methods are safe for concurrent use.
type Service struct {
	Deps
	lanes []*lane

	sweeping sweeping

	mu  sync.Mutex
	lag map[string]Lag
}

// New makes a relay of the sinks. Nothing happens before Run, save in Drain.
func New(deps Deps, lanes ...Lane) *Service {
	s := &Service{Deps: deps, lag: map[string]Lag{}}
	for _, l := range lanes {
		if l.Batch <= 0 {
			l.Batch = 500
		}
		if l.Workers <= 0 {
			l.Workers = 4
		}
		s.lanes = append(s.lanes, newLane(s, l))
	}
	return s
}

// Notify says that a tenant's outbox has something new. It never waits.
func (s *Service) Notify(tenant core.TenantID) {
	for _, l := range s.lanes {
		l.add(tenant)
	}
}

// Run relays until ctx is done, and returns when all work has ended. What is in
// the outboxes already is found at the start, by whichever process has the lease
// to look for it.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, l := range s.lanes {
		wg.Go(func() { l.run(ctx) })
	}
	defer s.yield(ctx)
	for {
		pause, err := s.look(ctx)
		if err != nil && ctx.Err() == nil {
			s.Report(ctx, "looking for events to relay", err)
		}
		if !s.wait(ctx, nil, pause) {
			return
		}
	}
}

// wait returns after d, or when woken; false when ctx is done. Less than 0 is
// for ever.
func (s *Service) wait(ctx context.Context, wake <-chan struct{}, d time.Duration) bool {
	fired := make(chan struct{})
	if d >= 0 {
		stop := s.After(d, sync.OnceFunc(func() { close(fired) }))
		defer stop()
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-fired:
	}
	return ctx.Err() == nil
}

var errNoSink = errors.New("relay: there is no such sink")

// Drain hands the sink all of the tenant's events that are in the outbox when
// it is called. It does not wait for retries or leases, and fails as the sink
// does.
func (s *Service) Drain(ctx context.Context, tenant core.TenantID, sink string) error {
	for _, l := range s.lanes {
		if l.Sink.Name() == sink {
			return l.drain(ctx, tenant)
		}
	}
	return fmt.Errorf("%w: %s", errNoSink, sink)
}

// DrainAll hands every sink what the outboxes hold, for a process that ends. A
// sink that fails is left where it is.
func (s *Service) DrainAll(ctx context.Context) error {
	var errs []error
	down := map[string]bool{}
	err := s.outboxes(ctx, func(box core.OutboxState) error {
		for _, l := range s.lanes {
			name := l.Sink.Name()
			if down[name] {
				continue
			}
			err := l.drain(ctx, box.Tenant)
			if _, later := retryAt(err); err != nil && !later {
				down[name] = core.Is(err, core.CodeUnavailable) || ctx.Err() != nil
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		return ctx.Err()
	})
	return errors.Join(append(errs, err)...)
}

// outboxes visits every outbox that holds events.
func (s *Service) outboxes(ctx context.Context, visit func(core.OutboxState) error) error {
	after := core.TenantID("")
	for {
		page, err := s.Store.Outboxes(ctx, after, sweepPage)
		if err != nil {
			return err
		}
		for _, box := range page {
			if err := visit(box); err != nil {
				return err
			}
		}
		if len(page) < sweepPage {
			return nil
		}
		after = page[len(page)-1].Tenant
	}
}

// retryAt is when a sink wants events that it refused for now.
func retryAt(err error) (time.Time, bool) {
	var later interface{ RetryAt() time.Time }
	if errors.As(err, &later) {
		return later.RetryAt(), true
	}
	return time.Time{}, false
}
