package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// OpenSnapshot is OpenReadOnly for who reads everything as of one moment, that
// of the opening, while another process goes on writing. It reads one thing at a
// time. While it is open, the writer's log grows and keeps what is overwritten.
func OpenSnapshot(ctx context.Context, dir string) (*Store, error) {
	s, err := openReadOnly(ctx, dir, 1)
	if err != nil {
		return nil, err
	}
	if err := s.pin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: snapshot: %w", err), s.release())
	}
	return s, nil
}

// pin begins the transaction that every reader is in from then on.
func (s *Store) pin(ctx context.Context) error {
	_, err := look(ctx, s, func(q session) (int64, error) {
		if err := q.lasting().exec("BEGIN"); err != nil {
			return 0, err
		}
		return one(q, itself[int64], `SELECT count(*) FROM deployment`) // a transaction begins with its first read
	})
	s.pinned = err == nil
	return err
}
