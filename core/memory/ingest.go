package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
)

// NewInteraction is one message as a caller brings it. Metadata is a JSON
// object, or nil; OccurredAt nil is now.
type NewInteraction struct {
	Role       string
	Content    string
	Name       *string
	OccurredAt *time.Time
	Metadata   []byte
}

// Ingested says what became of an ingest.
type Ingested struct {
	IDs      []core.InteractionID
	Buffered int64         // in the conversation's buffer now
	Flushed  []core.BlobID // sealed by this call
}

// Ingest stores interactions at the end of a conversation. What it returns
// without an error is durable, readable and searchable. When the buffer has
// reached the tenant's batch size, full batches of it are sealed into blobs.
// CodeConversationClosed.
func (s *Service) Ingest(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID, list []NewInteraction) (Ingested, error) {
	return s.ingest(ctx, caller, op, user, conversation, list, true)
}

// IngestOnly is Ingest for interactions whose facts are known otherwise: none
// are looked for in them.
func (s *Service) IngestOnly(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID, list []NewInteraction) (Ingested, error) {
	return s.ingest(ctx, caller, op, user, conversation, list, false)
}

func (s *Service) ingest(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID, list []NewInteraction, tell bool) (Ingested, error) {
	interactions, err := s.check(list)
	if err != nil {
		return Ingested{}, err
	}
	appended, full, err := s.appendFull(ctx, caller, op, user, conversation, interactions)
	if err == nil && !full {
		appended, err = s.append(ctx, caller, op, user, conversation, interactions)
	}
	if err != nil {
		return Ingested{}, err
	}
	ours := len(appended.IDs) == len(interactions) && appended.IDs[0] == interactions[0].ID
	number(interactions, conversation, appended.First)
	if tell && ours && s.Heard != nil { // what an earlier run of the operation took in was handed on by that
		s.Heard(caller, user, interactions)
	}
	done := Ingested{IDs: appended.IDs, Buffered: appended.Buffered, Flushed: appended.Blobs}
	if appended.Buffered >= caller.Settings.BatchSize {
		s.flushFull(ctx, caller, user, conversation, &done)
	}
	s.ends.Put(place{caller.Tenant, conversation}, end{next: appended.First + int64(len(appended.IDs)), buffered: done.Buffered})
	return done, nil
}

// append adds interactions to the buffer.
func (s *Service) append(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID, list []core.Interaction) (core.Appended, error) {
	entries, err := s.sealEntries(ctx, caller.Tenant, user, conversation, list)
	if err != nil {
		return core.Appended{}, err
	}
	return s.Store.Append(ctx, caller.Tenant, op, core.Append{
		User: user, Conversation: conversation, Entries: entries, At: s.Clock.Now(),
	})
}

// flushFull seals full batches. What was appended stays acknowledged when it fails:
// the next ingest or the idle flush tries again.
func (s *Service) flushFull(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, done *Ingested) {
	flushed, left, err := s.flush(ctx, caller, user, conversation, false)
	done.Flushed = append(done.Flushed, flushed...)
	if err != nil {
		s.Report(ctx, "sealing a full buffer", err)
		return
	}
	done.Buffered = left
}

func (s *Service) check(list []NewInteraction) ([]core.Interaction, error) {
	if len(list) == 0 || len(list) > core.MaxInteractions {
		return nil, core.Invalid("interactions", fmt.Sprintf("must hold between 1 and %d interactions", core.MaxInteractions), int64(len(list)))
	}
	now := s.Clock.Now()
	out := make([]core.Interaction, 0, len(list))
	var bad []core.FieldError
	for i, n := range list {
		in, wrong := n.check(now)
		for _, w := range wrong {
			w.Location = fmt.Sprintf("interactions[%d].%s", i, w.Location)
			bad = append(bad, w)
		}
		in.ID = s.IDs.Interaction()
		out = append(out, in)
	}
	if len(bad) > 0 {
		return nil, core.InvalidFields(bad)
	}
	return out, nil
}

func (n NewInteraction) check(now time.Time) (core.Interaction, []core.FieldError) {
	var bad []core.FieldError
	wrong := func(location, msg string) {
		if msg != "" {
			bad = append(bad, core.FieldError{Location: location, Message: msg})
		}
	}
	in := core.Interaction{Role: core.Role(n.Role), Content: n.Content, OccurredAt: now, AcceptedAt: now}
	switch in.Role {
	case core.RoleUser, core.RoleAssistant, core.RoleSystem, core.RoleTool:
	default:
		wrong("role", "must be user, assistant, system or tool")
	}
	wrong("content", core.CheckContent(n.Content))
	if n.Name != nil {
		wrong("name", core.CheckOptionalName(*n.Name))
		in.Name = *n.Name
	}
	if n.OccurredAt != nil {
		in.OccurredAt = n.OccurredAt.UTC().Truncate(time.Millisecond)
	}
	metadata, problem := core.ParseMetadata(n.Metadata)
	if problem != nil {
		wrong("metadata", problem.Message)
	}
	in.Metadata = metadata
	return in, bad
}

func (s *Service) sealEntries(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, list []core.Interaction) ([]core.BufferEntry, error) {
	entries := make([]core.BufferEntry, 0, len(list))
	for i := range list {
		in := &list[i]
		place := core.InteractionPlace(tenant, user, conversation, in.ID)
		sealed, err := s.Seal.Seal(ctx, place, core.EncodeInteractions(list[i:i+1]))
		if err != nil {
			return nil, err
		}
		entries = append(entries, core.BufferEntry{
			ID: in.ID, Conversation: conversation, Sealed: sealed, AcceptedAt: in.AcceptedAt,
		})
	}
	return entries, nil
}
