package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Facts keeps facts: semantic blobs, one fact each, of a user and of no
// conversation. Memories.Blob and Memories.Blobs give them too, and whatever
// removes a user or clears its memory removes them.
type Facts interface {
	// WriteFacts adds, rewrites and deletes facts of a user and moves keys, in
	// one step with the events; one ChangeFact for each fact that was touched.
	// CodeNotFound when the user does not exist; CodeVersionConflict when a fact
	// that is to be rewritten or deleted is not there in the version named, or a
	// key is not held as it was; CodeQuotaExhausted (name "max_facts") when an
	// addition would leave more than step.Max. A key whose holder is deleted by
	// another step is free.
	WriteFacts(ctx context.Context, tenant core.TenantID, op core.Op, step core.FactStep) error

	// Facts lists the user's facts by Position, with Sealed. CodeNotFound when
	// the user does not exist.
	Facts(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BlobRecord, error)
}
