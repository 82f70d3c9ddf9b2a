package tenancy

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// NewConversation is what a caller says of a new conversation. Metadata is a
// JSON object, or nil.
type NewConversation struct {
	ExternalRef *string
	Title       *string
	Metadata    []byte
}

// CreateConversation starts a conversation of a user. CodeExternalRefTaken,
// CodeQuotaExhausted.
func (s *Service) CreateConversation(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, n NewConversation) (core.Conversation, error) {
	c, err := newCard(n.ExternalRef, n.Title, "title", n.Metadata)
	if err != nil {
		return core.Conversation{}, err
	}
	record, err := s.newConversation(ctx, caller, user, c)
	if err != nil {
		return core.Conversation{}, err
	}
	ids := core.EventData{"user_id": string(user), "conversation_id": string(record.ID)}
	stored, err := s.Store.CreateConversation(ctx, caller.Tenant, op, core.NewConversation{
		Record: record,
		Event:  s.event(caller.Tenant, caller.Actor(), core.EventConversationCreated, ids),
		Exhausted: s.event(caller.Tenant, caller.Actor(), core.EventQuotaExhausted, core.EventData{
			"quota": "max_conversations_per_user", "user_id": string(user),
		}),
	})
	if err == nil && stored.ID != record.ID { // an earlier run made it: it may be changed since, or gone
		stored, err = s.Store.Conversation(ctx, caller.Tenant, user, stored.ID)
	}
	if err != nil {
		return core.Conversation{}, err
	}
	return s.openConversation(ctx, caller.Tenant, stored)
}

func (s *Service) newConversation(ctx context.Context, caller core.Caller, user core.UserID, c card) (core.ConversationRecord, error) {
	now := s.Clock.Now()
	id := s.IDs.Conversation()
	refKey, err := s.conversationRef(ctx, caller.Tenant, user, c.Ref)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	sealed, err := s.Seal.Seal(ctx, core.ConversationPlace(caller.Tenant, user, id, 1), c.encode())
	return core.ConversationRecord{
		ID: id, User: user, RefKey: refKey, Sealed: sealed, Status: core.ConversationOpen,
		NextNumber: 1, Version: 1, CreatedAt: now, UpdatedAt: now,
	}, err
}

func (s *Service) conversationRef(ctx context.Context, tenant core.TenantID, user core.UserID, ref *string) (string, error) {
	if ref == nil {
		return "", nil
	}
	return s.lookUp(ctx, tenant, "conversation/"+string(user), *ref)
}

// Conversation returns one of a user's.
func (s *Service) Conversation(ctx context.Context, caller core.Caller, user core.UserID, id core.ConversationID) (core.Conversation, error) {
	record, err := s.Store.Conversation(ctx, caller.Tenant, user, id)
	if err != nil {
		return core.Conversation{}, err
	}
	return s.openConversation(ctx, caller.Tenant, record)
}

// ResolveConversation gives the id that a caller's way of naming a conversation
// stands for: an id, which is not looked up, or "ext:" and an external reference.
func (s *Service) ResolveConversation(ctx context.Context, caller core.Caller, user core.UserID, name string) (core.ConversationID, error) {
	id, _, err := s.findConversation(ctx, caller, user, name, false)
	return id, err
}

// Conversations pages through a user's conversations by creation.
func (s *Service) Conversations(ctx context.Context, caller core.Caller, user core.UserID, cursor string, limit int) (core.List[core.Conversation], error) {
	return page(s, caller.Tenant, "conversations/"+string(user), cursor, limit,
		func(p core.Page) ([]core.ConversationRecord, error) {
			return s.Store.Conversations(ctx, caller.Tenant, user, p)
		},
		func(r core.ConversationRecord) int64 { return r.Position },
		func(r core.ConversationRecord) (core.Conversation, error) {
			return s.openConversation(ctx, caller.Tenant, r)
		})
}

// ConversationPatch changes a conversation. Metadata's value is a JSON object;
// the only status to set is "closed".
type ConversationPatch struct {
	Title    core.Patch[string]
	Metadata core.Patch[[]byte]
	Status   core.Patch[string]
}

