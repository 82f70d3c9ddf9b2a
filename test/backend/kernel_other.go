//go:build !linux

package backend

import "syscall"

// attributes makes a child that belongs to owner. It does not die with its
// parent where the kernel knows no such tie.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner}
}

// children are not known here; PostgreSQL's end by themselves soon.
func children(int) []int { return nil }
