//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// lockDir takes the directory for this process. The kernel gives the lock free
// when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := openPrivate(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock file: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w on %s", ErrRunning, dir)
	} else {
		err = fmt.Errorf("sqlite: lock of %s: %w", dir, err)
	}
	return nil, errors.Join(err, f.Close())
}

// checkOwner refuses a directory whose owner is another user: its owner could
// read and replace what is in it, whatever its mode.
func checkOwner(dir string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	return fmt.Errorf("sqlite: data directory %s belongs to user %d, this process runs as %d", dir, stat.Uid, os.Geteuid())
}
