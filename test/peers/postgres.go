package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/baseline"
	"github.com/raven-memory/raven/test/locomo"
)

// postgres is PostgreSQL's full-text search as one would use it by itself: one
// row a turn, the English configuration, any of the question's words, and the
// order of ts_rank_cd.
type postgres struct {
	host   *host
	server *backend.PostgresServer
	pool   *pgxpool.Pool
}

// host has a server run outside a test.
type host struct {
	testing.TB
	cleanups []func()
}

func (h *host) Helper()                           {}
func (h *host) Log(...any)                        {}
func (h *host) Logf(string, ...any)               {}
func (h *host) Failed() bool                      { return false }
func (h *host) Cleanup(f func())                  { h.cleanups = append(h.cleanups, f) }
func (h *host) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (h *host) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (h *host) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (h *host) end() {
	for len(h.cleanups) > 0 {
		last := len(h.cleanups) - 1
		h.cleanups[last]()
		h.cleanups = h.cleanups[:last]
	}
}

// postgresPeer starts a server for each directory, and a killed one again.
type postgresPeer struct {
	started map[string]*postgres // by directory
	version string
	clients int
}

const postgresSchema = `CREATE TABLE IF NOT EXISTS turns (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, usr text NOT NULL, turn text NOT NULL, at timestamptz NOT NULL, content text NOT NULL,
	words tsvector GENERATED ALWAYS AS (to_tsvector('english', content)) STORED);
CREATE INDEX IF NOT EXISTS turns_words ON turns USING gin (words);
CREATE INDEX IF NOT EXISTS turns_usr ON turns (usr);`

func (p *postgresPeer) open(ctx context.Context, dir string) (store, error) {
	s := p.started[dir]
	if s != nil {
		s.server.Restart()
	} else {
		s = &postgres{host: &host{}}
		s.server = backend.Postgres(s.host)
		p.started[dir] = s
	}
	config, err := pgxpool.ParseConfig(s.server.URL())
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(p.clients + 1) //nolint:gosec // a few
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if _, err := s.pool.Exec(ctx, postgresSchema); err != nil {
		return nil, err
	}
	err = s.pool.QueryRow(ctx, "SHOW server_version").Scan(&p.version)
	return s, err
}

// end ends the servers that an error left behind.
func (p *postgresPeer) end() {
	for _, s := range p.started {
		s.host.end()
	}
}

func (s *postgres) add(ctx context.Context, e entry) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO turns (usr, turn, at, content) VALUES ($1, $2, $3::text::timestamptz, $4)`, e.User, e.Turn, e.At, e.text())
	return err
}

func (s *postgres) settle(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "VACUUM ANALYZE turns") // as autovacuum does before long
	return err
}

func (s *postgres) search(ctx context.Context, _, user, question string) ([]string, error) {
	return s.list(ctx, `SELECT turn FROM turns, to_tsquery('english', $2) q WHERE usr = $1 AND words @@ q ORDER BY ts_rank_cd(words, q) DESC, id LIMIT $3`,
		user, strings.Join(baseline.Words(question), " | "), locomo.Limit)
}

func (s *postgres) turns(ctx context.Context, user string) ([]string, error) {
	return s.list(ctx, `SELECT turn FROM turns WHERE usr = $1`, user)
}

func (s *postgres) list(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (s *postgres) kill() {
	s.server.Kill()
	s.pool.Close()
}

func (s *postgres) close() (bytes int64, err error) {
	defer s.host.end()
	defer s.pool.Close()
	err = s.pool.QueryRow(context.Background(), "SELECT pg_total_relation_size('turns')").Scan(&bytes)
	return bytes, err
}
