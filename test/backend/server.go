package backend

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// Server is a server that runs for tests. Its methods may be called from any
// goroutine, but only one at a time; what they cannot do fails the test.
type Server struct {
	t      testing.TB
	name   string
	source string
	dir    string
	port   int
	run    runner
	answer func() error // tries once whether the server serves
}

// runner is a server's process, wherever it runs.
type runner interface {
	// start starts the process, again on what an earlier one has left.
	start() error
	// kill ends the process by SIGKILL; it is gone on return.
	kill() error
	freeze() error
	thaw() error
	// ended tells that the process has ended by itself.
	ended() bool
	// remove ends the process for good.
	remove()
	logs() string
}

var errEnded = errors.New("the server has ended")

// launch starts a server in a new directory, on a free port; on others when
// somebody else was quicker to take that. prepare sets run, source and answer.
func launch(name string, prepare func(*Server) error) (*Server, error) {
	var last error
	for range 3 {
		s := &Server{name: name}
		err := s.prepare(prepare)
		if err != nil {
			s.remove()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err = s.start(); err == nil {
			return s, nil
		}
		last = fmt.Errorf("%s from %s: %w; it said:\n%s", name, s.source, err, s.run.logs())
		s.remove()
	}
	return nil, last
}

func (s *Server) prepare(prepare func(*Server) error) (err error) {
	if s.dir, err = os.MkdirTemp("", "raven-test-"+s.name+"-"); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	return prepare(s)
}

// start starts the process and waits until it serves.
func (s *Server) start() error {
	if err := s.run.start(); err != nil {
		return err
	}
	return eventually(func() error {
		if s.run.ended() {
			return errEnded
		}
		return s.answer()
	})
}

// attach hands the server to a test: it ends with it.
func (s *Server) attach(t testing.TB) {
	t.Helper()
	s.t = t
	s.introduce(t)
	t.Cleanup(s.remove)
	t.Cleanup(func() { s.showLog(t) })
}

func (s *Server) introduce(t testing.TB) {
	t.Helper()
	t.Logf("%s on %s from %s", s.name, s.Addr(), s.source)
}

// showLog shows the end of the log when the test has failed.
func (s *Server) showLog(t testing.TB) {
	const shown = 8 << 10
	if !t.Failed() {
		return
	}
	log := s.Logs()
	t.Logf("log of %s on %s:\n%s", s.name, s.Addr(), log[max(0, len(log)-shown):])
}

func (s *Server) remove() {
	if s.run != nil {
		s.run.remove()
	}
	_ = os.RemoveAll(s.dir)
}

// Addr is the server's address, the same over its whole life.
func (s *Server) Addr() string { return loopback(s.port) }

// Dir is where a process on this machine keeps its data and all else that it
// writes; "" where the server runs elsewhere.
func (s *Server) Dir() string {
	if _, here := s.run.(*process); here {
		return s.dir
	}
	return ""
}

// Source says where the server comes from, in words.
func (s *Server) Source() string { return s.source }

// Logs is what the server has logged so far, in all its lives.
func (s *Server) Logs() string { return s.run.logs() }

// Kill ends the server as a power cut would. It is gone on return.
func (s *Server) Kill() {
	s.t.Helper()
	s.must("killing", s.run.kill())
}

// Restart starts a killed server on the data it has left, and one that runs
// after killing it, and waits until it serves.
func (s *Server) Restart() {
	s.t.Helper()
	s.must("killing", s.run.kill())
	s.must("restarting", s.start())
}

func (s *Server) must(doing string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Errorf("%s %s on %s: %v", doing, s.name, s.Addr(), err)
	}
}
