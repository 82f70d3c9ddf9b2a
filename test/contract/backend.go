package contract

import (
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Store is every store port in one.
type Store = ports.Store

// Backend says how an adapter is opened and broken.
type Backend struct {
	// Open gives a store that holds nothing, and sees to its closing by
	// t.Cleanup. Stores that are open at the same time share nothing.
	Open func(t *testing.T) Store

	// OpenWith is Open for a store whose outboxes hold so many events at most (0
	// for the default), and that tells who recorded some. Nil when a test cannot
	// do that; the subtest is then skipped.
	OpenWith func(t *testing.T, maxOutbox int64, events func(core.TenantID)) Store

	// Break makes the store impossible to reach, for good. Nil when the adapter
	// cannot be broken from a test; the subtest is then skipped.
	Break func(t *testing.T, s Store)

	// Reopen ends the store as the end of its process would and opens what it
	// left. Nil when a test cannot do that; the subtest is then skipped.
	Reopen func(t *testing.T, s Store) Store
}

// All runs the suite of every store port, and what holds across them.
func All(t *testing.T, b Backend) {
	suites := []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"Tenants", Tenants},
		{"APIKeys", APIKeys},
		{"Users", Users},
		{"Conversations", Conversations},
		{"Buffer", Buffer},
		{"Memories", Memories},
		{"Forgetting", Forgetting},
		{"Changes", Changes},
		{"Derived", Derived},
		{"Facts", Facts},
		{"Idempotency", Idempotency},
		{"Outbox", Outbox},
		{"Recorder", Recorder},
		{"Relaying", Relaying},
		{"AuditLog", storedAudit},
		{"Deliveries", Deliveries},
		{"DataKeys", DataKeys},
		{"Rotation", Rotation},
		{"Reseal", Reseal},
		{"Leases", Leases},
		{"Health", Health},
		{"Whole", Whole},
	}
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, b)
		})
	}
}

// guarantee is one subtest: what it holds, and how.
type guarantee struct {
	name string
	hold func(w *World)
}

// run holds the guarantees, each on a store of its own, and then what every
// method of the port has to do.
func (b Backend) run(t *testing.T, guarantees []guarantee, calls []call) {
	for _, g := range guarantees {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.hold(NewWorld(t, b.Open(t)))
		})
	}
	if len(calls) > 0 {
		b.everyMethod(t, calls)
	}
}