// UpdateConversation changes a conversation. Closing it ends ingest at once and
// seals what is buffered. ifVersion is the version it must have, 0 for any:
// CodePreconditionFailed.
func (s *Service) UpdateConversation(ctx context.Context, caller core.Caller, user core.UserID, id core.ConversationID, patch ConversationPatch, ifVersion int64) (core.Conversation, error) {
	if err := patch.checkStatus(); err != nil {
		return core.Conversation{}, err
	}
	for range maxTries {
		c, err := s.tryUpdateConversation(ctx, caller, user, id, patch, ifVersion)
		if core.Is(err, core.CodeVersionConflict) {
			continue
		}
		if err == nil && patch.closes() {
			_, err = s.Flush.Flush(ctx, caller, core.Op{}, user, id)
		}
		return c, err
	}
	return core.Conversation{}, conflict()
}

func (p ConversationPatch) closes() bool {
	return p.Status.Value != nil && *p.Status.Value == string(core.ConversationClosed)
}

func (p ConversationPatch) checkStatus() error {
	if !p.Status.Set || p.closes() {
		return nil
	}
	return core.Invalid("status", `must be "closed"; a closed conversation is not opened again`, nil)
}

func (s *Service) tryUpdateConversation(ctx context.Context, caller core.Caller, user core.UserID, id core.ConversationID, patch ConversationPatch, ifVersion int64) (core.Conversation, error) {
	now, err := s.Conversation(ctx, caller, user, id)
	if err != nil {
		return core.Conversation{}, err
	}
	if err := checkVersion(now.Version, ifVersion); err != nil {
		return core.Conversation{}, err
	}
	before := card{Ref: now.ExternalRef, Label: now.Title, Metadata: now.Metadata}
	c, err := before.patched(patch.Title, "title", patch.Metadata)
	if err != nil {
		return core.Conversation{}, err
	}
	closes := patch.closes() && now.Status == core.ConversationOpen
	if c.same(before) && !closes {
		return now, nil
	}
	sealed, err := s.Seal.Seal(ctx, core.ConversationPlace(caller.Tenant, user, id, now.Version+1), c.encode())
	if err != nil {
		return core.Conversation{}, err
	}
	kind := core.EventConversationUpdated
	if closes {
		kind = core.EventConversationClosed
	}
	record, err := s.Store.UpdateConversation(ctx, caller.Tenant, core.Op{}, core.ConversationUpdate{
		User: user, ID: id, Sealed: sealed, Close: closes, IfVersion: now.Version, At: s.Clock.Now(),
		Event: s.event(caller.Tenant, caller.Actor(), kind, core.EventData{
			"user_id": string(user), "conversation_id": string(id),
		}),
	})
	if err != nil {
		return core.Conversation{}, err
	}
	return s.openConversation(ctx, caller.Tenant, record)
}

// DeleteConversation removes a conversation with its memory. ifVersion as in
// UpdateConversation.
func (s *Service) DeleteConversation(ctx context.Context, caller core.Caller, user core.UserID, id core.ConversationID, ifVersion int64) error {
	record, err := s.Store.Conversation(ctx, caller.Tenant, user, id)
	if err != nil {
		return err
	}
	if err := checkVersion(record.Version, ifVersion); err != nil {
		return err
	}
	err = s.Facts.Unlearn(ctx, caller, user, func(from core.FactSource) bool { return from.Conversation == id })
	if err != nil {
		return err
	}
	err = s.Store.DeleteConversation(ctx, caller.Tenant, core.Op{}, user, id,
		s.event(caller.Tenant, caller.Actor(), core.EventMemoryDeleted, core.EventData{
			"user_id": string(user), "conversation_id": string(id),
		}))
	if err == nil {
		s.Forget.Follow(ctx, caller.Tenant, user)
	}
	return err
}

func (s *Service) openConversation(ctx context.Context, tenant core.TenantID, r core.ConversationRecord) (core.Conversation, error) {
	plain, err := s.Seal.Open(ctx, core.ConversationPlace(tenant, r.User, r.ID, r.Version), r.Sealed)
	if err != nil {
		return core.Conversation{}, err
	}
	c, err := decodeCard(plain)
	return core.Conversation{
		ID: r.ID, User: r.User, ExternalRef: c.Ref, Title: c.Label, Metadata: c.Metadata,
		Status: r.Status, InteractionCount: r.Interactions, Version: r.Version,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, ClosedAt: r.ClosedAt,
	}, err
}
