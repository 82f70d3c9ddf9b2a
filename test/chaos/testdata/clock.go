package app

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// clock tells the machine's time, in UTC, in the milliseconds that stores keep,
// moved by what the file that CHAOS_CLOCK names holds at the moment.
type clock struct{}

// moved is by how many nanoseconds.
var moved = openMoved()

func openMoved() *int64 {
	name := os.Getenv("CHAOS_CLOCK")
	if name == "" {
		return new(int64)
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	shared, err := syscall.Mmap(int(file.Fd()), 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&shared[0]))
}

// Now implements ports.Clock.
func (clock) Now() time.Time {
	return time.Now().Add(time.Duration(atomic.LoadInt64(moved))).UTC().Truncate(time.Millisecond)
}
