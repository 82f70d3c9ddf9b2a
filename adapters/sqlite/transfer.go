package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
)

// ExportTenant reads what the other ports do not show of a tenant.
func (s *Store) ExportTenant(ctx context.Context, id core.TenantID) (core.TenantImage, error) {
	of := func(t *core.TenantImage) []any {
		return append([]any{&t.EmailKey, &t.LastSeq}, tenantFields(&t.Record)...)
	}
	return look(ctx, s, func(q session) (core.TenantImage, error) {
		return one(q, of, `SELECT t.email_key, t.last_seq, `+tenantColumns+` FROM tenants t WHERE t.tenant = ? AND t.deleted_at IS NULL`, id)
	})
}

// FactKeys reads who holds which key.
func (s *Store) FactKeys(ctx context.Context, tenant core.TenantID, user core.UserID) (map[string]core.BlobID, error) {
	type held struct {
		key  string
		blob core.BlobID
	}
	return view(ctx, s, func(q session) (map[string]core.BlobID, error) {
		id, err := one(q, itself[int64], selectUserID, tenant, user)
		if err != nil {
			return nil, err
		}
		keys := map[string]core.BlobID{}
		of := func(h *held) []any { return []any{&h.key, &h.blob} }
		keep := func(h held) bool { keys[h.key] = h.blob; return true }
		err = each(q, of, keep, `SELECT k.key, b.blob FROM fact_keys k JOIN blobs b ON b.id = k.blob WHERE k.user = ?`, id)
		return keys, err
	})
}

// BeginTenant makes the tenant's row, as one that is deleted: a purge may take
// it away again, and then the import has to be run again.
func (s *Store) BeginTenant(ctx context.Context, id core.TenantID) error {
	if !id.Valid() {
		return core.NotFound()
	}
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		there, err := t.exists(`SELECT 1 FROM tenants WHERE tenant = ?`, id)
		if err != nil || there {
			return err
		}
		return t.exec(`INSERT INTO tenants (tenant, profile, retention_days, max_users, max_conversations, batch_size,
			encryption_mode, rate_per_minute, version, created_at, updated_at, deleted_at, purged)
			VALUES (?, x'', 0, 0, 0, 1, '', 0, 1, 0, 0, ?, 1)`, id, ms(time.UnixMilli(1)))
	})
}

// importing finds the row of a tenant that is being imported.
func (t *txn) importing(id core.TenantID) (err error) {
	t.tenant, err = one(t.session, itself[int64], `SELECT id FROM tenants WHERE tenant = ? AND deleted_at = 1`, id)
	return err
}

// ImportUser takes in a user, in the place of what an earlier import left of it.
func (s *Store) ImportUser(ctx context.Context, tenant core.TenantID, u core.UserImage) error {
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		if err := t.importing(tenant); err != nil {
			return err
		}
		if err := t.dropImported(u.Record.ID); err != nil {
			return err
		}
		return t.importUser(u)
	})
}

func (t *txn) dropImported(user core.UserID) error {
	id, err := one(t.session, itself[int64], `SELECT id FROM users WHERE tenant = ? AND user = ?`, t.tenant, user)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, table := range []string{"fact_keys", "blobs", "buffer", "changes", "conversations"} {
		if err := t.exec(`DELETE FROM `+table+` WHERE user = ?`, id); err != nil {
			return err
		}
	}
	return t.exec(`DELETE FROM users WHERE id = ?`, id)
}

