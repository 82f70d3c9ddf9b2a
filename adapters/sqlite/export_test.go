package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"slices"
)

// Migrate is migrate on a database that is open.
func Migrate(ctx context.Context, conn *sql.Conn, scripts []string) error {
	return conn.Raw(func(raw any) error {
		c, err := newConn(raw.(driver.Conn))
		if err != nil {
			return err
		}
		defer c.forget()
		return migrate(ctx, c, scripts, "here")
	})
}

// Migrations are migrations.
func Migrations() []string { return migrations() }

// MaxBatch is how many steps share a transaction.
const MaxBatch = maxBatch

// Do runs statements as one step.
func (s *Store) Do(ctx context.Context, queries ...string) error {
	return s.do(ctx, func(q session) error {
		for _, query := range queries {
			if err := q.exec(query); err != nil {
				return err
			}
		}
		return nil
	})
}

// DoFunc runs a function in place of a step, with a way to run statements.
func (s *Store) DoFunc(ctx context.Context, run func(exec func(query string, values ...any) error) error) error {
	return s.do(ctx, func(q session) error { return run(q.exec) })
}

// RefusedFunc is DoFunc whose error is committed.
func (s *Store) RefusedFunc(ctx context.Context, err error, query string) error {
	return s.do(ctx, func(q session) error { return errors.Join(q.exec(query), &refusal{err}) })
}

// Number reads one number.
func (s *Store) Number(ctx context.Context, query string) (int64, error) {
	return look(ctx, s, func(q session) (int64, error) { return one(q, itself[int64], query) })
}

// Hold keeps a read transaction open until release is called.
func (s *Store) Hold(ctx context.Context) (release func() error, err error) {
	c := <-s.readers
	q := c.session(ctx)
	var n int64
	err = errors.Join(q.exec("BEGIN"), q.get(`SELECT count(*) FROM tenants`, nil, &n))
	return func() error {
		defer func() { s.readers <- c }()
		return q.exec("ROLLBACK")
	}, err
}

// Statements are all that the store has prepared, those of the writer first.
func (s *Store) Statements(ctx context.Context) (write, read []string) {
	s.do(ctx, func(session) error { //nolint:errcheck // it can't fail
		write = slices.Sorted(maps.Keys(s.writer.conn.statements))
		return nil
	})
	for range cap(s.readers) {
		c := <-s.readers
		read = append(read, slices.Sorted(maps.Keys(c.statements))...)
		s.readers <- c
	}
	slices.Sort(read)
	return write, slices.Compact(read)
}

// Explain gives the query plan of a statement, a line a step.
func (s *Store) Explain(ctx context.Context, query string) (plan []string, err error) {
	c := <-s.readers
	defer func() { s.readers <- c }()
	var id, parent, unused int64
	of := func(detail *string) []any { return []any{&id, &parent, &unused, detail} }
	query = "EXPLAIN QUERY PLAN " + query
	defer delete(c.statements, query) // it is not the store's
	plan, err = list(c.session(ctx), of, query, make([]any, 200)...)
	return plan, errors.Join(err, c.statements[query].Close())
}

// Queued is how many steps wait for the writer.
func (s *Store) Queued() int { return len(s.writer.queue) }

// WriterNumber reads one number on the writer's connection; -1 if it can't.
func (s *Store) WriterNumber(ctx context.Context, query string) (n int64) {
	err := s.do(ctx, func(q session) error { return q.get(query, nil, &n) })
	if err != nil {
		return -1
	}
	return n
}

// Text reads one text.
func (s *Store) Text(ctx context.Context, query string) (string, error) {
	return look(ctx, s, func(q session) (string, error) { return one(q, itself[string], query) })
}

// forget closes the statements and leaves the connection open.
func (c *conn) forget() {
	for _, stmt := range c.statements {
		_ = stmt.Close()
	}
}
