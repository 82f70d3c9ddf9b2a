package sqlite

import (
	"context"
	"database/sql"
)

// look reads by one statement.
func look[T any](ctx context.Context, s *Store, read func(session) (T, error)) (T, error) {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		return failed[T](ctx, errClosed)
	}
	found, err := read(session{ctx: ctx, prepare: s.prepare})
	if err != nil {
		return failed[T](ctx, err)
	}
	return found, nil
}

// view reads by several statements as of one moment.
func view[T any](ctx context.Context, s *Store, read func(session) (T, error)) (T, error) {
	return look(ctx, s, func(session) (found T, err error) {
		tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return found, err
		}
		defer tx.Rollback() //nolint:errcheck // it only read
		return read(session{ctx: ctx, prepare: func(query string) (*sql.Stmt, error) {
			stmt, err := s.prepare(query)
			if err != nil {
				return nil, err
			}
			return tx.StmtContext(ctx, stmt), nil
		}})
	})
}

func failed[T any](ctx context.Context, err error) (T, error) {
	var zero T
	return zero, translate(ctx, err)
}

// prepare gives the query's statement of the read pool, which prepares it once
// on each connection. A context that ends while it is made must not matter to
// those who use it later.
func (s *Store) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.statements.Load(query); ok {
		return stmt.(*sql.Stmt), nil //nolint:forcetypeassert // nothing else is in there
	}
	stmt, err := s.read.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	if first, there := s.statements.LoadOrStore(query, stmt); there {
		return first.(*sql.Stmt), stmt.Close() //nolint:forcetypeassert // as above
	}
	return stmt, nil
}
