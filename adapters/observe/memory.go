package observe

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type buffer struct {
	next ports.Buffer
	hooks
}

func (o buffer) Append(ctx context.Context, tenant core.TenantID, op core.Op, a core.Append) (core.Appended, error) {
	return get(ctx, o.hooks, Call{"Buffer", "Append"}, func(ctx context.Context) (core.Appended, error) {
		return o.next.Append(ctx, tenant, op, a)
	})
}

func (o buffer) AppendSealed(ctx context.Context, tenant core.TenantID, op core.Op, a core.AppendSealed) (core.Appended, error) {
	return get(ctx, o.hooks, Call{"Buffer", "AppendSealed"}, func(ctx context.Context) (core.Appended, error) {
		return o.next.AppendSealed(ctx, tenant, op, a)
	})
}

func (o buffer) Buffered(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, limit int) ([]core.BufferEntry, error) {
	return get(ctx, o.hooks, Call{"Buffer", "Buffered"}, func(ctx context.Context) ([]core.BufferEntry, error) {
		return o.next.Buffered(ctx, tenant, user, conversation, limit)
	})
}

func (o buffer) CommitFlush(ctx context.Context, tenant core.TenantID, op core.Op, f core.Flush) (left int64, err error) {
	return get(ctx, o.hooks, Call{"Buffer", "CommitFlush"}, func(ctx context.Context) (int64, error) {
		return o.next.CommitFlush(ctx, tenant, op, f)
	})
}

func (o buffer) IdleBuffers(ctx context.Context, before time.Time, limit int) ([]core.BufferPlace, error) {
	return get(ctx, o.hooks, Call{"Buffer", "IdleBuffers"}, func(ctx context.Context) ([]core.BufferPlace, error) {
		return o.next.IdleBuffers(ctx, before, limit)
	})
}

type memories struct {
	next ports.Memories
	hooks
}

func (o memories) Stretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, w core.Window) (core.Stretch, error) {
	return get(ctx, o.hooks, Call{"Memories", "Stretch"}, func(ctx context.Context) (core.Stretch, error) {
		return o.next.Stretch(ctx, tenant, user, conversation, w)
	})
}

func (o memories) Blobs(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page, payload bool) ([]core.BlobRecord, error) {
	return get(ctx, o.hooks, Call{"Memories", "Blobs"}, func(ctx context.Context) ([]core.BlobRecord, error) {
		return o.next.Blobs(ctx, tenant, user, page, payload)
	})
}

func (o memories) Blob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID) (core.BlobRecord, error) {
	return get(ctx, o.hooks, Call{"Memories", "Blob"}, func(ctx context.Context) (core.BlobRecord, error) {
		return o.next.Blob(ctx, tenant, user, id)
	})
}

func (o memories) ConversationBlobs(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) ([]core.BlobRecord, error) {
	return get(ctx, o.hooks, Call{"Memories", "ConversationBlobs"}, func(ctx context.Context) ([]core.BlobRecord, error) {
		return o.next.ConversationBlobs(ctx, tenant, user, conversation)
	})
}

func (o memories) UserBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error) {
	return get(ctx, o.hooks, Call{"Memories", "UserBuffer"}, func(ctx context.Context) ([]core.BufferEntry, error) {
		return o.next.UserBuffer(ctx, tenant, user, page)
	})
}

type forgetting struct {
	next ports.Forgetting
	hooks
}

func (o forgetting) RewriteBlob(ctx context.Context, tenant core.TenantID, op core.Op, r core.BlobRewrite) error {
	return do(ctx, o.hooks, Call{"Forgetting", "RewriteBlob"}, func(ctx context.Context) error {
		return o.next.RewriteBlob(ctx, tenant, op, r)
	})
}

func (o forgetting) DeleteBlob(ctx context.Context, tenant core.TenantID, op core.Op, d core.BlobDelete) error {
	return do(ctx, o.hooks, Call{"Forgetting", "DeleteBlob"}, func(ctx context.Context) error {
		return o.next.DeleteBlob(ctx, tenant, op, d)
	})
}

func (o forgetting) DeleteBuffered(ctx context.Context, tenant core.TenantID, op core.Op, d core.BufferDelete) (removed int64, err error) {
	return get(ctx, o.hooks, Call{"Forgetting", "DeleteBuffered"}, func(ctx context.Context) (int64, error) {
		return o.next.DeleteBuffered(ctx, tenant, op, d)
	})
}

func (o forgetting) ClearMemory(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, event core.Event) error {
	return do(ctx, o.hooks, Call{"Forgetting", "ClearMemory"}, func(ctx context.Context) error {
		return o.next.ClearMemory(ctx, tenant, op, user, event)
	})
}

func (o forgetting) Expired(ctx context.Context, tenant core.TenantID, before time.Time, limit int) ([]core.ExpiredPlace, error) {
	return get(ctx, o.hooks, Call{"Forgetting", "Expired"}, func(ctx context.Context) ([]core.ExpiredPlace, error) {
		return o.next.Expired(ctx, tenant, before, limit)
	})
}

type changes struct {
	next ports.Changes
	hooks
}

func (o changes) MemoryVersion(ctx context.Context, tenant core.TenantID, user core.UserID) (int64, error) {
	return get(ctx, o.hooks, Call{"Changes", "MemoryVersion"}, func(ctx context.Context) (int64, error) {
		return o.next.MemoryVersion(ctx, tenant, user)
	})
}

func (o changes) Changes(ctx context.Context, tenant core.TenantID, user core.UserID, after int64, limit int) (changes []core.Change, ok bool, err error) {
	return get2(ctx, o.hooks, Call{"Changes", "Changes"}, func(ctx context.Context) ([]core.Change, bool, error) {
		return o.next.Changes(ctx, tenant, user, after, limit)
	})
}
