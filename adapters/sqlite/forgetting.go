package sqlite

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// stored is a blob as it is before a step on it.
type stored struct {
	blob, conversation, user int64
	place                    core.ConversationID
	version, size            int64
	numbers                  []int64
	interactions             []core.InteractionID
}

// stored finds a blob; CodeVersionConflict when it is not of that version.
func (t *txn) stored(tenant core.TenantID, user core.UserID, id core.BlobID, ifVersion int64) (stored, error) {
	of := func(b *stored) []any {
		return []any{&b.blob, &b.conversation, &b.user, &b.place, &b.version, &b.size, inJSON{&b.numbers}, inJSON{&b.interactions}}
	}
	b, err := one(t.session, of, `SELECT b.id, c.id, u.id, c.conversation, b.version, b.size, b.numbers, b.interactions
		FROM tenants t JOIN users u ON u.tenant = t.id JOIN blobs b ON b.user = u.id JOIN conversations c ON c.id = b.conversation
		WHERE t.tenant = ? AND t.deleted_at IS NULL AND u.user = ? AND b.blob = ?`, tenant, user, id)
	if err == nil && b.version != ifVersion {
		err = versionConflict()
	}
	return b, err
}

// forget takes interactions off the conversation's count, removes what was
// computed from them, and records that they are gone. place is the id that
// callers know the conversation by.
func (t *txn) forget(user, conversation int64, place core.ConversationID, gone []core.InteractionID, numbers []int64) error {
	if len(gone) == 0 {
		return nil
	}
	err := t.exec(`UPDATE conversations SET interactions = interactions - ? WHERE id = ?`, len(gone), conversation)
	if err == nil {
		err = t.forgetDerived(user, place, numbers)
	}
	if err != nil {
		return err
	}
	return t.change(user, core.Change{Kind: core.ChangeForgotten, Conversation: place, Interactions: gone})
}

// RewriteBlob replaces a blob.
func (s *Store) RewriteBlob(ctx context.Context, tenant core.TenantID, op core.Op, r core.BlobRewrite) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		old, err := t.stored(tenant, r.New.User, r.New.ID, r.IfVersion)
		if err != nil {
			return err
		}
		if err := t.replaceBlob(old, r.New); err != nil {
			return err
		}
		gone, numbers := old.without(r.New)
		err = t.count(core.Usage{Interactions: -int64(len(gone)), BlobBytes: int64(len(r.New.Sealed)) - old.size})
		if err != nil {
			return err
		}
		if err := t.forget(old.user, old.conversation, old.place, gone, numbers); err != nil {
			return err
		}
		if r.Event == nil {
			return nil
		}
		return t.record(*r.Event)
	})
}

// without is what a blob held and another one does not, by id and by number.
func (b *stored) without(other core.BlobRecord) (gone []core.InteractionID, numbers []int64) {
	for i, id := range b.interactions {
		if !slices.Contains(other.Interactions, id) {
			gone, numbers = append(gone, id), append(numbers, b.numbers[i])
		}
	}
	return gone, numbers
}

func (t *txn) replaceBlob(old stored, b core.BlobRecord) error {
	numbers, interactions, err := encodeContents(b)
	if err != nil {
		return err
	}
	first, last := reach(b)
	return t.exec(`UPDATE blobs SET first_number = ?, last_number = ?, numbers = ?, interactions = ?, first_at = ?,
		last_at = ?, first_taken_at = ?, last_taken_at = ?, key_version = ?, size = ?, version = ?, sealed = ? WHERE id = ?`,
		first, last, numbers, interactions, ms(b.FirstAt), ms(b.LastAt), ms(b.FirstTakenAt), ms(b.LastTakenAt),
		b.KeyVersion, len(b.Sealed), old.version+1, bytesOf(b.Sealed), old.blob)
}

