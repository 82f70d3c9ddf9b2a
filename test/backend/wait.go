package backend

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// patience is how long a server may take to do what is waited for, on a machine
// that is busy.
const patience = 60 * time.Second

// eventually calls try until it returns nil, and gives up after patience with
// its last error, or at once when the server has ended.
func eventually(try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		switch {
		case err == nil, errors.Is(err, errEnded):
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("not within %v: %w", patience, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// freePort finds a port that is free, as is the one busOffset above it, which a
// node of a cluster needs as well. Both are below what a system hands out to
// outgoing connections, so that a killed server finds its port free again.
func freePort() (int, error) {
	for range 1000 {
		port := 10_001 + rand.IntN(11_000)
		if isFree(port) && isFree(port+busOffset) {
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

// busOffset is from a node's port to that of its cluster bus.
const busOffset = 10_000

func isFree(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// buffer is a log that is written and read at the same time.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
