package chaos

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"testing"
	"unsafe"
)

// disk is a file system of its own, which can be full.
type disk struct {
	t   *testing.T
	dir string
}

// room is what a disk has when it is not full; memory is taken for what is used.
const room = "size=8g"

// newDisk mounts one; nil for whoever may not.
func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t, dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, room+",mode=0700"); err != nil {
		t.Logf("no file system can be mounted: %v", err)
		return nil
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
	return d
}

// fill leaves next to no room.
func (d *disk) fill() {
	d.t.Helper()
	const few = 8
	var at syscall.Statfs_t
	var err error
	for range 100 { // what is used may grow meanwhile past what is asked for
		if err = syscall.Statfs(d.dir, &at); err != nil {
			break
		}
		if err = d.remount(fmt.Sprintf("size=%d", (at.Blocks-at.Bfree+few)*uint64(at.Bsize))); err == nil {
			return
		}
	}
	d.t.Fatalf("filling a disk: %v", err)
}

// clear gives room again.
func (d *disk) clear() {
	d.t.Helper()
	if err := d.remount(room); err != nil {
		d.t.Fatalf("clearing a disk: %v", err)
	}
}

func (d *disk) remount(options string) error {
	return syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, options)
}

// noLimit lifts a limit.
const noLimit = math.MaxUint64

// limitFiles says how large files may become that a process writes, in bytes; as
// far as it was ever allowed.
func limitFiles(t *testing.T, pid int, bytes uint64) {
	t.Helper()
	limit, err := prlimit(pid, nil)
	if err == nil {
		limit.Cur = min(bytes, limit.Max)
		_, err = prlimit(pid, &limit)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) { // it may have ended
		t.Fatalf("limiting the files of process %d: %v", pid, err)
	}
}

// prlimit gives the limit there was, and sets another unless that is nil.
func prlimit(pid int, set *syscall.Rlimit) (was syscall.Rlimit, err error) {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(&was)), 0, 0)
	if errno != 0 {
		return was, errno
	}
	return was, nil
}
