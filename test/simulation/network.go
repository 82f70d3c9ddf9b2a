package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// chance is a source of random numbers that goroutines share.
type chance struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newChance(seed, stream uint64) *chance {
	return &chance{r: rand.New(rand.NewPCG(seed, stream))} //nolint:gosec // a simulation, to be repeated
}

// Float64 is in [0, 1).
func (c *chance) Float64() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.Float64()
}

// exponential has the mean given.
func (c *chance) exponential(mean time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.r.ExpFloat64() * float64(mean))
}

// below is a number from 0 to n-1.
func (c *chance) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.IntN(n)
}

// Read implements io.Reader, for ids.
func (c *chance) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		p[i] = byte(c.r.Uint32())
	}
	return len(p), nil
}

// clock is the bubble's, in the milliseconds that stores keep.
type clock struct{}

// Now implements ports.Clock.
func (clock) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// The model of the way to a store and back, the store's own work included.
const (
	fastest  = 200 * time.Microsecond
	usually  = 300 * time.Microsecond // the mean of what comes on top
	slowOnes = 0.001                  // of calls, take
	slow     = 250 * time.Millisecond // at the mean, as when a server rewrites its file
)

var (
	errLost = errors.New("the answer was lost")
	errDead = errors.New("the process is dead")
)

// network carries calls to the store.
type network struct {
	chance *chance
	faults float64 // share of calls that fail
	calls  counts
}

func (n *network) latency() time.Duration {
	d := fastest + n.chance.exponential(usually)
	if n.chance.Float64() < slowOnes {
		d += n.chance.exponential(slow)
	}
	return d
}

// line is a process's connection to the store.
type line struct {
	*network
	mu   sync.Mutex
	dead bool
}

// cut ends the process: calls that are under way may have their effect, but
// nobody hears of it; none has one from now on.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

func (l *line) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// call does something at the store, in two halves of a round trip.
func (l *line) call(ctx context.Context, name string, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.isDead() {
		return errDead
	}
	l.calls.add(name)
	fails, late := l.chance.Float64() < l.faults, l.chance.Float64() < 0.5
	time.Sleep(l.latency() / 2)
	var err error
	if !fails || late {
		err = effect()
	}
	time.Sleep(l.latency() / 2)
	switch {
	case l.isDead():
		return errDead
	case fails:
		return core.Unavailable(errLost)
	}
	return err
}