// DeleteBlob removes a blob.
func (s *Store) DeleteBlob(ctx context.Context, tenant core.TenantID, op core.Op, d core.BlobDelete) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		old, err := t.stored(tenant, d.User, d.ID, d.IfVersion)
		if err != nil {
			return err
		}
		if err := t.exec(`DELETE FROM blobs WHERE id = ?`, old.blob); err != nil {
			return err
		}
		n := int64(len(old.interactions))
		if err := t.count(core.Usage{Interactions: -n, Blobs: -1, BlobBytes: -old.size}); err != nil {
			return err
		}
		if err := t.forget(old.user, old.conversation, old.place, old.interactions, old.numbers); err != nil {
			return err
		}
		return t.record(withCounts(d.Event, core.EventData{"interactions": n}))
	})
}

// DeleteBuffered removes entries from a buffer.
func (s *Store) DeleteBuffered(ctx context.Context, tenant core.TenantID, op core.Op, d core.BufferDelete) (removed int64, err error) {
	return step(ctx, s, tenant, op, func(t *txn) (int64, error) {
		p, err := t.place(tenant, d.User, d.Conversation)
		if err != nil {
			return 0, err
		}
		ids, err := json.Marshal(d.IDs)
		if err != nil {
			return 0, err
		}
		var gone []core.InteractionID
		var numbers []int64
		of := func(e *core.BufferEntry) []any { return []any{&e.ID, &e.Number} }
		take := func(e core.BufferEntry) bool {
			gone, numbers = append(gone, e.ID), append(numbers, e.Number)
			return true
		}
		err = each(t.session, of, take, `DELETE FROM buffer WHERE conversation = ?
			AND interaction IN (SELECT value FROM json_each(?)) RETURNING interaction, number`, p.conversation, string(ids))
		if err != nil || len(gone) == 0 {
			return 0, err
		}
		n := int64(len(gone))
		if err := t.shrinkBuffer(p.conversation, n, 0, d.At); err != nil {
			return 0, err
		}
		if err := t.count(core.Usage{Interactions: -n, Buffered: -n}); err != nil {
			return 0, err
		}
		if err := t.forget(p.user, p.conversation, d.Conversation, gone, numbers); err != nil {
			return 0, err
		}
		return n, t.record(withCounts(d.Event, core.EventData{"interactions": n}))
	})
}

// ClearMemory removes all memory of a user.
func (s *Store) ClearMemory(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, event core.Event) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		id, err := one(t.session, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return err
		}
		had, err := t.userHoldings(id)
		if err != nil {
			return err
		}
		had.Conversations = 0 // they stay
		for _, remove := range []string{
			`DELETE FROM buffer WHERE user = ?`,
			`DELETE FROM blobs WHERE user = ?`,
			`DELETE FROM derived WHERE user = ?`,
			`UPDATE conversations SET interactions = 0, buffered = 0, oldest_at = NULL, buffer_since = NULL
				WHERE user = ? AND interactions > 0`,
		} {
			if err := t.exec(remove, id); err != nil {
				return err
			}
		}
		if err := t.count(negative(had)); err != nil {
			return err
		}
		if err := t.change(id, core.Change{Kind: core.ChangeCleared}); err != nil {
			return err
		}
		return t.record(withCounts(event, core.EventData{"interactions": had.Interactions, "blobs": had.Blobs}))
	})
}

const selectExpired = `SELECT u.user, coalesce(c.conversation, ''), e.blob FROM (
		SELECT user, conversation, blob, first_taken_at AS since FROM blobs WHERE tenant = ?1 AND first_taken_at < ?2
		UNION ALL
		SELECT user, id, '', oldest_at FROM conversations WHERE tenant = ?1 AND oldest_at < ?2
		ORDER BY since LIMIT ?3
	) e CROSS JOIN users u ON u.id = e.user LEFT JOIN conversations c ON c.id = e.conversation
	ORDER BY e.since`

// Expired lists what holds something accepted before a time.
func (s *Store) Expired(ctx context.Context, tenant core.TenantID, before time.Time, limit int) ([]core.ExpiredPlace, error) {
	of := func(p *core.ExpiredPlace) []any { return []any{&p.User, &p.Conversation, &p.Blob} }
	return view(ctx, s, func(q session) ([]core.ExpiredPlace, error) {
		id, err := one(q, itself[int64], selectTenantID, tenant)
		if err != nil {
			return nil, err
		}
		return list(q, of, selectExpired, id, ms(before), max(limit, 0))
	})
}
