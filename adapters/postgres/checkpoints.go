package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/core"
)

// AddCheckpoint keeps a checkpoint. Of several of the same size the last counts.
func (l *Log) AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error {
	if !owns(tenant) {
		return core.NotFound()
	}
	_, err := call(ctx, l, func(ctx context.Context) (any, error) {
		return l.pool.Exec(ctx, `INSERT INTO audit_checkpoints (tenant_id, seq, note, at) VALUES ($1, $2, $3, $4)`,
			string(tenant), c.Seq, c.Note, c.At)
	})
	return err
}

// LastCheckpoint returns the one with the highest Seq.
func (l *Log) LastCheckpoint(ctx context.Context, tenant core.TenantID) (core.Checkpoint, error) {
	if !owns(tenant) {
		return core.Checkpoint{}, core.NotFound()
	}
	return call(ctx, l, func(ctx context.Context) (core.Checkpoint, error) {
		return queryOne(ctx, l, `SELECT seq, note, at FROM audit_checkpoints
			WHERE tenant_id = $1 ORDER BY seq DESC, id DESC LIMIT 1`, scanCheckpoint, string(tenant))
	})
}

func scanCheckpoint(row pgx.CollectableRow) (c core.Checkpoint, err error) {
	err = row.Scan(&c.Seq, &c.Note, &c.At)
	c.At = c.At.UTC()
	return c, err
}
