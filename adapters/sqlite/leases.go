package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// leases are in memory only: the store is one process's, and a lease that
// outlived it would keep the next one waiting for nothing.
type leases struct {
	mu    sync.Mutex
	held  map[work]lease
	prune int // how many there may be before those that ran out are dropped
}

// work is what a lease is of.
type work struct {
	tenant core.TenantID
	name   string
}

type lease struct {
	holder string
	until  int64 // in milliseconds, as times are kept everywhere
}

const fewLeases = 1024

// Lease takes or prolongs a lease.
func (s *Store) Lease(ctx context.Context, tenant core.TenantID, name, holder string, now, until time.Time) (held bool, err error) {
	err = s.onLease(ctx, tenant, name, func(l *leases, w work) {
		there, ok := l.held[w]
		if held = !ok || there.holder == holder || ms(now) >= there.until; held {
			l.keep(w, lease{holder, ms(until)}, now)
		}
	})
	return held, err
}

// EndLease gives a lease back.
func (s *Store) EndLease(ctx context.Context, tenant core.TenantID, name, holder string) error {
	return s.onLease(ctx, tenant, name, func(l *leases, w work) {
		if l.held[w].holder == holder {
			delete(l.held, w)
		}
	})
}

func (s *Store) onLease(ctx context.Context, tenant core.TenantID, name string, do func(*leases, work)) error {
	s.life.RLock()
	defer s.life.RUnlock()
	switch {
	case s.closed:
		return translate(ctx, errClosed)
	case ctx.Err() != nil:
		return translate(ctx, ctx.Err())
	case !tenant.Valid() && tenant != core.DeploymentTenant, !validWork(name):
		return core.NotFound()
	}
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	do(&s.leases, work{tenant, name})
	return nil
}

// keep also drops what ran out, now and then.
func (l *leases) keep(w work, held lease, now time.Time) {
	if l.held == nil {
		l.held, l.prune = map[work]lease{}, fewLeases
	}
	l.held[w] = held
	if len(l.held) <= l.prune {
		return
	}
	for w, held := range l.held {
		if ms(now) >= held.until {
			delete(l.held, w)
		}
	}
	l.prune = max(fewLeases, 2*len(l.held))
}

const longestWork = 64

// validWork reports whether a piece of work may be called so: lower-case
// letters, digits, and signs between them.
func validWork(name string) bool {
	for i := range len(name) {
		c := name[i]
		sign := c == '-' || c == '_' || c == '.' || c == ':'
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (!sign || i == 0) {
			return false
		}
	}
	return name != "" && len(name) <= longestWork
}
