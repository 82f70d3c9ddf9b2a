package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type auditLog struct {
	next ports.AuditLog
	hooks
}

func (o auditLog) AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	return do(ctx, o.hooks, Call{"AuditLog", "AppendAudit"}, func(ctx context.Context) error {
		return o.next.AppendAudit(ctx, tenant, entries, head)
	})
}

func (o auditLog) AuditHead(ctx context.Context, tenant core.TenantID) (core.AuditHead, error) {
	return get(ctx, o.hooks, Call{"AuditLog", "AuditHead"}, func(ctx context.Context) (core.AuditHead, error) {
		return o.next.AuditHead(ctx, tenant)
	})
}

func (o auditLog) FindAudit(ctx context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error) {
	return get(ctx, o.hooks, Call{"AuditLog", "FindAudit"}, func(ctx context.Context) ([]core.AuditEntry, error) {
		return o.next.FindAudit(ctx, tenant, q)
	})
}

func (o auditLog) AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error) {
	return get(ctx, o.hooks, Call{"AuditLog", "AuditEntries"}, func(ctx context.Context) ([]core.AuditEntry, error) {
		return o.next.AuditEntries(ctx, tenant, after, limit)
	})
}

func (o auditLog) AuditTenants(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return get(ctx, o.hooks, Call{"AuditLog", "AuditTenants"}, func(ctx context.Context) ([]core.TenantID, error) {
		return o.next.AuditTenants(ctx, after, limit)
	})
}

func (o auditLog) AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error {
	return do(ctx, o.hooks, Call{"AuditLog", "AddCheckpoint"}, func(ctx context.Context) error {
		return o.next.AddCheckpoint(ctx, tenant, c)
	})
}

func (o auditLog) LastCheckpoint(ctx context.Context, tenant core.TenantID) (core.Checkpoint, error) {
	return get(ctx, o.hooks, Call{"AuditLog", "LastCheckpoint"}, func(ctx context.Context) (core.Checkpoint, error) {
		return o.next.LastCheckpoint(ctx, tenant)
	})
}

func (o auditLog) AuditDropped(ctx context.Context, tenant core.TenantID) (core.AuditDrop, error) {
	return get(ctx, o.hooks, Call{"AuditLog", "AuditDropped"}, func(ctx context.Context) (core.AuditDrop, error) {
		return o.next.AuditDropped(ctx, tenant)
	})
}

func (o auditLog) BeginAudit(ctx context.Context, tenant core.TenantID, d core.AuditDrop) error {
	return do(ctx, o.hooks, Call{"AuditLog", "BeginAudit"}, func(ctx context.Context) error {
		return o.next.BeginAudit(ctx, tenant, d)
	})
}
