package relay

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// heldError says that another process does the work.
type heldError struct{ until time.Time }

func (heldError) Error() string { return "relay: another process has the lease" }

// RetryAt is when to look again.
func (h heldError) RetryAt() time.Time { return h.until }

// heldTime is how long a tenant waits at least whose lease another process has.
const heldTime = time.Second

// work names the lease.
func (l *lane) work() string { return "relay:" + l.Sink.Name() }

// serve delivers one batch of a tenant, if no other process is about it.
func (l *lane) serve(ctx context.Context, tenant core.TenantID) (more bool, err error) {
	release, err := l.acquire(ctx, tenant)
	if err != nil {
		return false, err
	}
	defer release()
	if l.relay.Leases != nil {
		now := l.relay.Clock.Now()
		mine, err := l.relay.Leases.Lease(ctx, tenant, l.work(), l.relay.Holder, now, now.Add(leaseTime))
		if err != nil {
			return false, err
		}
		if !mine {
			return false, heldError{now.Add(heldTime + time.Duration(l.relay.Jitter()*float64(heldTime)))}
		}
		defer l.endLease(ctx, tenant)
	}
	return l.deliver(ctx, tenant)
}

// endLease gives a lease back; one that stays runs out.
func (l *lane) endLease(ctx context.Context, tenant core.TenantID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_ = l.relay.Leases.EndLease(ctx, tenant, l.work(), l.relay.Holder)
}

// deliver delivers one batch; more is true when there may be another.
func (l *lane) deliver(ctx context.Context, tenant core.TenantID) (more bool, err error) {
	s, name := l.relay, l.Sink.Name()
	positions, err := s.Store.Positions(ctx, tenant)
	if err != nil {
		return false, err
	}
	events, err := s.Store.Events(ctx, tenant, positions[name], l.Batch)
	if core.Is(err, core.CodeNotFound) {
		return false, nil
	}
	if err != nil || len(events) == 0 {
		return false, err
	}
	if err := l.hand(ctx, tenant, events); err != nil {
		return false, err
	}
	last := events[len(events)-1].Seq
	if err := s.Store.SetPosition(ctx, tenant, name, last); err != nil {
		return false, err
	}
	if before := s.least(positions); positions[name] <= before {
		if err := s.trim(ctx, tenant, before); err != nil {
			return false, err
		}
	}
	return len(events) == l.Batch, nil
}

// hand gives the sink a bounded time.
func (l *lane) hand(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	return l.Sink.Deliver(ctx, tenant, events)
}

// drain delivers what is there, without a lease: sinks bear that another
// process does so too.
func (l *lane) drain(ctx context.Context, tenant core.TenantID) error {
	release, err := l.acquire(ctx, tenant)
	if err != nil {
		return err
	}
	defer release()
	for {
		if more, err := l.deliver(ctx, tenant); err != nil || !more {
			return err
		}
	}
}
