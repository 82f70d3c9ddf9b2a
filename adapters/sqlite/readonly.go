package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

var errReadOnly = errors.New("sqlite: the store was opened to be read only")

// OpenReadOnly opens the store in dir for reading, also while another process
// has it open. It makes and changes nothing: every step fails with
// CodeUnavailable. It fails with fs.ErrNotExist where there is no store, and for
// a schema that is not this program's.
func OpenReadOnly(ctx context.Context, dir string) (*Store, error) {
	return openReadOnly(ctx, dir, 2)
}

func openReadOnly(ctx context.Context, dir string, readers int) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	path := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{}
	if err := s.openReaders(ctx, path, readers); err != nil {
		return nil, errors.Join(err, s.release())
	}
	version, err := look(ctx, s, func(q session) (int, error) { return one(q, itself[int], `PRAGMA user_version`) })
	if err == nil && version != len(migrations()) {
		err = fmt.Errorf("sqlite: the store in %s has schema version %d, and this raven reads %d: run the raven that serves it, or start this one on it first",
			dir, version, len(migrations()))
	}
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}
