// Package postgres keeps the audit log in PostgreSQL 13 or later.
//
// The events of a tenant are rows of audit_events, which is cut by month of the
// event; a row of audit_heads is the end of its log. An append is one statement
// that moves the end on from where it was and adds the rows: of two that race,
// one finds the end elsewhere. Triggers refuse to change or remove what is there,
// and the role that Raven connects as may be one that could not anyway (see
// deploy/postgres).
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Defaults of Options.
const (
	DefaultMaxConns = 8
	DefaultTimeout  = 10 * time.Second
)

// connectTimeout bounds connecting where the URL says nothing.
const connectTimeout = 5 * time.Second

// Options are the log's.
type Options struct {
	// URL is a connection URI or keyword string as libpq reads it, with TLS by
	// sslmode, sslrootcert and the like. The schema is the first of its
	// search_path.
	URL string
	// MaxConns bounds the connections; 0 for DefaultMaxConns.
	MaxConns int
	// Timeout bounds each call, waiting for a connection included; 0 for
	// DefaultTimeout.
	Timeout time.Duration
}

// Log implements ports.AuditLog. Safe for concurrent use.
type Log struct {
	pool    *pgxpool.Pool
	timeout time.Duration

	preparing chan struct{} // holds one token: who has it may prepare
	ready     chan struct{} // closed once the schema is there

	mu     sync.Mutex
	months map[month]bool // whose partitions are known to be there
}

var (
	_ ports.AuditLog = (*Log)(nil)
	_ ports.Health   = (*Log)(nil)
)

// Open opens the log, brings its schema up to date and makes the partitions of
// this month and the next two; any number of processes may do so at once. A
// server that can't be reached is no failure of Open: the log prepares itself
// when it can, and fails with CodeUnavailable until then. Open fails for a URL
// that can't be read, credentials or a database that the server refuses, and a
// schema that is newer than this program or that the role may not make. ctx
// bounds the opening, not the log's life.
func Open(ctx context.Context, opt Options) (*Log, error) {
	cfg, err := poolConfig(opt)
	if err != nil {
		return nil, err
	}
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	l := &Log{
		pool: pool, timeout: opt.Timeout,
		preparing: make(chan struct{}, 1), ready: make(chan struct{}), months: map[month]bool{},
	}
	l.preparing <- struct{}{}
	err = l.Ping(ctx)
	switch {
	case err == nil, unreachable(err):
		return l, nil
	default:
		pool.Close()
		return nil, err
	}
}

func poolConfig(opt Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(opt.URL)
	if err != nil {
		return nil, badURL(err)
	}
	if cfg.ConnConfig.ConnectTimeout <= 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	cfg.MaxConns = DefaultMaxConns
	if opt.MaxConns > 0 {
		cfg.MaxConns = int32(min(opt.MaxConns, 10_000))
	}
	if _, ok := cfg.ConnConfig.RuntimeParams["application_name"]; !ok {
		cfg.ConnConfig.RuntimeParams["application_name"] = "raven"
	}
	cfg.AfterConnect = durable
	return cfg, nil
}

// badURL says what is wrong with a URL without repeating it: there is a
// password in it.
func badURL(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("postgres: the URL names a file that can't be read: %w", file)
	}
	return errors.New("postgres: the URL can't be read; it is postgres://user:password@host:port/database?sslmode=verify-full")
}

// durable sees to it that what is committed is on the disk, whatever the
// default of the database: events are trimmed from the outbox after it.
func durable(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// Close waits for the calls under way and closes the connections. Calls after it
// fail with CodeUnavailable.
func (l *Log) Close() error {
	l.pool.Close()
	return nil
}

// Ping reads, and prepares the log if that has not been done.
func (l *Log) Ping(ctx context.Context) error {
	_, err := call(ctx, l, func(ctx context.Context) (int, error) {
		return queryOne(ctx, l, `SELECT count(*) FROM (SELECT FROM audit_heads LIMIT 1) AS h`, pgx.RowTo[int])
	})
	return err
}

// owns reports whether an id may have a log. Others never had one.
func owns(tenant core.TenantID) bool { return tenant.Valid() || tenant == core.DeploymentTenant }

// call does a call within its time, on a log that is ready.
func call[T any](ctx context.Context, l *Log, do func(context.Context) (T, error)) (T, error) {
	within, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var none T
	if err := l.prepare(within); err != nil {
		return none, translate(ctx, err)
	}
	got, err := do(within)
	if err != nil {
		return none, translate(ctx, err)
	}
	return got, nil
}

func queryOne[T any](ctx context.Context, l *Log, query string, scan pgx.RowToFunc[T], args ...any) (T, error) {
	rows, _ := l.pool.Query(ctx, query, args...)
	return pgx.CollectExactlyOneRow(rows, scan)
}

func queryAll[T any](ctx context.Context, l *Log, query string, scan pgx.RowToFunc[T], args ...any) ([]T, error) {
	rows, _ := l.pool.Query(ctx, query, args...)
	return pgx.CollectRows(rows, scan)
}
