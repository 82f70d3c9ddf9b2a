package ports

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Buffer takes interactions in and lets blobs take their place.
type Buffer interface {
	// Append numbers the entries and adds them to the conversation's buffer, in
	// order, and records one ChangeAppended. CodeConversationClosed when it is
	// closed.
	Append(ctx context.Context, tenant core.TenantID, op core.Op, a core.Append) (core.Appended, error)

	// AppendSealed is Append and CommitFlush in one step. CodeVersionConflict when
	// Head does not begin with all that is buffered, or what is new has other
	// numbers than its blobs say, or nothing in them is new.
	AppendSealed(ctx context.Context, tenant core.TenantID, op core.Op, a core.AppendSealed) (core.Appended, error)

	// Buffered returns the first entries of the conversation's buffer, by
	// number, at most limit.
	Buffered(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, limit int) ([]core.BufferEntry, error)

	// CommitFlush puts the blobs in the place of the buffer's head, records one
	// ChangeSealed a blob and the event, and returns how many entries are left.
	// CodeVersionConflict when the head is not what it was. It works on closed
	// conversations too.
	CommitFlush(ctx context.Context, tenant core.TenantID, op core.Op, f core.Flush) (left int64, err error)

	// IdleBuffers lists conversations, of any tenant, that have something
	// buffered and took nothing in since before, at most limit. Closed ones
	// with something buffered are always idle. Where there are more, calls go
	// round: however many of a tenant stay idle, a later call gives the others'.
	IdleBuffers(ctx context.Context, before time.Time, limit int) ([]core.BufferPlace, error)
}

// Memories reads what is stored.
type Memories interface {
	// Stretch reads a part of a conversation, sealed and buffered, as it was at
	// one moment: nothing is missing and nothing is there twice.
	Stretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, w core.Window) (core.Stretch, error)

	// Blobs lists the user's blobs by Position, without Sealed unless payload
	// is set. CodeNotFound when the user does not exist.
	Blobs(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page, payload bool) ([]core.BlobRecord, error)

	// Blob returns one with Sealed.
	Blob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID) (core.BlobRecord, error)

	// ConversationBlobs lists the headers of the conversation's blobs, by number.
	ConversationBlobs(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) ([]core.BlobRecord, error)

	// UserBuffer lists the buffered entries of all the user's conversations by
	// Position. An entry that a flush moves while pages are read is in the
	// blobs from then on: who reads the buffer to its end first and the blobs
	// after misses nothing.
	UserBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error)
}

// Forgetting removes memory. Every step records what it forgot as a Change and
// takes it off the counters.
type Forgetting interface {
	// RewriteBlob replaces a blob; CodeVersionConflict when its version is not
	// IfVersion any more. Interactions that the new one lacks become one
	// ChangeForgotten.
	RewriteBlob(ctx context.Context, tenant core.TenantID, op core.Op, r core.BlobRewrite) error

	// DeleteBlob removes a blob; CodeVersionConflict as above. The event gets
	// the count "interactions".
	DeleteBlob(ctx context.Context, tenant core.TenantID, op core.Op, d core.BlobDelete) error

	// DeleteBuffered removes entries from a buffer and returns how many.
	DeleteBuffered(ctx context.Context, tenant core.TenantID, op core.Op, d core.BufferDelete) (removed int64, err error)

	// ClearMemory removes all blobs and buffers of the user and leaves the
	// conversations; one ChangeCleared. The event gets the counts
	// "interactions" and "blobs".
	ClearMemory(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, event core.Event) error

	// Expired lists blobs and buffers of the tenant that hold something
	// accepted before, oldest first, at most limit.
	Expired(ctx context.Context, tenant core.TenantID, before time.Time, limit int) ([]core.ExpiredPlace, error)
}

// Changes tells what happened to a user's memory, so that an index need not be
// built anew.
type Changes interface {
	// MemoryVersion is the version of the user's last change; 0 for none.
	MemoryVersion(ctx context.Context, tenant core.TenantID, user core.UserID) (int64, error)

	// Changes lists changes after a version, ascending, at most limit. ok is
	// false when the store does not keep them that far back; it keeps at least
	// the last core.MinChangesKept of a user.
	Changes(ctx context.Context, tenant core.TenantID, user core.UserID, after int64, limit int) (changes []core.Change, ok bool, err error)
}
