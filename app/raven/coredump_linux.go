//go:build linux

package main

import (
	"fmt"
	"syscall"
)

// forbidCoreDumps keeps the memory of this process, in which keys and what
// people wrote lie open, out of core files and from debuggers of the same user.
// The limit alone would not do: the kernel does not ask it where a program takes
// the dumps (core(5)).
func forbidCoreDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("RLIMIT_CORE: %w", err)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return fmt.Errorf("PR_SET_DUMPABLE: %w", errno)
	}
	return nil
}
