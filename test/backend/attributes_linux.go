package backend

import "syscall"

// attributes makes a child that belongs to owner and dies with its parent.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGKILL}
}
