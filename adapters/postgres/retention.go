package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/core"
)

// Droppable gives, of each tenant with entries of months before the one that the
// time is in, the last Seq of those with which its log begins: clocks may have
// put an older entry behind a newer one. It takes as long as it takes.
func (l *Log) Droppable(ctx context.Context, before time.Time) (map[core.TenantID]int64, error) {
	if err := l.prepare(ctx); err != nil {
		return nil, translate(ctx, err)
	}
	type end struct {
		tenant core.TenantID
		seq    int64
	}
	rows, _ := l.pool.Query(ctx, `SELECT o.tenant_id, least(o.last, kept.first - 1)
		FROM (SELECT tenant_id, max(seq) AS last FROM audit_events WHERE at < $1 GROUP BY tenant_id) o
		LEFT JOIN LATERAL (SELECT seq AS first FROM audit_events
			WHERE tenant_id = o.tenant_id AND at >= $1 ORDER BY seq LIMIT 1) kept ON true`, monthOf(before).first())
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e end, err error) {
		err = row.Scan(&e.tenant, &e.seq)
		return e, err
	})
	ends := map[core.TenantID]int64{}
	for _, e := range list {
		ends[e.tenant] = e.seq
	}
	return ends, translate(ctx, err)
}

// errNotTheOwner says what a role lacks that may not drop.
var errNotTheOwner = errors.New("postgres: the role of the URL may not drop tables; connect as who owns them")

// DropMonths notes what stands for the entries that go, and drops the partitions
// of the months before the one that the time is in, in one step. Entries in them
// behind what the drops stand for stay. It fails, and nothing changes, when a log
// is not what the drop says. Adding to the log waits for the last moments of it.
func (l *Log) DropMonths(ctx context.Context, before time.Time, drops map[core.TenantID]core.AuditDrop) error {
	if err := l.prepare(ctx); err != nil {
		return translate(ctx, err)
	}
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '10s'`); err != nil {
			return err
		}
		for tenant, d := range drops {
			if err := noteDrop(ctx, tx, tenant, d); err != nil {
				return err
			}
		}
		return dropPartitions(ctx, tx, monthOf(before))
	})
	l.forgetPartitions()
	if isForbidden(err) {
		return errNotTheOwner
	}
	return translate(ctx, err)
}

// noteDrop notes one drop, whose last entry has to be there.
func noteDrop(ctx context.Context, tx pgx.Tx, tenant core.TenantID, d core.AuditDrop) error {
	var there bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM audit_events WHERE tenant_id = $1 AND seq = $2 AND chain = $3)`,
		dropArgs(tenant, d)[:3]...).Scan(&there)
	if err == nil && !there {
		err = fork(tenant, d.Head.Seq, "was dropped or changed meanwhile")
	}
	if err == nil {
		_, err = tx.Exec(ctx, addDrop, dropArgs(tenant, d)...)
	}
	return err
}

// dropPartitions puts in the place of each partition what of it has to stay.
func dropPartitions(ctx context.Context, tx pgx.Tx, before month) error {
	names, err := partitionsBefore(ctx, tx, before)
	if err != nil {
		return err
	}
	rest := map[string]bool{}
	for _, name := range names {
		if rest[name], err = copyRest(ctx, tx, name); err != nil {
			return err
		}
	}
	for _, name := range names { // from here on, nobody else can add
		if err := replacePartition(ctx, tx, name, rest[name]); err != nil {
			return err
		}
	}
	return nil
}

const partitionName = "audit_events_2006_01"

// gone says of a row of a partition p that what was dropped includes it.
const gone = `EXISTS (SELECT FROM audit_drops d WHERE d.tenant_id = p.tenant_id AND d.seq >= p.seq)`

// partitionsBefore lists the partitions of months before that one of which
// something is to go.
func partitionsBefore(ctx context.Context, tx pgx.Tx, before month) (some []string, err error) {
	rows, _ := tx.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'audit_events'::regclass AND c.relname < $1 ORDER BY c.relname`, before.first().Format(partitionName))
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var goes bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+quoted(name)+` p WHERE `+gone+`)`).Scan(&goes)
		if err != nil {
			return nil, err
		}
		if goes {
			some = append(some, name)
		}
	}
	return some, nil
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// copyRest copies what has to stay of a partition, to which nothing can be added
// any more, and reports whether there is any.
func copyRest(ctx context.Context, tx pgx.Tx, name string) (stays bool, err error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE `+quoted(name)+` IN SHARE MODE`); err != nil {
		return false, err
	}
	rest := quoted(name + "_rest")
	if _, err := tx.Exec(ctx, `CREATE TABLE `+rest+` (LIKE audit_events INCLUDING ALL)`); err != nil {
		return false, err
	}
	done, err := tx.Exec(ctx, `INSERT INTO `+rest+` SELECT p.* FROM `+quoted(name)+` p WHERE NOT `+gone)
	return done.RowsAffected() > 0, err
}

// replacePartition drops a partition, and puts what stays in its place.
func replacePartition(ctx context.Context, tx pgx.Tx, name string, stays bool) error {
	partition, rest := quoted(name), quoted(name+"_rest")
	statements := []string{`ALTER TABLE audit_events DETACH PARTITION ` + partition, `DROP TABLE ` + partition, `DROP TABLE ` + rest}
	if stays {
		first, err := time.Parse(partitionName, name)
		if err != nil {
			return fmt.Errorf("the partition %s is not one of a month", name)
		}
		const bound = "2006-01-02 15:04:05+00"
		statements = append(statements[:2],
			`ALTER TABLE `+rest+` RENAME TO `+partition,
			`CREATE TRIGGER raven_audit_truncate BEFORE TRUNCATE ON `+partition+` FOR EACH STATEMENT EXECUTE FUNCTION raven_audit_refuse()`,
			`ALTER TABLE audit_events ATTACH PARTITION `+partition+
				` FOR VALUES FROM ('`+first.Format(bound)+`') TO ('`+monthOf(first).next().first().Format(bound)+`')`)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
