package memory

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// maxFlush bounds the interactions that one step seals, and so its memory.
const maxFlush = 2 * core.MaxBatchSize

// Flush seals all that is buffered of a conversation: full batches, then what
// is left. Nothing buffered is no error.
func (s *Service) Flush(ctx context.Context, caller core.Caller, _ core.Op, user core.UserID, conversation core.ConversationID) ([]core.BlobID, error) {
	flushed, _, err := s.flush(ctx, caller, user, conversation, true)
	return flushed, err
}

// flush seals full batches, and the rest too when all is set, in steps that
// each change nothing unless the buffer's head is still what was read: another
// node may be doing the same.
func (s *Service) flush(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, all bool) (flushed []core.BlobID, left int64, err error) {
	for range maxTries {
		list, read, err := s.head(ctx, caller, user, conversation, all)
		if err != nil {
			return flushed, 0, err
		}
		if len(list) == 0 {
			return flushed, int64(read), nil
		}
		blobs, rest, err := s.commit(ctx, caller, user, conversation, list)
		switch {
		case core.Is(err, core.CodeVersionConflict):
			continue
		case err != nil:
			return flushed, 0, err
		}
		flushed, left = append(flushed, blobs...), rest
		if left == 0 || !all && left < caller.Settings.BatchSize {
			return flushed, left, nil
		}
	}
	return flushed, left, conflict()
}

// head gives what one step is to seal, and of how many entries.
func (s *Service) head(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, all bool) (list []core.Interaction, read int, err error) {
	entries, err := s.Store.Buffered(ctx, caller.Tenant, user, conversation, maxFlush)
	if err != nil {
		return nil, 0, err
	}
	whole := len(entries)
	if !all || whole == maxFlush {
		whole -= whole % int(caller.Settings.BatchSize)
	}
	list, err = s.openEntries(ctx, caller.Tenant, user, entries[:whole])
	return list, len(entries), err
}

// commit seals interactions and puts them in their place in the buffer; left is what
// that holds after.
func (s *Service) commit(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, list []core.Interaction) (ids []core.BlobID, left int64, err error) {
	f, err := s.sealFlush(ctx, caller, user, conversation, list)
	if err != nil {
		return nil, 0, err
	}
	for _, b := range f.Blobs {
		ids = append(ids, b.ID)
	}
	left, err = s.Store.CommitFlush(ctx, caller.Tenant, core.Op{}, f)
	return ids, left, err
}

// sealFlush seals interactions into blobs of the batch size.
func (s *Service) sealFlush(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, list []core.Interaction) (core.Flush, error) {
	f := core.Flush{User: user, Conversation: conversation, At: s.Clock.Now()}
	for part := range slices.Chunk(list, int(caller.Settings.BatchSize)) {
		blob, err := s.seal(ctx, caller.Tenant, core.BlobRecord{
			ID: s.IDs.Blob(), User: user, Kind: core.BlobEpisodic, Conversation: conversation, Version: 1,
		}, part)
		if err != nil {
			return core.Flush{}, err
		}
		f.Blobs = append(f.Blobs, blob)
		f.Head = append(f.Head, blob.Interactions...)
	}
	f.Event = s.event(caller, core.EventMemoryFlushed, core.EventData{
		"user_id": string(user), "conversation_id": string(conversation),
		"blobs": int64(len(f.Blobs)), "interactions": int64(len(f.Head)),
	})
	return f, nil
}

// seal fills in what a blob's header says of its interactions, and seals them.
func (s *Service) seal(ctx context.Context, tenant core.TenantID, b core.BlobRecord, list []core.Interaction) (core.BlobRecord, error) {
	b.Numbers, b.Interactions = nil, nil
	first := list[0]
	b.FirstAt, b.LastAt = first.OccurredAt, first.OccurredAt
	b.FirstTakenAt, b.LastTakenAt = first.AcceptedAt, first.AcceptedAt
	for _, in := range list {
		b.Numbers = append(b.Numbers, in.Number)
		b.Interactions = append(b.Interactions, in.ID)
		b.FirstAt, b.LastAt = earlier(b.FirstAt, in.OccurredAt), later(b.LastAt, in.OccurredAt)
		b.FirstTakenAt, b.LastTakenAt = earlier(b.FirstTakenAt, in.AcceptedAt), later(b.LastTakenAt, in.AcceptedAt)
	}
	sealed, err := s.Seal.Seal(ctx, core.BlobPlace(tenant, b), core.EncodeInteractions(list))
	if err != nil {
		return core.BlobRecord{}, err
	}
	b.Sealed, b.Size = sealed, int64(len(sealed))
	b.KeyVersion, _ = core.EnvelopeKeyVersion(sealed)
	return b, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// FlushIdle seals what conversations left in their buffers since before, at
// most limit conversations, and returns how many it sealed or found gone. It
// tells Report of those that fail.
func (s *Service) FlushIdle(ctx context.Context, before time.Time, limit int) (done int, err error) {
	places, err := s.Store.IdleBuffers(ctx, before, limit)
	if err != nil {
		return 0, err
	}
	for _, p := range places {
		caller, err := s.system(ctx, p.Tenant)
		if err == nil {
			_, err = s.Flush(ctx, caller, core.Op{}, p.User, p.Conversation)
		}
		if err != nil && !core.Is(err, core.CodeNotFound) { // gone meanwhile is well
			s.Report(ctx, "sealing an idle buffer", err)
			continue
		}
		done++
	}
	return done, ctx.Err()
}

// system is the caller that background work runs as.
func (s *Service) system(ctx context.Context, tenant core.TenantID) (core.Caller, error) {
	record, err := s.Tenants.Tenant(ctx, tenant)
	return core.Caller{Tenant: tenant, Settings: record.Settings}, err
}

func conflict() error {
	return core.NewError(core.CodeVersionConflict, "Others changed the same thing at the same time. Try again.")
}
