package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	keyColumns = `k.key, k.id, k.hash, k.prefix, k.scopes, k.environment, k.sealed,
		k.created_at, k.last_used_at, k.expires_at, k.revoked_at`
	selectKeyByHash = `SELECT ` + keyColumns + `, ` + tenantColumns + `
		FROM api_keys k JOIN tenants t ON t.id = k.tenant WHERE k.hash = ? AND t.deleted_at IS NULL`
	selectKey  = `SELECT ` + keyColumns + ` FROM api_keys k WHERE k.tenant = ? AND k.key = ?`
	selectKeys = `SELECT ` + keyColumns + ` FROM api_keys k WHERE k.tenant = ? AND k.id > ? ORDER BY k.id LIMIT ?`
)

// keyFields are the places of keyColumns.
func keyFields(r *core.KeyRecord) []any {
	return []any{
		&r.ID, &r.Position, keyHash{&r.Hash}, &r.Prefix, &r.Scopes, &r.Environment, &r.Sealed,
		at{&r.CreatedAt}, maybeAt{&r.LastUsedAt}, maybeAt{&r.ExpiresAt}, maybeAt{&r.RevokedAt},
	}
}

// keyHash scans a hash.
type keyHash struct{ h *core.KeyHash }

// Scan implements sql.Scanner.
func (k keyHash) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != len(k.h) {
		return fmt.Errorf("sqlite: a %T of %d bytes where a key's hash should be", value, len(b))
	}
	copy(k.h[:], b)
	return nil
}

func keyOf(tenant core.TenantID) fields[core.KeyRecord] {
	return func(r *core.KeyRecord) []any {
		r.Tenant = tenant
		return keyFields(r)
	}
}

// FindAPIKey finds a key and its tenant.
func (s *Store) FindAPIKey(ctx context.Context, hash core.KeyHash) (core.KeyRecord, core.TenantRecord, error) {
	type found struct {
		key    core.KeyRecord
		tenant core.TenantRecord
	}
	both := func(f *found) []any { return append(keyFields(&f.key), tenantFields(&f.tenant)...) }
	f, err := seek(ctx, s, func(q session) (found, error) { return one(q, both, selectKeyByHash, hash[:]) })
	f.key.Tenant = f.tenant.ID
	return f.key, f.tenant, err
}

// APIKeys lists the tenant's keys by Position.
func (s *Store) APIKeys(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.KeyRecord, error) {
	return view(ctx, s, func(q session) ([]core.KeyRecord, error) {
		id, err := one(q, itself[int64], selectTenantID, tenant)
		if err != nil {
			return nil, err
		}
		return list(q, keyOf(tenant), selectKeys, id, page.After, max(page.Limit, 0))
	})
}

// CreateAPIKey adds a key if the tenant has room for one.
func (s *Store) CreateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, key core.KeyRecord, event core.Event) (core.KeyRecord, error) {
	return step(ctx, s, tenant, op, func(t *txn) (r core.KeyRecord, err error) {
		if err := t.roomForKey(key.CreatedAt); err != nil {
			return r, err
		}
		if err := t.addAPIKey(key); err != nil {
			return r, err
		}
		if err := t.record(event); err != nil {
			return r, err
		}
		return one(t.session, keyOf(tenant), selectKey, t.tenant, key.ID)
	})
}

// keysAtOnce of a tenant's dead keys go at a time, so that the next one finds room.
const keysAtOnce = 20

// roomForKey has the keys that are revoked or expired longest make room for another.
func (t *txn) roomForKey(now time.Time) error {
	use := core.QuotaUse{Name: "max_api_keys", Limit: core.MaxKeysPerTenant}
	if err := t.get(`SELECT count(*) FROM api_keys WHERE tenant = ?`, args{t.tenant}, &use.Used); err != nil || use.Used < use.Limit {
		return err
	}
	many := use.Used - use.Limit
	gone, err := t.affect(`DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys
		WHERE tenant = ?1 AND (revoked_at IS NOT NULL OR expires_at <= ?2) ORDER BY coalesce(revoked_at, expires_at) LIMIT ?3)`,
		t.tenant, ms(now), many+keysAtOnce)
	if err == nil && gone <= many {
		err = t.exhausted(use, true, "", 0, core.Event{})
	}
	return err
}

func (t *txn) addAPIKey(k core.KeyRecord) error {
	if !k.ID.Valid() {
		return core.NotFound()
	}
	return t.exec(`INSERT INTO api_keys (tenant, key, hash, prefix, scopes, environment, sealed,
		created_at, last_used_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.tenant, k.ID, k.Hash[:], k.Prefix, k.Scopes, k.Environment, bytesOf(k.Sealed),
		ms(k.CreatedAt), maybeMS(k.LastUsedAt), maybeMS(k.ExpiresAt), maybeMS(k.RevokedAt))
}

// RotateAPIKey adds a key and lets another one expire.
func (s *Store) RotateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, r core.KeyRotation) (core.KeyRecord, error) {
	return step(ctx, s, tenant, op, func(t *txn) (core.KeyRecord, error) {
		n, err := t.affect(`UPDATE api_keys SET expires_at = min(coalesce(expires_at, ?1), ?1)
			WHERE tenant = ?2 AND key = ?3 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?4)`,
			ms(r.OldExpiresAt), t.tenant, r.Old, ms(r.At))
		if err == nil && n == 0 {
			err = core.NotFound()
		}
		if err == nil {
			err = t.roomForKey(r.At)
		}
		if err != nil {
			return core.KeyRecord{}, err
		}
		if err := t.addAPIKey(r.New); err != nil {
			return core.KeyRecord{}, err
		}
		if err := t.record(r.Event); err != nil {
			return core.KeyRecord{}, err
		}
		return one(t.session, keyOf(tenant), selectKey, t.tenant, r.New.ID)
	})
}

// RevokeAPIKey revokes a key unless it is the last that can administer.
func (s *Store) RevokeAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, id core.KeyID, event core.Event) error {
	return act(ctx, s, tenant, op, func(t *txn) error {
		key, err := one(t.session, keyOf(tenant), selectKey, t.tenant, id)
		if err != nil || key.RevokedAt != nil {
			return err
		}
		if key.Permanent() && key.Scopes.Has(core.ScopeTenantAdmin) {
			other, err := t.exists(`SELECT 1 FROM api_keys WHERE tenant = ? AND key <> ?
				AND revoked_at IS NULL AND expires_at IS NULL AND scopes & ? <> 0 LIMIT 1`,
				t.tenant, id, core.ScopeTenantAdmin)
			if err != nil {
				return err
			}
			if !other {
				return core.NewError(core.CodeLastAdminKey, "This is the last key with tenant:admin that does not expire. Create another one first.")
			}
		}
		if err := t.exec(`UPDATE api_keys SET revoked_at = ? WHERE tenant = ? AND key = ?`, ms(event.At), t.tenant, id); err != nil {
			return err
		}
		return t.record(event)
	})
}

// TouchAPIKeys notes last uses.
func (s *Store) TouchAPIKeys(ctx context.Context, uses []core.KeyUse) error {
	if len(uses) == 0 {
		return nil
	}
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		for _, use := range uses {
			err := t.exec(`UPDATE api_keys SET last_used_at = ?1
				WHERE tenant = (SELECT id FROM tenants WHERE tenant = ?2 AND deleted_at IS NULL) AND key = ?3 AND (last_used_at IS NULL OR last_used_at < ?1)`,
				ms(use.At), use.Tenant, use.Key)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
