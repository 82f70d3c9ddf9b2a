package sqlite

import (
	"bytes"
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// claim is a record of an Idempotency-Key.
type claim struct {
	id                   int64
	fingerprint, process []byte
	operation            string
	leaseUntil, until    time.Time
	done                 bool
	response             []byte
}

func (c claim) same(other core.IdempotencyClaim) bool {
	return bytes.Equal(c.fingerprint, other.Fingerprint[:])
}

func (c claim) released() bool { return len(c.process) == 0 }

// leased reports whether a claim's lease still runs. One that runs longer than
// another's would, and a minute, was taken before the clock was set back.
func (c claim) leased(other core.IdempotencyClaim) bool {
	return !other.Now.After(c.leaseUntil) && !c.leaseUntil.After(other.LeaseUntil.Add(time.Minute))
}

func claimFields(c *claim) []any {
	return []any{&c.id, &c.fingerprint, &c.operation, &c.process, at{&c.leaseUntil}, at{&c.until}, &c.done, &c.response}
}

// Begin claims a key, or tells what became of the claim there is.
func (s *Store) Begin(ctx context.Context, tenant core.TenantID, c core.IdempotencyClaim) (core.IdempotencyState, error) {
	return onClaims(ctx, s, tenant, func(t *txn) (core.IdempotencyState, error) {
		there, err := one(t.session, claimFields, `SELECT id, fingerprint, operation, process, lease_until, until,
			response IS NOT NULL, response FROM idempotency WHERE tenant = ? AND key = ?`, t.tenant, c.Key[:])
		switch {
		case absent(err):
			return claimed(c.OpID), t.claim(c)
		case err != nil:
			return core.IdempotencyState{}, err
		case c.Now.After(there.until), there.released() && !there.same(c):
			if err := t.exec(`DELETE FROM idempotency WHERE id = ?`, there.id); err != nil {
				return core.IdempotencyState{}, err
			}
			return claimed(c.OpID), t.claim(c)
		case !there.same(c):
			return core.IdempotencyState{Outcome: core.IdempotencyMismatch, OpID: there.operation}, nil
		case there.done:
			return core.IdempotencyState{Outcome: core.IdempotencyDone, OpID: there.operation, Response: there.response}, nil
		case bytes.Equal(there.process, s.process) && there.leased(c):
			return core.IdempotencyState{Outcome: core.IdempotencyRunning, OpID: there.operation}, nil
		}
		return claimed(there.operation), t.exec(`UPDATE idempotency SET process = ?, lease_until = ?, until = ? WHERE id = ?`,
			s.process, ms(c.LeaseUntil), ms(c.Until), there.id)
	})
}

func claimed(op string) core.IdempotencyState {
	return core.IdempotencyState{Outcome: core.IdempotencyClaimed, OpID: op}
}

func (t *txn) claim(c core.IdempotencyClaim) error {
	return t.exec(`INSERT INTO idempotency (tenant, key, fingerprint, operation, process, lease_until, until)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, c.Key[:], c.Fingerprint[:], c.OpID, t.store.process, ms(c.LeaseUntil), ms(c.Until))
}

// onClaims is a step on the claims of a tenant, or of the deployment.
func onClaims[T any](ctx context.Context, s *Store, tenant core.TenantID, run func(*txn) (T, error)) (T, error) {
	if tenant == core.DeploymentTenant {
		return ownStep(ctx, s, core.Op{}, run)
	}
	return step(ctx, s, tenant, core.Op{}, run)
}

// onClaim changes the claim that opID holds, if it has no answer yet.
func (s *Store) onClaim(ctx context.Context, tenant core.TenantID, key [32]byte, opID, change string, values ...any) error {
	_, err := onClaims(ctx, s, tenant, func(t *txn) (none, error) {
		return none{}, t.exec(change+` WHERE tenant = ? AND key = ? AND operation = ? AND response IS NULL`,
			append(values, t.tenant, key[:], opID)...)
	})
	return err
}

// Complete keeps the answer.
func (s *Store) Complete(ctx context.Context, tenant core.TenantID, key [32]byte, opID string, response []byte) error {
	return s.onClaim(ctx, tenant, key, opID, `UPDATE idempotency SET response = ?`, bytesOf(response))
}

// Release lets the next claim take over.
func (s *Store) Release(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return s.onClaim(ctx, tenant, key, opID, `UPDATE idempotency SET process = x''`)
}

// Abandon forgets a claim that has no answer.
func (s *Store) Abandon(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return s.onClaim(ctx, tenant, key, opID, `DELETE FROM idempotency`)
}

// SweepOperations forgets outcomes and claims whose time is over.
func (s *Store) SweepOperations(ctx context.Context, now time.Time, limit int) (done bool, err error) {
	return ownStep(ctx, s, core.Op{}, func(t *txn) (bool, error) {
		limit := int64(max(limit, 1))
		n, err := t.affect(`DELETE FROM operations WHERE (tenant, operation) IN
			(SELECT tenant, operation FROM operations WHERE until < ? ORDER BY until LIMIT ?)`, ms(now), limit)
		if err != nil {
			return false, err
		}
		m, err := t.affect(`DELETE FROM idempotency WHERE id IN
			(SELECT id FROM idempotency WHERE until < ? ORDER BY until LIMIT ?)`, ms(now), limit-n)
		if err != nil {
			return false, err
		}
		if n+m < limit {
			return true, nil
		}
		left, err := t.exists(`SELECT 1 FROM operations WHERE until < ?1
			UNION ALL SELECT 1 FROM idempotency WHERE until < ?1 LIMIT 1`, ms(now))
		return !left, err
	})
}
