package backend

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a server's process on this machine. It dies with the test's.
type process struct {
	path  string
	args  []string
	dir   string
	owner *syscall.Credential // nil is who runs the test
	quit  syscall.Signal      // ends it in good order

	// family: its children serve, and are killed with it.
	family bool

	log  buffer
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended; nil before the first start
}

func (p *process) start() error {
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Dir = p.dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = attributes(p.owner)
	p.done = make(chan struct{})
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The kernel ties the child's death to this thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	return <-started
}

func (p *process) running() bool { return p.done != nil && !p.ended() }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(s syscall.Signal) error {
	if !p.running() {
		return errEnded
	}
	return p.cmd.Process.Signal(s)
}

func (p *process) kill() error {
	if !p.running() {
		return nil
	}
	if p.family {
		_ = p.freeze() // no more children
		for _, child := range children(p.cmd.Process.Pid) {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("process %d does not die", p.cmd.Process.Pid)
	}
}

func (p *process) freeze() error { return p.signal(syscall.SIGSTOP) }
func (p *process) thaw() error   { return p.signal(syscall.SIGCONT) }

func (p *process) remove() {
	if p.signal(p.quit) == nil {
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
		}
	}
	_ = p.kill()
}

func (p *process) logs() string { return p.log.String() }
