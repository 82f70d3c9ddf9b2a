package vault

import (
	"errors"
	"sync"
	"time"

	"github.com/raven-memory/raven/ports"
)

const (
	// breakAfter is how many failures in a row open the breaker.
	breakAfter = 5
	// breakFor is how long it then stays open before one request may try.
	breakFor = 2 * time.Second
)

// errOpen says that Vault was not asked, as it has just failed repeatedly.
var errOpen = errors.New("vault: not asked, after failures in a row")

// outcome is what a request says about Vault.
type outcome int

const (
	unknown outcome = iota // the caller gave up, or Vault had no time for it
	works
	fails
)

// breaker spares callers the wait for a Vault that does not answer: after some
// failures in a row it refuses for a while, then lets one try.
type breaker struct {
	clock ports.Clock

	mu       sync.Mutex
	failures int
	openedAt time.Time
	trying   bool
}

// enter lets a request pass or not. One that passed has to leave.
func (b *breaker) enter() (leave func(outcome), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return b.report, nil
	}
	// After a step back of the clock the breaker's age can't be told.
	age := b.clock.Now().Sub(b.openedAt)
	if b.trying || age >= 0 && age < breakFor {
		return nil, errOpen
	}
	b.trying = true
	return func(o outcome) {
		b.mu.Lock()
		b.trying = false
		b.mu.Unlock()
		b.report(o)
	}, nil
}

// open reports whether requests are refused, or but one is let through.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures >= breakAfter
}

// report counts what came of a request.
func (b *breaker) report(o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch o {
	case works:
		b.failures = 0
	case fails:
		b.failures++
		b.openedAt = b.clock.Now()
	case unknown:
	}
}
