package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	databaseFile = "raven.db"
	lockFile     = "raven.lock"
	dirMode      = 0o700
	fileMode     = 0o600
)

// prepareDir makes dir, or tightens the one there is. Modes are set after the
// making, so that they do not depend on the umask.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("sqlite: data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("sqlite: data directory: %w", err)
	}
	if err := checkOwner(dir, info); err != nil {
		return err
	}
	if info.Mode().Perm() == dirMode {
		return nil
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		return fmt.Errorf("sqlite: data directory: %w", err)
	}
	return nil
}

// prepareFiles makes the database file, empty, and tightens those there are.
// SQLite gives its side files the mode of the database. It must not run while
// the database is open: closing a file drops the process's locks on it.
func prepareFiles(path string) error {
	f, err := openPrivate(path)
	if err != nil {
		return fmt.Errorf("sqlite: database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("sqlite: database file: %w", err)
	}
	for _, side := range []string{path + "-wal", path + "-shm", path + "-journal"} {
		if err := os.Chmod(side, fileMode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sqlite: database file: %w", err)
		}
	}
	return nil
}

func openPrivate(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(fileMode); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
