//go:build unix

package sqlite_test

import "syscall"

func umaskZero() { syscall.Umask(0) }
