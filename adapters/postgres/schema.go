package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// oldestServer is what server_version_num is at least: triggers of rows on a
// partitioned table came with it.
const oldestServer = 130000

// migrations are the steps of the schema; the version is how many were done.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	slices.Sort(names)
	steps := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err) // it was embedded
		}
		steps[i] = string(text)
	}
	return steps
}

// prepare brings the schema up to date and makes the partitions ahead, once.
func (l *Log) prepare(ctx context.Context) error {
	select {
	case <-l.ready:
		return nil
	default:
	}
	select {
	case <-l.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.preparing:
	}
	defer func() { l.preparing <- struct{}{} }()
	select {
	case <-l.ready: // meanwhile
		return nil
	default:
	}
	if err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error { return migrate(ctx, tx, migrations()) }); err != nil {
		return err
	}
	if err := l.partition(ctx, ahead(monthOf(time.Now()))...); err != nil {
		return err
	}
	close(l.ready)
	return nil
}

// migrate does the steps that were not done. One process at a time does; the
// lock goes with the transaction.
func migrate(ctx context.Context, tx pgx.Tx, steps []string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('raven_audit_schema'))`); err != nil {
		return err
	}
	// The lock may have been waited for: only the next statement surely sees what
	// was done meanwhile, and only by reading the catalogue as a table.
	var server, have int
	var made bool
	err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, EXISTS (
			SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND c.relname = 'audit_schema'
		)`).Scan(&server, &made)
	if err != nil {
		return err
	}
	if server < oldestServer {
		return fmt.Errorf("the server is of version %d; it has to be %d or later", server/10000, oldestServer/10000)
	}
	if made {
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM audit_schema`).Scan(&have); err != nil {
			return err
		}
	}
	if have > len(steps) {
		return fmt.Errorf("the audit schema is of version %d, and this program knows %d: it is too old", have, len(steps))
	}
	for version := have + 1; version <= len(steps); version++ {
		if err := step(ctx, tx, version, steps[version-1]); err != nil {
			return fmt.Errorf("make version %d of the audit schema: %w", version, err)
		}
	}
	return nil
}

func step(ctx context.Context, tx pgx.Tx, version int, text string) error {
	if version == 1 {
		text = `CREATE TABLE audit_schema (version int PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now());` + text
	}
	if _, err := tx.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit_schema (version) VALUES ($1)`, version)
	return err
}
