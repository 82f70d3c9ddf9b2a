package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/core"
)

const (
	lastDrop = `SELECT seq, chain, tree, note, dropped_at FROM audit_drops
		WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1`
	addDrop = `INSERT INTO audit_drops (tenant_id, seq, chain, tree, note, dropped_at) VALUES ($1, $2, $3, $4, $5, $6)`
)

func scanDrop(row pgx.CollectableRow) (d core.AuditDrop, err error) {
	var chain, tree []byte
	err = row.Scan(&d.Head.Seq, &chain, &tree, &d.Note, &d.At)
	d.Head.Chain, d.Head.Tree, d.At = hashOf(chain), core.SplitHashes(tree), d.At.UTC()
	return d, err
}

func dropArgs(tenant core.TenantID, d core.AuditDrop) []any {
	return []any{string(tenant), d.Head.Seq, d.Head.Chain[:], core.JoinHashes(d.Head.Tree), d.Note, d.At}
}

// AuditDropped returns what stands for entries that were dropped.
func (l *Log) AuditDropped(ctx context.Context, tenant core.TenantID) (core.AuditDrop, error) {
	if !owns(tenant) {
		return core.AuditDrop{}, nil
	}
	d, err := call(ctx, l, func(ctx context.Context) (core.AuditDrop, error) {
		return queryOne(ctx, l, lastDrop, scanDrop, string(tenant))
	})
	if core.Is(err, core.CodeNotFound) {
		return core.AuditDrop{}, nil
	}
	return d, err
}

// BeginAudit begins an empty log behind what was dropped.
func (l *Log) BeginAudit(ctx context.Context, tenant core.TenantID, d core.AuditDrop) error {
	if !owns(tenant) {
		return core.NotFound()
	}
	_, err := call(ctx, l, func(ctx context.Context) (any, error) {
		return nil, pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error { return begin(ctx, tx, tenant, d) })
	})
	return err
}

func begin(ctx context.Context, tx pgx.Tx, tenant core.TenantID, d core.AuditDrop) error {
	done, err := tx.Exec(ctx, `INSERT INTO audit_heads (tenant_id, seq, chain, tree)
		SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM audit_events WHERE tenant_id = $1)
		ON CONFLICT (tenant_id) DO NOTHING`, dropArgs(tenant, d)[:4]...)
	if err != nil {
		return err
	}
	if done.RowsAffected() == 1 {
		_, err = tx.Exec(ctx, addDrop, dropArgs(tenant, d)...)
		return err
	}
	rows, _ := tx.Query(ctx, lastDrop, string(tenant))
	there, err := pgx.CollectRows(rows, scanDrop)
	if err != nil {
		return err
	}
	if len(there) == 0 || there[0].Head.Seq != d.Head.Seq || there[0].Head.Chain != d.Head.Chain {
		return fork(tenant, d.Head.Seq, "has another beginning")
	}
	return nil
}
