package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

func dropFields(d *core.AuditDrop) []any {
	return []any{&d.Head.Seq, hashBytes{&d.Head.Chain}, treeBytes{&d.Head.Tree}, &d.Note, at{&d.At}}
}

func dropOf(q session, tenant core.TenantID) (core.AuditDrop, error) {
	d, err := one(q, dropFields, `SELECT seq, chain, tree, note, dropped_at FROM audit_drops WHERE tenant_id = ?`, tenant)
	if absent(err) {
		return core.AuditDrop{}, nil
	}
	return d, err
}

// AuditDropped returns what stands for entries that were dropped.
func (s *Store) AuditDropped(ctx context.Context, tenant core.TenantID) (core.AuditDrop, error) {
	return look(ctx, s, func(q session) (core.AuditDrop, error) { return dropOf(q, tenant) })
}

// BeginAudit begins an empty log behind what was dropped.
func (s *Store) BeginAudit(ctx context.Context, tenant core.TenantID, d core.AuditDrop) error {
	if !ownsOutbox(tenant) {
		return core.NotFound()
	}
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		was, err := dropOf(t.session, tenant)
		if err != nil || was.Head.Seq == d.Head.Seq && was.Head.Chain == d.Head.Chain {
			return err
		}
		begun, err := t.exists(`SELECT 1 WHERE EXISTS (SELECT 1 FROM audit_heads WHERE tenant_id = ?1)
			OR EXISTS (SELECT 1 FROM audit_events WHERE tenant_id = ?1)`, tenant)
		if err == nil && begun {
			err = auditFork(tenant, d.Head.Seq, "has another beginning")
		}
		if err != nil {
			return err
		}
		chain, tree := d.Head.Chain[:], core.JoinHashes(d.Head.Tree)
		err = t.exec(`INSERT INTO audit_drops (tenant_id, seq, chain, tree, note, dropped_at) VALUES (?, ?, ?, ?, ?, ?)`,
			tenant, d.Head.Seq, chain, tree, bytesOf(d.Note), ms(d.At))
		if err != nil {
			return err
		}
		return t.exec(`INSERT INTO audit_heads (tenant_id, seq, chain, tree, latest, behind) VALUES (?, ?, ?, ?, 0, 0)`,
			tenant, d.Head.Seq, chain, tree)
	})
}
