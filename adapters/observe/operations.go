package observe

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type idempotency struct {
	next ports.Idempotency
	hooks
}

func (o idempotency) Begin(ctx context.Context, tenant core.TenantID, c core.IdempotencyClaim) (core.IdempotencyState, error) {
	return get(ctx, o.hooks, Call{"Idempotency", "Begin"}, func(ctx context.Context) (core.IdempotencyState, error) {
		return o.next.Begin(ctx, tenant, c)
	})
}

func (o idempotency) Complete(ctx context.Context, tenant core.TenantID, key [32]byte, opID string, response []byte) error {
	return do(ctx, o.hooks, Call{"Idempotency", "Complete"}, func(ctx context.Context) error {
		return o.next.Complete(ctx, tenant, key, opID, response)
	})
}

func (o idempotency) Release(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return do(ctx, o.hooks, Call{"Idempotency", "Release"}, func(ctx context.Context) error {
		return o.next.Release(ctx, tenant, key, opID)
	})
}

func (o idempotency) Abandon(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return do(ctx, o.hooks, Call{"Idempotency", "Abandon"}, func(ctx context.Context) error {
		return o.next.Abandon(ctx, tenant, key, opID)
	})
}

func (o idempotency) SweepOperations(ctx context.Context, now time.Time, limit int) (done bool, err error) {
	return get(ctx, o.hooks, Call{"Idempotency", "SweepOperations"}, func(ctx context.Context) (bool, error) {
		return o.next.SweepOperations(ctx, now, limit)
	})
}

type outbox struct {
	next ports.Outbox
	hooks
}

func (o outbox) Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error) {
	return get(ctx, o.hooks, Call{"Outbox", "Events"}, func(ctx context.Context) ([]core.Event, error) {
		return o.next.Events(ctx, tenant, after, limit)
	})
}

type recorder struct {
	next ports.Recorder
	hooks
}

func (o recorder) RecordEvents(ctx context.Context, tenant core.TenantID, op core.Op, events ...core.Event) error {
	return do(ctx, o.hooks, Call{"Recorder", "RecordEvents"}, func(ctx context.Context) error {
		return o.next.RecordEvents(ctx, tenant, op, events...)
	})
}

type relaying struct {
	next ports.Relaying
	hooks
}

func (o relaying) Outboxes(ctx context.Context, after core.TenantID, limit int) ([]core.OutboxState, error) {
	return get(ctx, o.hooks, Call{"Relaying", "Outboxes"}, func(ctx context.Context) ([]core.OutboxState, error) {
		return o.next.Outboxes(ctx, after, limit)
	})
}

func (o relaying) Positions(ctx context.Context, tenant core.TenantID) (map[string]int64, error) {
	return get(ctx, o.hooks, Call{"Relaying", "Positions"}, func(ctx context.Context) (map[string]int64, error) {
		return o.next.Positions(ctx, tenant)
	})
}

func (o relaying) SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error {
	return do(ctx, o.hooks, Call{"Relaying", "SetPosition"}, func(ctx context.Context) error {
		return o.next.SetPosition(ctx, tenant, sink, seq)
	})
}

func (o relaying) TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error {
	return do(ctx, o.hooks, Call{"Relaying", "TrimEvents"}, func(ctx context.Context) error {
		return o.next.TrimEvents(ctx, tenant, through)
	})
}

type leases struct {
	next ports.Leases
	hooks
}

func (o leases) Lease(ctx context.Context, tenant core.TenantID, work, holder string, now, until time.Time) (bool, error) {
	return get(ctx, o.hooks, Call{"Leases", "Lease"}, func(ctx context.Context) (bool, error) {
		return o.next.Lease(ctx, tenant, work, holder, now, until)
	})
}

func (o leases) EndLease(ctx context.Context, tenant core.TenantID, work, holder string) error {
	return do(ctx, o.hooks, Call{"Leases", "EndLease"}, func(ctx context.Context) error {
		return o.next.EndLease(ctx, tenant, work, holder)
	})
}
