package ports

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Idempotency remembers answers to requests that carry an Idempotency-Key. The
// tenant is core.DeploymentTenant for requests that no tenant makes.
type Idempotency interface {
	// Begin claims a key. Of concurrent claims one is IdempotencyClaimed. A
	// claim whose lease ran out, or whose process is known to be gone, is taken
	// over with its OpID, so that the steps it did are not done again. A record
	// past its Until is as if it never was.
	Begin(ctx context.Context, tenant core.TenantID, c core.IdempotencyClaim) (core.IdempotencyState, error)

	// Complete keeps the sealed response, if opID still holds the claim.
	Complete(ctx context.Context, tenant core.TenantID, key [32]byte, opID string, response []byte) error

	// Release ends the lease of a claim whose steps may or may not have
	// happened, if opID still holds it. The next claim takes over: under the
	// same OpID with the same fingerprint, under its own with another.
	Release(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error

	// Abandon forgets the claim, if opID still holds it.
	Abandon(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error

	// SweepOperations forgets outcomes, claims and responses past their Until,
	// at most about limit, and reports whether none is left.
	SweepOperations(ctx context.Context, now time.Time, limit int) (done bool, err error)
}

// Outbox reads the events that steps recorded.
type Outbox interface {
	// Events lists the tenant's events with a greater Seq than after, ascending,
	// at most limit. Those of a deleted tenant stay readable.
	Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error)
}
