package relay

import (
	"context"
	"errors"
	"time"

	"github.com/raven-memory/raven/core"
)

// errHeld says that another process has the lease of the tenant.
var errHeld = errors.New("relay: another process has the lease")

// How long a tenant waits whose lease another process has: twice as long each
// time in a row, as what that process carries is everybody's.
const (
	minHeld = time.Second
	maxHeld = 8 * time.Second
)

// keptTime is for how long a lease stays after the time that the sink asked for,
// so that the others do not ask the sink too.
const keptTime = 5 * time.Second

// work names the lease.
func (l *lane) work() string { return "relay:" + l.Sink.Name() }

// serve delivers one batch of a tenant, if no other process is about it.
func (l *lane) serve(ctx context.Context, tenant core.TenantID) (more bool, err error) {
	release, err := l.acquire(ctx, tenant)
	if err != nil {
		return false, err
	}
	defer release()
	if l.relay.Leases == nil {
		return l.deliver(ctx, tenant)
	}
	now := l.relay.Clock.Now()
	mine, err := l.relay.Leases.Lease(ctx, tenant, l.work(), l.relay.Holder, now, now.Add(leaseTime))
	if err != nil {
		return false, err
	}
	if !mine {
		return false, errHeld
	}
	more, err = l.deliver(ctx, tenant)
	l.leave(ctx, tenant, err)
	return more, err
}

// leave gives a lease back, or keeps it for a while where the sink wants the
// events later. One that stays runs out.
func (l *lane) leave(ctx context.Context, tenant core.TenantID, err error) {
	at, later := retryAt(err)
	if !later || ctx.Err() != nil {
		l.endLease(ctx, tenant)
		return
	}
	now := l.relay.Clock.Now()
	if until := at.Add(keptTime); until.Before(now.Add(leaseTime)) {
		_, _ = l.relay.Leases.Lease(ctx, tenant, l.work(), l.relay.Holder, now, until)
	}
}

// endLease gives a lease back. It is tried again, as nobody serves the tenant
// before a lease that stays runs out.
func (l *lane) endLease(ctx context.Context, tenant core.TenantID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	for range endTries {
		if l.relay.Leases.EndLease(ctx, tenant, l.work(), l.relay.Holder) == nil {
			return
		}
	}
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
