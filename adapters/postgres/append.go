package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/raven-memory/raven/core"
)

// The statements of an append: the end of the log moves on from where it is
// believed to be, and if it did, the rows are added. $1 is the tenant, $2 the
// first seq, $3 to $5 the new end, the rest the rows by column.
const (
	// beginLog is for a log that is empty.
	beginLog = `WITH head AS (
		INSERT INTO audit_heads (tenant_id, seq, chain, tree)
		SELECT $1, $3, $4, $5 WHERE $2::bigint = 1 AND ` + nothingFrom + `
		ON CONFLICT (tenant_id) DO NOTHING RETURNING tenant_id
	) ` + insertRows

	// extendLog is for one that ends right before the first seq.
	extendLog = `WITH head AS (
		UPDATE audit_heads SET seq = $3, chain = $4, tree = $5
		WHERE tenant_id = $1 AND seq = $2::bigint - 1 AND ` + nothingFrom + `
		RETURNING tenant_id
	) ` + insertRows

	// nothingFrom says that nobody has put anything behind the end.
	nothingFrom = `NOT EXISTS (SELECT FROM audit_events WHERE tenant_id = $1 AND seq >= $2)`

	insertRows = `INSERT INTO audit_events (` + columns + `)
		SELECT $1, seq, event_id, type, at, actor, data, leaf, chain, added_at
		FROM unnest($6::bigint[], $7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::text[],
			$12::bytea[], $13::bytea[], $14::timestamptz[])
			AS row (seq, event_id, type, at, actor, data, leaf, chain, added_at)
		WHERE EXISTS (SELECT FROM head)`
)

// AppendAudit adds entries. Mostly it is one statement and one round trip; only
// where the log is not as the entries suppose it is looked at closely.
func (l *Log) AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	if !owns(tenant) {
		return core.NotFound()
	}
	if err := inOrder(entries, head); err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	_, err := call(ctx, l, func(ctx context.Context) (bool, error) {
		if err := l.place(ctx, entries); err != nil {
			return false, err
		}
		added, err := extend(ctx, l.pool, tenant, entries, head)
		if err == nil && !added {
			err = l.reconcile(ctx, tenant, entries, head)
		}
		if isUnplaced(err) {
			l.forgetPartitions()
		}
		return added, err
	})
	return err
}

// inOrder refuses entries that no log could hold.
func inOrder(entries []core.AuditEntry, head core.AuditHead) error {
	for i := range entries {
		if seq := entries[i].Event.Seq; seq < 1 || i > 0 && seq != entries[i-1].Event.Seq+1 {
			return fmt.Errorf("postgres: entry %d of an append has seq %d: %w", i+1, seq, core.ErrAuditFork)
		}
	}
	if n := len(entries); n > 0 && entries[n-1].Event.Seq != head.Seq {
		return fmt.Errorf("postgres: an append through seq %d has a head at %d", entries[n-1].Event.Seq, head.Seq)
	}
	return nil
}

// place makes the partitions that the entries go to, and those after the last.
func (l *Log) place(ctx context.Context, entries []core.AuditEntry) error {
	for i := range entries {
		if err := l.partition(ctx, monthOf(entries[i].Event.At)); err != nil {
			return err
		}
	}
	return l.partition(ctx, ahead(monthOf(entries[len(entries)-1].Event.At))...)
}

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// extend adds the entries if the log ends right before them, and reports
// whether it did.
func extend(ctx context.Context, db execer, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) (bool, error) {
	b, err := batchOf(entries)
	if err != nil {
		return false, err
	}
	statement := extendLog
	if entries[0].Event.Seq == 1 {
		statement = beginLog
	}
	done, err := db.Exec(ctx, statement, string(tenant), entries[0].Event.Seq,
		head.Seq, head.Chain[:], core.JoinHashes(head.Tree),
		b.seqs, b.ids, b.types, b.at, b.actors, b.all, b.leaves, b.chains, b.added)
	if isDuplicate(err) {
		return false, nil
	}
	return done.RowsAffected() > 0, err
}

// reconcile holds entries against a log that does not end right before them.
func (l *Log) reconcile(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		end, err := lockEnd(ctx, tx, tenant)
		if err != nil {
			return err
		}
		first := entries[0].Event.Seq
		if first > end+1 {
			return fork(tenant, end+1, "is missing")
		}
		known := min(end+1-first, int64(len(entries)))
		if err := same(ctx, tx, tenant, entries[:known]); err != nil || known == int64(len(entries)) {
			return err
		}
		added, err := extend(ctx, tx, tenant, entries[known:], head)
		if err == nil && !added {
			return fork(tenant, end+1, "is there, behind the end of the log")
		}
		return err
	})
}

func fork(tenant core.TenantID, seq int64, what string) error {
	return fmt.Errorf("postgres: seq %d of the log of %s %s: %w", seq, tenant, what, core.ErrAuditFork)
}

// lockEnd gives the last seq of a log, 0 for an empty one, and lets nobody else
// move it until the transaction ends.
func lockEnd(ctx context.Context, tx pgx.Tx, tenant core.TenantID) (int64, error) {
	rows, _ := tx.Query(ctx, `SELECT seq FROM audit_heads WHERE tenant_id = $1 FOR UPDATE`, string(tenant))
	ends, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ends) == 0 {
		return 0, err
	}
	return ends[0], nil
}

// same wants the log to hold the entries with the same chain hashes.
func same(ctx context.Context, tx pgx.Tx, tenant core.TenantID, entries []core.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	first, last := entries[0].Event.Seq, entries[len(entries)-1].Event.Seq
	rows, _ := tx.Query(ctx, `SELECT `+columns+` FROM audit_events
		WHERE tenant_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq`, string(tenant), first, last)
	there, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return err
	}
	for i := range entries {
		seq := entries[i].Event.Seq
		switch {
		case i >= len(there) || there[i].Event.Seq > seq:
			return fork(tenant, seq, "is gone")
		case there[i].Event.Seq < seq:
			return fork(tenant, there[i].Event.Seq, "is there more than once")
		case there[i].Chain != entries[i].Chain:
			return fork(tenant, seq, "is another entry")
		}
	}
	if len(there) > len(entries) {
		return fork(tenant, last, "is there more than once")
	}
	return nil
}
