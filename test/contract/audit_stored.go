package contract

import (
	"context"
	"fmt"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// storedAudit is the suite for a store that has a log beside all the rest.
func storedAudit(t *testing.T, b Backend) {
	AuditLog(t, func(t *testing.T) ports.AuditLog { return b.Open(t) })
	b.run(t, []guarantee{{"AuditLogOutlivesItsTenant", auditLogOutlivesItsTenant}}, auditCalls())
}

func auditCalls() []call {
	find := core.AuditQuery{Type: core.EventMemoryFlushed, Limit: 10}
	return []call{
		{name: "AppendAudit", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			entries := w.auditEntries(at.tenant, 3)
			head := headOf(entries)
			lend(w, entries)
			lend(w, head.Tree)
			return done(w.AppendAudit(ctx, at.tenant, entries, head))
		}},
		{name: "AuditHead", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.AuditHead(ctx, at.tenant)
		}},
		{name: "FindAudit", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.FindAudit(ctx, at.tenant, find)
		}},
		{name: "AuditEntries", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.AuditEntries(ctx, at.tenant, 1, 10)
		}},
		{name: "AddCheckpoint", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.AddCheckpoint(ctx, at.tenant, core.Checkpoint{Seq: 3, Note: w.Bytes(90), At: w.Now()}))
		}},
		{name: "LastCheckpoint", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			if err := w.AddCheckpoint(ctx, at.tenant, core.Checkpoint{Seq: 2, Note: w.Bytes(90), At: w.start}); err != nil {
				return nil, err
			}
			return w.LastCheckpoint(ctx, at.tenant)
		}},
		{name: "BeginAudit", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			d := core.AuditDrop{Head: headOf(w.auditEntries(at.tenant, 3)), At: w.start, Note: w.Bytes(90)}
			lend(w, d.Head.Tree)
			lend(w, d.Note)
			return done(w.BeginAudit(ctx, at.tenant, d))
		}},
		{name: "AuditDropped", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.AuditDropped(ctx, at.tenant)
		}},
		{name: "AuditTenants", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.AuditTenants(ctx, "", everything)
		}},
	}
}

// auditEntries are the first n entries of a tenant's log, the same each time.
func (w *World) auditEntries(tenant core.TenantID, n int64) (entries []core.AuditEntry) {
	for seq := int64(1); seq <= n; seq++ {
		entries = append(entries, core.AuditEntry{
			Event: core.Event{
				ID: core.EventID(fmt.Sprintf("evt_%026d", seq)), Type: core.EventMemoryFlushed, At: w.start, Tenant: tenant, Seq: seq,
				Data: core.EventData{"count": seq},
			},
			Leaf: hash(string(tenant), seq), Chain: hash("chain of "+string(tenant), seq), Added: w.start,
		})
	}
	return entries
}

func auditLogOutlivesItsTenant(w *World) {
	s := w.stage()
	entries := w.auditEntries(s.tenant, 5)
	w.ok(w.AppendAudit(w.Ctx, s.tenant, entries[:3], headOf(entries[:3])))
	w.mustDeleteTenant(s.tenant)
	w.ok(w.AppendAudit(w.Ctx, s.tenant, entries, headOf(entries)))
	w.mustPurge(2)
	w.ok(w.TrimEvents(w.Ctx, s.tenant, 1<<62))
	w.ok(w.AddCheckpoint(w.Ctx, s.tenant, core.Checkpoint{Seq: 5, At: w.start}))
	got, err := w.AuditEntries(w.Ctx, s.tenant, 0, 10)
	w.ok(err)
	w.equal("the log of a tenant that is gone", got, entries)
	found, err := w.FindAudit(w.Ctx, s.tenant, core.AuditQuery{Actor: "system", Limit: 1})
	w.ok(err)
	w.equal("what is found in it", found, entries[4:])
	tenants, err := w.AuditTenants(w.Ctx, "", 10)
	w.ok(err)
	w.equal("who has a log", tenants, []core.TenantID{s.tenant})
}
