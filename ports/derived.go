package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Derived keeps what was computed from users' memory, sealed, beside it. It is
// no memory: it counts in no quota, records no Change and no event, and is not
// exported, migrated or backed up.
//
// Whatever forgets memory (Forgetting, DeleteConversation, DeleteUser, a
// tenant's deletion) removes, in the same step, each record that was computed
// from some of what is forgotten: those with stretches when the number of an
// interaction that goes is in one of them, those without with any interaction of
// the user's. DeleteConversation removes all that have a stretch of it, and
// ClearMemory all. Sealing memory into blobs, sealing it anew, and facts remove
// none.
type Derived interface {
	// PutDerived adds the records, whose User and Kind are the ones given, and
	// removes those of the kind named in replaces, in one step; what is named and
	// not there is passed over, and a record that is there by its ID already is
	// replaced. CodeNotFound when the user does not exist, or an id or the kind
	// can be none; CodePayloadTooLarge past core.MaxDerivedBytes;
	// CodeVersionConflict when a change after a record's Version forgot something
	// of a conversation that it has a stretch of (of any, for a record without
	// stretches), or the store does not keep its changes that far back, or has
	// not come to that Version. Where it fails nothing is changed.
	PutDerived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID) error

	// Derived lists a user's records of a kind by Position, without Sealed unless
	// payload is set. CodeNotFound when the user does not exist.
	Derived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, page core.Page, payload bool) ([]core.DerivedRecord, error)
}
