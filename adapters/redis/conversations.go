package redis

import (
	"context"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// conversationOf reads a conversation's hash. What it held in an older epoch
// than its user's was cleared.
func conversationOf(user core.UserID, id core.ConversationID, f fields, epoch string) core.ConversationRecord {
	r := core.ConversationRecord{
		ID: id, User: user, RefKey: f["ref"], Sealed: []byte(f["sealed"]), Status: core.ConversationOpen,
		NextNumber: f.int("next_number"), Version: f.int("version"), Position: f.int("position"),
		CreatedAt: f.time("created_at"), UpdatedAt: f.time("updated_at"), ClosedAt: f.maybeTime("closed_at"),
	}
	if r.ClosedAt != nil {
		r.Status = core.ConversationClosed
	}
	if f["epoch"] == epoch {
		r.Interactions, r.Buffered = f.int("interactions"), f.int("buffered")
	}
	return r
}

// CreateConversation adds a conversation.
func (s *Store) CreateConversation(ctx context.Context, tenant core.TenantID, op core.Op, c core.NewConversation) (core.ConversationRecord, error) {
	r := c.Record
	k, err := keysOfConversation(tenant, r.User, r.ID)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	event, err := eventArgs(c.Event)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	full, err := eventArgs(c.Exhausted)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	args := slices.Concat(stepArgs(op, string(r.User), string(r.ID), r.RefKey, r.Sealed, max(r.Version, 1),
		ms(r.CreatedAt), ms(r.UpdatedAt)), event, full)
	keys := k.stepKeys(op, k.userKeys.hash(), k.hash(), k.conversations(), k.refs(), k.exhausted())
	answer, err := s.run(ctx, createConversation, keys, args...)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	f := pairs(answer[1:])
	return conversationOf(r.User, core.ConversationID(answer[0]), f, f["epoch"]), nil
}

// beside reads what says whether the user, and in it the conversation, exists,
// and whether what the conversation holds was cleared.
type beside struct {
	tenant       *goredis.IntCmd
	user         *goredis.StringCmd
	conversation *goredis.StringCmd // nil when only the user is asked for
}

func besideUser(ctx context.Context, p goredis.Pipeliner, k userKeys) beside {
	return beside{tenant: p.Exists(ctx, k.tenant()), user: p.HGet(ctx, k.hash(), "epoch")}
}

func besideConversation(ctx context.Context, p goredis.Pipeliner, k conversationKeys) beside {
	b := besideUser(ctx, p, k.userKeys)
	b.conversation = p.HGet(ctx, k.hash(), "epoch")
	return b
}

// there counts what has to be there for the conversation to be: three things.
func (c conversationKeys) there(ctx context.Context, p goredis.Pipeliner) *goredis.IntCmd {
	return p.Exists(ctx, c.tenant(), c.userKeys.hash(), c.hash())
}

// ownedBy tells whether the user exists, beside a list of what it has.
func ownedBy(ctx context.Context, k userKeys) func(goredis.Pipeliner) func() bool {
	return func(p goredis.Pipeliner) func() bool { return besideUser(ctx, p, k).exists }
}

func (b beside) exists() bool {
	return b.tenant.Val() == 1 && b.user.Val() != "" && (b.conversation == nil || b.conversation.Val() != "")
}

func (b beside) epoch() string { return b.user.Val() }

// holds reports whether what the conversation holds is of the user's epoch.
func (b beside) holds() bool { return b.conversation.Val() == b.user.Val() }

// Conversation returns one of the user's.
func (s *Store) Conversation(ctx context.Context, tenant core.TenantID, user core.UserID, id core.ConversationID) (core.ConversationRecord, error) {
	k, err := keysOfConversation(tenant, user, id)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	var of beside
	var hash *goredis.MapStringStringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, k.hash())
		of = besideUser(ctx, p, k.userKeys) // after, so that what was cleared meanwhile does not count
	})
	if err == nil && (!of.exists() || len(hash.Val()) == 0) {
		err = core.NotFound()
	}
	if err != nil {
		return core.ConversationRecord{}, err
	}
	return conversationOf(user, id, hash.Val(), of.epoch()), nil
}

// ConversationByRef returns the user's with that reference.
func (s *Store) ConversationByRef(ctx context.Context, tenant core.TenantID, user core.UserID, refKey string) (core.ConversationRecord, error) {
	k, err := keysOfUser(tenant, user)
	if err == nil && refKey == "" {
		err = core.NotFound()
	}
	if err != nil {
		return core.ConversationRecord{}, err
	}
	var id *goredis.StringCmd
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { id = p.HGet(ctx, k.refs(), refKey) }); err != nil {
		return core.ConversationRecord{}, err
	}
	return s.Conversation(ctx, tenant, user, core.ConversationID(id.Val()))
}

// Conversations lists the user's by Position.
func (s *Store) Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, err
	}
	ids := func(after, limit int64) ([]string, int64, error) {
		return s.after(ctx, k.conversations(), after, limit, ownedBy(ctx, k))
	}
	load := func(ids []string) (list []core.ConversationRecord, err error) {
		var of beside
		hashes := make([]*goredis.MapStringStringCmd, len(ids))
		err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for i, id := range ids {
				if c, err := k.in(core.ConversationID(id)); err == nil {
					hashes[i] = p.HGetAll(ctx, c.hash())
				}
			}
			of = besideUser(ctx, p, k)
		})
		if err != nil {
			return nil, err
		}
		for i, hash := range hashes {
			if hash != nil && len(hash.Val()) > 0 {
				list = append(list, conversationOf(user, core.ConversationID(ids[i]), hash.Val(), of.epoch()))
			}
		}
		return list, nil
	}
	return pages(page.After, page.Limit, ids, load)
}

// UpdateConversation replaces the sealed part and may close.
func (s *Store) UpdateConversation(ctx context.Context, tenant core.TenantID, op core.Op, u core.ConversationUpdate) (core.ConversationRecord, error) {
	k, err := keysOfConversation(tenant, u.User, u.ID)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	event, err := eventArgs(u.Event)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	closing := ""
	if u.Close {
		closing = "1"
	}
	args := append(k.memoryArgs(op, u.Sealed, closing, u.IfVersion, ms(u.At)), event...)
	answer, err := s.run(ctx, updateConversation, k.memoryKeys(op), args...)
	if err != nil {
		return core.ConversationRecord{}, err
	}
	f := pairs(answer)
	return conversationOf(u.User, u.ID, f, f["epoch"]), nil
}

// DeleteConversation removes a conversation with its memory.
func (s *Store) DeleteConversation(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, id core.ConversationID, event core.Event) error {
	k, err := keysOfConversation(tenant, user, id)
	if err != nil {
		return err
	}
	told, err := eventArgs(event)
	if err != nil {
		return err
	}
	args := append(append(k.memoryArgs(op), told...), string(user))
	keys := append(k.memoryKeys(op, k.conversations(), k.refs(), k.exhausted(), k.purge()), k.derivedKeys()...)
	answer, err := s.run(ctx, deleteConversation, keys, args...)
	return s.clean(ctx, k.tenantKeys, k.place(), answer, err)
}
