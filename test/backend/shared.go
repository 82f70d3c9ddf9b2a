package backend

import (
	"sync"
	"testing"
)

// shared is a server that runs while a test of the process holds it, so that
// nothing of it is left when the last has ended.
type shared[S interface {
	introduce(testing.TB)
	showLog(testing.TB)
	remove()
}] struct {
	mu      sync.Mutex
	server  S
	holders int
}

// take holds the server until the test ends, and starts it for the first.
func (s *shared[S]) take(t testing.TB, start func() (S, error)) S {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders == 0 {
		server, err := start()
		if err != nil {
			t.Fatal(err)
		}
		s.server = server
	}
	s.holders++
	server := s.server
	server.introduce(t)
	t.Cleanup(s.release)
	t.Cleanup(func() { server.showLog(t) })
	return server
}

func (s *shared[S]) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holders--
	if s.holders == 0 {
		s.server.remove()
	}
}
