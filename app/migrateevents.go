package app

import (
	"context"
	"errors"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/ports"
)

const (
	movedEvents  = 1000 // read in one step
	movedTenants = 500
)

// eventMove moves what a store holds of events beside its tenants: the audit log
// where that is in the store, what each sink has, the deployment's own events,
// and those that deleted tenants left. It may be run again.
type eventMove struct {
	from, to transferStore
	log      ports.AuditLog // of the deployment, on the side moved to
	audit    *audit.Service
}

func moveEvents(ctx context.Context, cfg config.Config, from, to transferStore) (err error) {
	log, err := openAuditLog(ctx, cfg, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	deps := audit.Deps{Log: log, Clock: clock{}}
	if cfg.Audit.Backend == config.AuditStore {
		deps.Earlier = from
	}
	m := eventMove{from: from, to: to, log: log, audit: audit.New(deps, audit.Options{})}
	if err := m.audit.CarryOver(ctx); err != nil {
		return err
	}
	if err := m.ownEvents(ctx); err != nil {
		return err
	}
	if err := m.leftBehind(ctx); err != nil {
		return err
	}
	return m.positions(ctx)
}

// ownEvents records the deployment's events anew, from the first, so that they
// get the numbers that they had.
func (m *eventMove) ownEvents(ctx context.Context) error {
	done, err := m.to.Positions(ctx, core.DeploymentTenant)
	if err != nil || len(done) > 0 {
		return err
	}
	there, err := eventsAfter(ctx, m.to, core.DeploymentTenant, 0)
	if err != nil {
		return err
	}
	last, err := m.skipDropped(ctx, int64(len(there)))
	if err != nil {
		return err
	}
	for {
		entries, err := m.log.AuditEntries(ctx, core.DeploymentTenant, last, movedEvents)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break
		}
		events := eventsOf(entries)
		if err := m.to.RecordEvents(ctx, core.DeploymentTenant, core.Op{}, events...); err != nil {
			return err
		}
		last = events[len(events)-1].Seq
	}
	pending, err := eventsAfter(ctx, m.from, core.DeploymentTenant, last)
	if err != nil || len(pending) == 0 {
		return err
	}
	return m.to.RecordEvents(ctx, core.DeploymentTenant, core.Op{}, pending...)
}

// skipDropped records events in the place of those that were dropped from the
// log, and gives the number of the last that is recorded. Every sink has them.
func (m *eventMove) skipDropped(ctx context.Context, last int64) (int64, error) {
	d, err := m.log.AuditDropped(ctx, core.DeploymentTenant)
	for err == nil && last < d.Head.Seq {
		events := standIns(min(movedEvents, d.Head.Seq-last))
		err = m.to.RecordEvents(ctx, core.DeploymentTenant, core.Op{}, events...)
		last += int64(len(events))
	}
	return last, err
}

// leftBehind puts what is still in the outboxes of deleted tenants into the log,
// which is all that is kept of them.
func (m *eventMove) leftBehind(ctx context.Context) error {
	for after := core.TenantID(""); ; {
		boxes, err := m.from.Outboxes(ctx, after, movedTenants)
		if err != nil || len(boxes) == 0 {
			return err
		}
		for _, box := range boxes {
			if err := m.leftBy(ctx, box.Tenant); err != nil {
				return err
			}
			after = box.Tenant
		}
	}
}

func (m *eventMove) leftBy(ctx context.Context, id core.TenantID) error {
	if id == core.DeploymentTenant {
		return nil
	}
	if _, err := m.from.Tenant(ctx, id); !core.Is(err, core.CodeNotFound) {
		return err
	}
	events, err := eventsAfter(ctx, m.from, id, 0)
	if err != nil || len(events) == 0 {
		return err
	}
	return m.audit.LogSink().Deliver(ctx, id, events)
}

// positions notes what each sink has, of the deployment last: it says that its
// own events are all there.
func (m *eventMove) positions(ctx context.Context) error {
	if err := eachTenant(ctx, m.from, func(id core.TenantID) error { return m.position(ctx, id) }); err != nil {
		return err
	}
	return m.position(ctx, core.DeploymentTenant)
}

func (m *eventMove) position(ctx context.Context, id core.TenantID) error {
	positions, err := m.from.Positions(ctx, id)
	if err != nil {
		return err
	}
	for sink, seq := range positions {
		if err := m.to.SetPosition(ctx, id, sink, seq); err != nil {
			return err
		}
	}
	return nil
}

func eventsAfter(ctx context.Context, s ports.Outbox, id core.TenantID, after int64) (all []core.Event, err error) {
	for {
		some, err := s.Events(ctx, id, after, movedEvents)
		if core.Is(err, core.CodeNotFound) {
			return all, nil
		}
		if err != nil || len(some) == 0 {
			return all, err
		}
		all, after = append(all, some...), some[len(some)-1].Seq
	}
}