func (t *txn) importUser(u core.UserImage) error {
	r := u.Record
	user, err := t.insert(`INSERT INTO users (tenant, user, ref_key, sealed, version, created_at, updated_at, conversations)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, r.ID, orNull(r.RefKey), bytesOf(r.Sealed), r.Version, ms(r.CreatedAt), ms(r.UpdatedAt), len(u.Conversations))
	if err != nil {
		return err
	}
	in := map[core.ConversationID]int64{}
	for _, c := range u.Conversations {
		if in[c.ID], err = t.importConversation(user, c); err != nil {
			return err
		}
	}
	for _, e := range u.Buffer {
		err := t.exec(`INSERT INTO buffer (user, conversation, number, interaction, accepted_at, sealed) VALUES (?, ?, ?, ?, ?, ?)`,
			user, in[e.Conversation], e.Number, e.ID, ms(e.AcceptedAt), bytesOf(e.Sealed))
		if err != nil {
			return err
		}
	}
	for _, b := range u.Blobs {
		var conversation any
		if b.Conversation != "" {
			conversation = in[b.Conversation]
		}
		if err := t.insertBlob(user, conversation, b); err != nil {
			return err
		}
	}
	return t.importRest(user, u)
}

func (t *txn) importConversation(user int64, c core.ConversationRecord) (int64, error) {
	return t.insert(`INSERT INTO conversations (tenant, user, conversation, ref_key, sealed, version, created_at, updated_at,
		closed_at, interactions, buffered, next_number, appended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, user, c.ID, orNull(c.RefKey), bytesOf(c.Sealed), c.Version, ms(c.CreatedAt), ms(c.UpdatedAt),
		maybeMS(c.ClosedAt), c.Interactions, c.Buffered, c.NextNumber, ms(c.UpdatedAt))
}

// importRest notes what follows from the rest: since when buffers hold
// something, who holds which key, and that memory changed before.
func (t *txn) importRest(user int64, u core.UserImage) error {
	err := t.exec(`UPDATE conversations SET
		oldest_at = (SELECT min(accepted_at) FROM buffer b WHERE b.conversation = conversations.id),
		appended_at = (SELECT max(accepted_at) FROM buffer b WHERE b.conversation = conversations.id),
		buffer_since = (SELECT min(accepted_at) FROM buffer b WHERE b.conversation = conversations.id) WHERE user = ?`, user)
	if err != nil {
		return err
	}
	for key, blob := range u.FactKeys {
		err := t.exec(`INSERT INTO fact_keys (user, key, blob) SELECT ?1, ?2, id FROM blobs WHERE user = ?1 AND blob = ?3`, user, key, blob)
		if err != nil {
			return err
		}
	}
	if u.MemoryVersion == 0 {
		return nil
	}
	return t.exec(`INSERT INTO changes (user, version, kind, conversation, blob, first, last) VALUES (?, ?, ?, '', '', 0, 0)`,
		user, u.MemoryVersion, core.ChangeCleared)
}

// FinishTenant takes in the rest and makes the tenant exist.
func (s *Store) FinishTenant(ctx context.Context, image core.TenantImage) error {
	r := image.Record
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		if err := t.importing(r.ID); err != nil {
			return err
		}
		taken, err := t.exists(`SELECT 1 FROM tenants WHERE email_key = ?`, image.EmailKey)
		if err != nil {
			return err
		}
		if taken {
			return core.NewError(core.CodeEmailTaken, "A tenant with this email exists.")
		}
		if err := t.importKeys(image); err != nil {
			return err
		}
		if err := t.importEvents(image.Events); err != nil {
			return err
		}
		t.recounted = true
		return t.exec(`UPDATE tenants SET email_key = ?2, profile = ?3, retention_days = ?4, max_users = ?5, max_conversations = ?6,
			batch_size = ?7, encryption_mode = ?8, rate_per_minute = ?9, version = ?10, created_at = ?11, updated_at = ?12,
			suspended_at = ?15, audit_reads = ?16, deleted_at = NULL, purged = 0, last_seq = ?13, trimmed_seq = ?13 - ?14,
			users = (SELECT count(*) FROM users WHERE tenant = ?1),
			conversations = (SELECT count(*) FROM conversations WHERE tenant = ?1),
			interactions = (SELECT coalesce(sum(interactions), 0) FROM conversations WHERE tenant = ?1),
			buffered = (SELECT coalesce(sum(buffered), 0) FROM conversations WHERE tenant = ?1),
			blobs = (SELECT count(*) FROM blobs WHERE tenant = ?1),
			blob_bytes = (SELECT coalesce(sum(size), 0) FROM blobs WHERE tenant = ?1) WHERE id = ?1`,
			t.tenant, image.EmailKey, bytesOf(r.Profile), r.Settings.RetentionDays, r.Settings.MaxUsers,
			r.Settings.MaxConversationsPerUser, r.Settings.BatchSize, r.Settings.EncryptionMode, r.Settings.RateLimitPerMinute,
			r.Version, ms(r.CreatedAt), ms(r.UpdatedAt), image.LastSeq, len(image.Events), maybeMS(r.SuspendedAt), r.Settings.AuditReads)
	})
}

func (t *txn) importKeys(image core.TenantImage) error {
	if err := t.addDataKeys(image.DataKeys); err != nil {
		return err
	}
	if image.Reencryption.State != "" {
		if err := t.setReencryption(image.Record.ID, image.Reencryption); err != nil {
			return err
		}
	}
	if err := t.noteRotating(image.Record.ID); err != nil {
		return err
	}
	for _, k := range image.APIKeys {
		if err := t.addAPIKey(k); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) importEvents(events []core.Event) error {
	for _, e := range events {
		data, err := encodeData(e.Data)
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO events (tenant, seq, event, type, at, actor, data) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			t.tenant, e.Seq, e.ID, e.Type, ms(e.At), e.Actor.Key, data)
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
	}
	return nil
}
