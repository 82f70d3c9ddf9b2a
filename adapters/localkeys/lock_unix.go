//go:build unix

package localkeys

import (
	"fmt"
	"os"
	"syscall"
)

// lock waits until no other process has the file. The kernel gives it free when
// the file is closed, or the process ends.
func lock(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// giveTo gives the file to the owner of another. Only root can, where that is
// somebody else.
func giveTo(f, like *os.File) error {
	theirs, err := like.Stat()
	if err != nil {
		return err
	}
	stat, ok := theirs.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	if err := f.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
		return fmt.Errorf("%s belongs to user %d: %w", like.Name(), stat.Uid, err)
	}
	return nil
}
