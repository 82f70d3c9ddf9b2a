package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Derived keeps what was computed from users' memory, sealed, beside it. It is
// no memory: it counts in no quota, records no Change and no event, and is not
// exported, migrated or backed up.
//
// Whatever forgets memory (Forgetting, DeleteConversation, DeleteUser,
// a tenant's deletion) removes, in the same step, each record whose
// stretch holds some of what is forgotten: those with a Conversation when
// that conversation's numbers meet First…Last, those without with any memory of
// the user's that goes. Sealing memory into blobs removes none.
type Derived interface {
	// PutDerived adds the records, all of one user and kind, and removes those
	// of the kind named in replaces, in one step. CodeVersionConflict, and
	// nothing changed, when some memory of the user's that a record's stretch
	// holds was forgotten after the record's Version, or the store cannot tell
	// any more.
	PutDerived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID) error

	// Derived lists a user's records of a kind by Position, with Sealed.
	Derived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, page core.Page) ([]core.DerivedRecord, error)
}
