package redis

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Lease takes or prolongs a lease.
func (s *Store) Lease(ctx context.Context, tenant core.TenantID, work, holder string, now, until time.Time) (bool, error) {
	key, err := leaseKey(tenant, work)
	if err != nil {
		return false, err
	}
	answer, err := s.run(ctx, takeLease, []string{key}, holder, ms(now), ms(until))
	return err == nil && len(answer) > 0 && answer[0] == "1", err
}

// EndLease gives a lease back.
func (s *Store) EndLease(ctx context.Context, tenant core.TenantID, work, holder string) error {
	key, err := leaseKey(tenant, work)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, endLease, []string{key}, holder)
	return err
}

// leaseKey fails with CodeNotFound for an id that is not Valid, and for a piece
// of work that may not be called so.
func leaseKey(tenant core.TenantID, work string) (string, error) {
	t, err := keysOfOwner(tenant)
	if err == nil && !validWork(work) {
		err = core.NotFound()
	}
	return t.root + ":lease:" + work, err
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
