package contract

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

func (p *pair) RecordEvents(ctx context.Context, tenant core.TenantID, op core.Op, events ...core.Event) error {
	return p.both("RecordEvents", func(s Store) error { return s.RecordEvents(ctx, tenant, op, events...) })
}

func (p *pair) Outboxes(ctx context.Context, after core.TenantID, limit int) ([]core.OutboxState, error) {
	return twice(p, "Outboxes", func(s Store) ([]core.OutboxState, error) { return s.Outboxes(ctx, after, limit) })
}

func (p *pair) Positions(ctx context.Context, tenant core.TenantID) (map[string]int64, error) {
	return twice(p, "Positions", func(s Store) (map[string]int64, error) { return s.Positions(ctx, tenant) })
}

func (p *pair) SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error {
	return p.both("SetPosition", func(s Store) error { return s.SetPosition(ctx, tenant, sink, seq) })
}

func (p *pair) TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error {
	return p.both("TrimEvents", func(s Store) error { return s.TrimEvents(ctx, tenant, through) })
}

func (p *pair) AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	return p.both("AppendAudit", func(s Store) error { return s.AppendAudit(ctx, tenant, entries, head) })
}

func (p *pair) AuditHead(ctx context.Context, tenant core.TenantID) (core.AuditHead, error) {
	return twice(p, "AuditHead", func(s Store) (core.AuditHead, error) { return s.AuditHead(ctx, tenant) })
}

func (p *pair) FindAudit(ctx context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error) {
	return twice(p, "FindAudit", func(s Store) ([]core.AuditEntry, error) { return s.FindAudit(ctx, tenant, q) })
}

func (p *pair) AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error) {
	return twice(p, "AuditEntries", func(s Store) ([]core.AuditEntry, error) { return s.AuditEntries(ctx, tenant, after, limit) })
}

func (p *pair) AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error {
	return p.both("AddCheckpoint", func(s Store) error { return s.AddCheckpoint(ctx, tenant, c) })
}

func (p *pair) BeginAudit(ctx context.Context, tenant core.TenantID, d core.AuditDrop) error {
	return p.both("BeginAudit", func(s Store) error { return s.BeginAudit(ctx, tenant, d) })
}

func (p *pair) AuditDropped(ctx context.Context, tenant core.TenantID) (core.AuditDrop, error) {
	return twice(p, "AuditDropped", func(s Store) (core.AuditDrop, error) { return s.AuditDropped(ctx, tenant) })
}

func (p *pair) LastCheckpoint(ctx context.Context, tenant core.TenantID) (core.Checkpoint, error) {
	return twice(p, "LastCheckpoint", func(s Store) (core.Checkpoint, error) { return s.LastCheckpoint(ctx, tenant) })
}

func (p *pair) AuditTenants(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return twice(p, "AuditTenants", func(s Store) ([]core.TenantID, error) { return s.AuditTenants(ctx, after, limit) })
}

func (p *pair) AddDeliveries(ctx context.Context, tenant core.TenantID, list []core.Delivery) error {
	return p.both("AddDeliveries", func(s Store) error { return s.AddDeliveries(ctx, tenant, list) })
}

func (p *pair) TakeDeliveries(ctx context.Context, now, until time.Time, limit, perTenant int) ([]core.DueDelivery, error) {
	return twice(p, "TakeDeliveries", func(s Store) ([]core.DueDelivery, error) {
		return s.TakeDeliveries(ctx, now, until, limit, perTenant)
	})
}

func (p *pair) PendingDeliveries(ctx context.Context, tenant core.TenantID) (int64, error) {
	return twice(p, "PendingDeliveries", func(s Store) (int64, error) { return s.PendingDeliveries(ctx, tenant) })
}

func (p *pair) SaveDelivery(ctx context.Context, tenant core.TenantID, d core.Delivery) error {
	return p.both("SaveDelivery", func(s Store) error { return s.SaveDelivery(ctx, tenant, d) })
}

func (p *pair) Delivery(ctx context.Context, tenant core.TenantID, id core.DeliveryID) (core.Delivery, error) {
	return twice(p, "Delivery", func(s Store) (core.Delivery, error) { return s.Delivery(ctx, tenant, id) })
}

func (p *pair) Deliveries(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.Delivery, error) {
	return twice(p, "Deliveries", func(s Store) ([]core.Delivery, error) { return s.Deliveries(ctx, tenant, page) })
}

func (p *pair) NextDelivery(ctx context.Context) (time.Time, error) {
	return twice(p, "NextDelivery", func(s Store) (time.Time, error) { return s.NextDelivery(ctx) })
}
