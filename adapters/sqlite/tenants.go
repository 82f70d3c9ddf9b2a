package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

const (
	tenantColumns = `t.tenant, t.profile, t.retention_days, t.max_users, t.max_conversations, t.batch_size,
		t.encryption_mode, t.rate_per_minute, t.version, t.created_at, t.updated_at, t.suspended_at, t.audit_reads`
	selectTenant = `SELECT ` + tenantColumns + ` FROM tenants t WHERE t.tenant = ? AND t.deleted_at IS NULL`
)

// tenantFields are the places of tenantColumns.
func tenantFields(r *core.TenantRecord) []any {
	s := &r.Settings
	return []any{
		&r.ID, &r.Profile, &s.RetentionDays, &s.MaxUsers, &s.MaxConversationsPerUser, &s.BatchSize,
		&s.EncryptionMode, &s.RateLimitPerMinute, &r.Version, at{&r.CreatedAt}, at{&r.UpdatedAt}, maybeAt{&r.SuspendedAt}, &s.AuditReads,
	}
}

// CreateTenant writes a tenant with its keys.
func (s *Store) CreateTenant(ctx context.Context, op core.Op, n core.NewTenant) (core.TenantRecord, error) {
	return ownStep(ctx, s, op, func(t *txn) (core.TenantRecord, error) {
		if err := t.createTenant(n); err != nil {
			return core.TenantRecord{}, err
		}
		return one(t.session, tenantFields, selectTenant, n.Record.ID)
	})
}

func (t *txn) createTenant(n core.NewTenant) error {
	if !n.Record.ID.Valid() {
		return core.NotFound()
	}
	taken, err := t.exists(`SELECT 1 FROM tenants WHERE email_key = ?`, n.EmailKey)
	if err != nil {
		return err
	}
	if taken {
		return core.NewError(core.CodeEmailTaken, "A tenant with this email exists.")
	}
	r := n.Record
	t.tenant, err = t.insert(`INSERT INTO tenants (tenant, email_key, profile, retention_days, max_users,
		max_conversations, batch_size, encryption_mode, rate_per_minute, audit_reads, version, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, n.EmailKey, bytesOf(r.Profile), r.Settings.RetentionDays, r.Settings.MaxUsers,
		r.Settings.MaxConversationsPerUser, r.Settings.BatchSize, r.Settings.EncryptionMode,
		r.Settings.RateLimitPerMinute, r.Settings.AuditReads, max(r.Version, 1), ms(r.CreatedAt), ms(r.UpdatedAt))
	if err != nil {
		return err
	}
	if err := t.addDataKeys(n.DataKeys); err != nil {
		return err
	}
	if err := t.noteRotating(r.ID); err != nil {
		return err
	}
	if err := t.addAPIKey(n.Key); err != nil {
		return err
	}
	return t.record(n.Events...)
}

// Tenant returns one.
func (s *Store) Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error) {
	return seek(ctx, s, func(q session) (core.TenantRecord, error) {
		return one(q, tenantFields, selectTenant, id)
	})
}

// UpdateTenant replaces profile, settings and suspension.
func (s *Store) UpdateTenant(ctx context.Context, id core.TenantID, op core.Op, u core.TenantUpdate) (core.TenantRecord, error) {
	return step(ctx, s, id, op, func(t *txn) (core.TenantRecord, error) {
		if err := t.updateTenant(u); err != nil {
			return core.TenantRecord{}, err
		}
		if u.Key != nil {
			if err := t.addDataKey(id, *u.Key); err != nil {
				return core.TenantRecord{}, err
			}
		}
		return one(t.session, tenantFields, selectTenant, id)
	})
}

func (t *txn) updateTenant(u core.TenantUpdate) error {
	n, err := t.affect(`UPDATE tenants SET profile = ?, retention_days = ?, max_users = ?, max_conversations = ?,
		batch_size = ?, encryption_mode = ?, rate_per_minute = ?, audit_reads = ?, suspended_at = ?, version = version + 1, updated_at = ?
		WHERE id = ? AND version = ?`,
		bytesOf(u.Profile), u.Settings.RetentionDays, u.Settings.MaxUsers, u.Settings.MaxConversationsPerUser,
		u.Settings.BatchSize, u.Settings.EncryptionMode, u.Settings.RateLimitPerMinute, u.Settings.AuditReads, maybeMS(u.SuspendedAt), ms(u.At),
		t.tenant, u.IfVersion)
	if err != nil {
		return err
	}
	if n == 0 {
		return versionConflict()
	}
	if err := t.roomForUsers(); err != nil {
		return err
	}
	err = t.exec(`UPDATE users SET exhausted = 0 WHERE tenant = ?1 AND exhausted = 1
		AND conversations < (SELECT max_conversations FROM tenants WHERE id = ?1)`, t.tenant)
	if err != nil {
		return err
	}
	return t.record(u.Event)
}

// roomForUsers forgets that the quota was exhausted if it is not any more.
func (t *txn) roomForUsers() error {
	return t.exec(`UPDATE tenants SET users_exhausted = 0 WHERE id = ? AND users_exhausted = 1 AND users < max_users`, t.tenant)
}

// DeleteTenant makes the tenant unreadable and unreachable. Its operation
// belongs to the deployment, because the tenant's own are gone with it.
func (s *Store) DeleteTenant(ctx context.Context, id core.TenantID, op core.Op, event core.Event) error {
	if op.ID != "" {
		op.ID = string(id) + "/" + op.ID
	}
	return ownAct(ctx, s, op, func(t *txn) error {
		if err := t.enter(id); err != nil {
			return err
		}
		if err := t.record(event); err != nil {
			return err
		}
		if err := t.destroyKeys(id); err != nil {
			return err
		}
		if err := t.exec(`DELETE FROM api_keys WHERE tenant = ?`, t.tenant); err != nil {
			return err
		}
		if err := t.exec(`UPDATE delivery_logs SET next_at = NULL WHERE tenant = ?`, t.tenant); err != nil {
			return err
		}
		return t.exec(`UPDATE tenants SET email_key = NULL, profile = x'', deleted_at = ? WHERE id = ?`, ms(event.At), t.tenant)
	})
}

// TenantIDs lists tenants by id.
func (s *Store) TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return look(ctx, s, func(q session) ([]core.TenantID, error) {
		return list(q, itself[core.TenantID], `SELECT tenant FROM tenants
			WHERE tenant > ? AND deleted_at IS NULL ORDER BY tenant LIMIT ?`, after, max(limit, 0))
	})
}

// Usage counts what the tenant has; the counters are kept by the steps.
func (s *Store) Usage(ctx context.Context, id core.TenantID) (core.Usage, error) {
	of := func(u *core.Usage) []any {
		return []any{&u.Users, &u.Conversations, &u.Interactions, &u.Buffered, &u.Blobs, &u.BlobBytes}
	}
	return look(ctx, s, func(q session) (core.Usage, error) {
		return one(q, of, `SELECT users, conversations, interactions, buffered, blobs, blob_bytes FROM tenants
			WHERE tenant = ? AND deleted_at IS NULL`, id)
	})
}
