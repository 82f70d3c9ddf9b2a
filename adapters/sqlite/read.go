package sqlite

import "context"

// look reads by one statement.
func look[T any](ctx context.Context, s *Store, read func(session) (T, error)) (T, error) {
	found, err := borrow(ctx, s, func(c *conn) (T, error) { return read(c.session(ctx)) })
	if err != nil {
		var zero T
		return zero, translate(ctx, err)
	}
	return found, nil
}

// seek is look for what is found by its key, so briefly that it is not cut short
// when ctx ends: to watch for that costs a goroutine a statement.
func seek[T any](ctx context.Context, s *Store, read func(session) (T, error)) (T, error) {
	found, err := borrow(ctx, s, func(c *conn) (T, error) { return read(c.session(context.WithoutCancel(ctx))) })
	if err != nil {
		var zero T
		return zero, translate(ctx, err)
	}
	return found, nil
}

// view reads by several statements as of one moment.
func view[T any](ctx context.Context, s *Store, read func(session) (T, error)) (T, error) {
	return look(ctx, s, func(q session) (found T, err error) {
		if s.pinned {
			return read(q)
		}
		always := q.lasting()
		defer always.exec("ROLLBACK") //nolint:errcheck // it only read, if it began
		if err := always.exec("BEGIN"); err != nil {
			return found, err
		}
		return read(q)
	})
}

// borrow uses one of the reading connections, when one is free.
func borrow[T any](ctx context.Context, s *Store, use func(*conn) (T, error)) (found T, err error) {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		return found, errClosed
	}
	if err := ctx.Err(); err != nil {
		return found, err
	}
	select {
	case c := <-s.readers:
		defer func() { s.readers <- c }()
		return use(c)
	case <-ctx.Done():
		return found, ctx.Err()
	}
}
