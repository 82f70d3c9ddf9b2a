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
	// over with its OpID, so that the steps it did are not done again; so is one
	// whose lease ends more than a minute after c's would: it was made before a
	// clock was set back. A record past its Until is as if it never was.
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

// Recorder records events that belong to no other step.
type Recorder interface {
	// RecordEvents records the events in one step. The tenant may be
	// core.DeploymentTenant, for what no tenant can be named for.
	RecordEvents(ctx context.Context, tenant core.TenantID, op core.Op, events ...core.Event) error
}

// Relaying tells what the outboxes hold, and for whom. A tenant here may be a
// deleted one, or core.DeploymentTenant.
type Relaying interface {
	// Outboxes lists tenants whose outbox holds events, ascending after the one
	// given ("" to start), at most limit. It is asked seldom: a store calls the
	// function that it was opened with after each step that recorded events.
	Outboxes(ctx context.Context, after core.TenantID, limit int) ([]core.OutboxState, error)

	// Positions is the last Seq that each sink has; a sink that is not in it
	// has none.
	Positions(ctx context.Context, tenant core.TenantID) (map[string]int64, error)

	// SetPosition notes that a sink has all events through seq. A lower one than
	// is noted changes nothing.
	SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error

	// TrimEvents removes events through seq from the outbox. The numbers go on.
	TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error
}

// Leases give one process at a time the right to a piece of work. They spare
// work done twice; no guarantee may rest on them.
type Leases interface {
	// Lease takes or prolongs the lease of a tenant's work for the holder, until
	// a time. It is false while another holder has it.
	Lease(ctx context.Context, tenant core.TenantID, work, holder string, now, until time.Time) (bool, error)

	// EndLease gives it back if the holder has it.
	EndLease(ctx context.Context, tenant core.TenantID, work, holder string) error
}
