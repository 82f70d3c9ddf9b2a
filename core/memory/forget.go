package memory

import (
	"context"
	"math"
	"slices"

	"github.com/raven-memory/raven/core"
)

// DeleteBlob forgets a blob with its interactions.
func (s *Service) DeleteBlob(ctx context.Context, caller core.Caller, user core.UserID, id core.BlobID) error {
	return s.retry(func() error {
		b, err := s.Store.Blob(ctx, caller.Tenant, user, id)
		if err != nil {
			return err
		}
		if b.Kind == core.BlobSemantic {
			return s.Facts.Delete(ctx, caller, user, core.BlobFact(id))
		}
		if err := s.unlearn(ctx, caller, user, b.Interactions); err != nil {
			return err
		}
		return s.deleteBlob(ctx, caller, b, core.EventMemoryDeleted)
	})
}

// unlearn forgets what rests on interactions that are about to go.
func (s *Service) unlearn(ctx context.Context, caller core.Caller, user core.UserID, ids []core.InteractionID) error {
	return s.Facts.Unlearn(ctx, caller, user, func(from core.FactSource) bool { return slices.Contains(ids, from.Interaction) })
}

func (s *Service) deleteBlob(ctx context.Context, caller core.Caller, b core.BlobRecord, kind core.EventType) error {
	err := s.Store.DeleteBlob(ctx, caller.Tenant, core.Op{}, core.BlobDelete{
		User: b.User, ID: b.ID, IfVersion: b.Version, At: s.Clock.Now(),
		Event: s.event(caller, kind, core.EventData{
			"user_id": string(b.User), "conversation_id": string(b.Conversation), "blob_id": string(b.ID),
		}),
	})
	if err == nil {
		s.Index.Follow(ctx, caller.Tenant, b.User)
	}
	return err
}

// ClearMemory forgets all that is stored of a user's conversations; the
// conversations stay.
func (s *Service) ClearMemory(ctx context.Context, caller core.Caller, user core.UserID) error {
	err := s.Store.ClearMemory(ctx, caller.Tenant, core.Op{}, user,
		s.event(caller, core.EventMemoryDeleted, core.EventData{"user_id": string(user)}))
	if err == nil {
		s.Index.Follow(ctx, caller.Tenant, user)
	}
	return err
}

// DeleteInteraction forgets one interaction, wherever it is now: a flush may
// move it from the buffer into a blob while it is looked for. Of one that is not
// in the conversation, nothing is forgotten.
func (s *Service) DeleteInteraction(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, id core.InteractionID) error {
	return s.retry(func() error {
		blob, err := s.holder(ctx, caller.Tenant, user, conversation, id)
		if err != nil {
			return err
		}
		if err := s.unlearn(ctx, caller, user, []core.InteractionID{id}); err != nil {
			return err
		}
		if blob.ID != "" {
			return s.thin(ctx, caller, blob, core.EventMemoryDeleted, func(in core.Interaction) bool { return in.ID == id })
		}
		removed, err := s.deleteBuffered(ctx, caller, user, conversation, []core.InteractionID{id}, core.EventMemoryDeleted)
		if err == nil && removed == 0 {
			return conflict() // it moved, or another call was faster; look again
		}
		return err
	})
}

// wholeBuffer is the limit of who needs all of a buffer: less than a batch, unless
// its flushes fail.
const wholeBuffer = math.MaxInt32

// holder is the header of the blob that an interaction is in, a zero one while it
// is buffered. The buffer is looked into first, as that is where it leaves.
func (s *Service) holder(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, id core.InteractionID) (core.BlobRecord, error) {
	buffered, err := s.Store.Buffered(ctx, tenant, user, conversation, wholeBuffer)
	if err != nil || slices.ContainsFunc(buffered, func(e core.BufferEntry) bool { return e.ID == id }) {
		return core.BlobRecord{}, err
	}
	blobs, err := s.Store.ConversationBlobs(ctx, tenant, user, conversation)
	if err != nil {
		return core.BlobRecord{}, err
	}
	for _, b := range blobs {
		if slices.Contains(b.Interactions, id) {
			return b, nil
		}
	}
	return core.BlobRecord{}, core.NotFound()
}

func (s *Service) deleteBuffered(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, ids []core.InteractionID, kind core.EventType) (int64, error) {
	removed, err := s.Store.DeleteBuffered(ctx, caller.Tenant, core.Op{}, core.BufferDelete{
		User: user, Conversation: conversation, IDs: ids, At: s.Clock.Now(),
		Event: s.event(caller, kind, core.EventData{"user_id": string(user), "conversation_id": string(conversation)}),
	})
	if err == nil && removed > 0 {
		s.Index.Follow(ctx, caller.Tenant, user)
	}
	return removed, err
}

// thin reads a blob and takes out of it the interactions that gone names.
func (s *Service) thin(ctx context.Context, caller core.Caller, header core.BlobRecord, kind core.EventType, gone func(core.Interaction) bool) error {
	old, err := s.Store.Blob(ctx, caller.Tenant, header.User, header.ID)
	if err != nil {
		return retryGone(err)
	}
	return s.takeOut(ctx, caller, old, kind, gone)
}

// takeOut takes interactions out of a blob by sealing the others anew under the
// same id; a blob with nothing left is deleted.
func (s *Service) takeOut(ctx context.Context, caller core.Caller, old core.BlobRecord, kind core.EventType, gone func(core.Interaction) bool) error {
	list, err := s.openBlob(ctx, caller.Tenant, old)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(list), gone)
	switch len(kept) {
	case len(list):
		return conflict() // another call was faster; look again
	case 0:
		return retryGone(s.deleteBlob(ctx, caller, old, kind))
	}
	removed := int64(len(list) - len(kept))
	rewritten := old
	rewritten.Version++
	if rewritten, err = s.seal(ctx, caller.Tenant, rewritten, kept); err != nil {
		return err
	}
	event := s.event(caller, kind, core.EventData{
		"user_id": string(old.User), "conversation_id": string(old.Conversation), "blob_id": string(old.ID),
		"interactions": removed,
	})
	err = s.Store.RewriteBlob(ctx, caller.Tenant, core.Op{}, core.BlobRewrite{
		New: rewritten, IfVersion: old.Version, Removed: removed, At: s.Clock.Now(), Event: &event,
	})
	if err == nil {
		s.Index.Follow(ctx, caller.Tenant, old.User)
	}
	return retryGone(err)
}

// retryGone makes a blob that vanished between two steps a reason to look again.
func retryGone(err error) error {
	if core.Is(err, core.CodeNotFound) {
		return conflict()
	}
	return err
}

func (s *Service) retry(step func() error) error {
	for range maxTries {
		if err := step(); !core.Is(err, core.CodeVersionConflict) {
			return err
		}
	}
	return conflict()
}
