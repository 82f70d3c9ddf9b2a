package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

const (
	conversationColumns = `c.conversation, coalesce(c.ref_key, ''), c.sealed, iif(c.closed_at IS NULL, 'open', 'closed'),
		c.interactions, c.buffered, c.next_number, c.version, c.id, c.created_at, c.updated_at, c.closed_at`
	ofUser = ` FROM tenants t JOIN users u ON u.tenant = t.id JOIN conversations c ON c.user = u.id
		WHERE t.tenant = ? AND t.deleted_at IS NULL AND u.user = ?`

	selectConversation      = `SELECT ` + conversationColumns + ofUser + ` AND c.conversation = ?`
	selectConversationByRef = `SELECT ` + conversationColumns + ofUser + ` AND c.ref_key = ?`
	selectConversationID    = `SELECT c.id` + ofUser + ` AND c.conversation = ?`
	selectConversations     = `SELECT ` + conversationColumns + ` FROM conversations c
		WHERE c.user = ? AND c.id > ? ORDER BY c.id LIMIT ?`
)

// conversationOf gives the places of conversationColumns.
func conversationOf(user core.UserID) fields[core.ConversationRecord] {
	return func(r *core.ConversationRecord) []any {
		r.User = user
		return []any{
			&r.ID, &r.RefKey, &r.Sealed, &r.Status, &r.Interactions, &r.Buffered, &r.NextNumber,
			&r.Version, &r.Position, at{&r.CreatedAt}, at{&r.UpdatedAt}, maybeAt{&r.ClosedAt},
		}
	}
}

// CreateConversation adds a conversation.
func (s *Store) CreateConversation(ctx context.Context, tenant core.TenantID, op core.Op, c core.NewConversation) (core.ConversationRecord, error) {
	return step(ctx, s, tenant, op, func(t *txn) (core.ConversationRecord, error) {
		if err := t.createConversation(c); err != nil {
			return core.ConversationRecord{}, err
		}
		return one(t.session, conversationOf(c.Record.User), selectConversation, tenant, c.Record.User, c.Record.ID)
	})
}

func (t *txn) createConversation(c core.NewConversation) error {
	r := c.Record
	if !r.ID.Valid() {
		return core.NotFound()
	}
	var user int64
	use, flagged := core.QuotaUse{Name: "max_conversations_per_user"}, false
	err := t.get(`SELECT u.id, u.conversations, t.max_conversations, u.exhausted
		FROM users u JOIN tenants t ON t.id = u.tenant WHERE u.tenant = ? AND u.user = ?`,
		args{t.tenant, r.User}, &user, &use.Used, &use.Limit, &flagged)
	if err != nil {
		return err
	}
	err = t.refFree(`SELECT conversation FROM conversations WHERE user = ? AND ref_key = ?`, user, r.RefKey, "conversation")
	if err != nil {
		return err
	}
	if use.Used >= use.Limit {
		return t.exhausted(use, flagged, `UPDATE users SET exhausted = 1 WHERE id = ?`, user, c.Exhausted)
	}
	err = t.exec(`INSERT INTO conversations (tenant, user, conversation, ref_key, sealed, version, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, user, r.ID, orNull(r.RefKey), bytesOf(r.Sealed), max(r.Version, 1), ms(r.CreatedAt), ms(r.UpdatedAt))
	if err != nil {
		return err
	}
	if err := t.exec(`UPDATE users SET conversations = conversations + 1 WHERE id = ?`, user); err != nil {
		return err
	}
	if err := t.count(core.Usage{Conversations: 1}); err != nil {
		return err
	}
	return t.record(c.Event)
}

// Conversation returns one of the user's.
func (s *Store) Conversation(ctx context.Context, tenant core.TenantID, user core.UserID, id core.ConversationID) (core.ConversationRecord, error) {
	return seek(ctx, s, func(q session) (core.ConversationRecord, error) {
		return one(q, conversationOf(user), selectConversation, tenant, user, id)
	})
}

// ConversationByRef returns the user's with that reference.
func (s *Store) ConversationByRef(ctx context.Context, tenant core.TenantID, user core.UserID, refKey string) (core.ConversationRecord, error) {
	return seek(ctx, s, func(q session) (core.ConversationRecord, error) {
		return one(q, conversationOf(user), selectConversationByRef, tenant, user, orNull(refKey))
	})
}

// Conversations lists the user's by Position.
func (s *Store) Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error) {
	return view(ctx, s, func(q session) ([]core.ConversationRecord, error) {
		id, err := one(q, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return nil, err
		}
		return list(q, conversationOf(user), selectConversations, id, page.After, max(page.Limit, 0))
	})
}

// UpdateConversation replaces the sealed part and may close.
func (s *Store) UpdateConversation(ctx context.Context, tenant core.TenantID, op core.Op, u core.ConversationUpdate) (core.ConversationRecord, error) {
	return step(ctx, s, tenant, op, func(t *txn) (core.ConversationRecord, error) {
		r, err := one(t.session, conversationOf(u.User), selectConversation, tenant, u.User, u.ID)
		if err == nil && r.Version != u.IfVersion {
			err = versionConflict()
		}
		if err != nil || u.Close && r.Status == core.ConversationClosed {
			return r, err
		}
		err = t.exec(`UPDATE conversations SET sealed = ?, version = version + 1, updated_at = ? WHERE id = ?`,
			bytesOf(u.Sealed), ms(u.At), r.Position)
		if err != nil {
			return r, err
		}
		if u.Close {
			err = t.exec(`UPDATE conversations SET closed_at = ? WHERE id = ?`, ms(u.At), r.Position)
		}
		if err == nil {
			err = t.record(u.Event)
		}
		if err != nil {
			return r, err
		}
		return one(t.session, conversationOf(u.User), selectConversation, tenant, u.User, u.ID)
	})
}

// DeleteConversation removes a conversation with its memory.
func (s *Store) DeleteConversation(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, id core.ConversationID, event core.Event) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		var conversation, owner int64
		err := t.get(`SELECT c.id, u.id`+ofUser+` AND c.conversation = ?`, args{tenant, user, id}, &conversation, &owner)
		if err != nil {
			return err
		}
		had, err := t.conversationHoldings(conversation)
		if err != nil {
			return err
		}
		if err := t.removeConversation(conversation, owner); err != nil {
			return err
		}
		if err := t.exec(dropDerivedOfConversation, owner, id); err != nil {
			return err
		}
		if had.Interactions > 0 {
			if err := t.exec(dropDerivedOfConversation, owner, ""); err != nil {
				return err
			}
		}
		if err := t.count(negative(had)); err != nil {
			return err
		}
		if err := t.change(owner, core.Change{Kind: core.ChangeConversationDeleted, Conversation: id}); err != nil {
			return err
		}
		return t.record(withCounts(event, core.EventData{"interactions": had.Interactions, "blobs": had.Blobs}))
	})
}

func (t *txn) removeConversation(id, owner int64) error {
	for _, remove := range []string{
		`DELETE FROM buffer WHERE conversation = ?`,
		`DELETE FROM blobs WHERE conversation = ?`,
		`DELETE FROM conversations WHERE id = ?`,
	} {
		if err := t.exec(remove, id); err != nil {
			return err
		}
	}
	if err := t.exec(`UPDATE users SET conversations = conversations - 1 WHERE id = ?`, owner); err != nil {
		return err
	}
	return t.exec(`UPDATE users SET exhausted = 0 WHERE id = ? AND exhausted = 1
		AND conversations < (SELECT max_conversations FROM tenants t WHERE t.id = users.tenant)`, owner)
}
