package redis

import (
	"cmp"
	"context"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// FindAPIKey finds a key and its tenant. The index says only where to look: what
// holds is the tenant's own record. It takes two round trips.
func (s *Store) FindAPIKey(ctx context.Context, hash core.KeyHash) (core.KeyRecord, core.TenantRecord, error) {
	none := func(err error) (core.KeyRecord, core.TenantRecord, error) {
		return core.KeyRecord{}, core.TenantRecord{}, err
	}
	var index *goredis.SliceCmd
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { index = p.HMGet(ctx, hashKey(hash), "tenant", "key") }); err != nil {
		return none(err)
	}
	at := some(index, "tenant", "key")
	t, err := keysOf(core.TenantID(at["tenant"]))
	if err != nil {
		return none(err)
	}
	var tenant *goredis.MapStringStringCmd
	var record *goredis.StringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		record = p.HGet(ctx, t.apiKeys(), at["key"])
		tenant = p.HGetAll(ctx, t.tenant())
	})
	if err == nil && (len(tenant.Val()) == 0 || record.Val() == "") {
		err = core.NotFound()
	}
	if err != nil {
		return none(err)
	}
	key, err := decodeKey(t.id, core.KeyID(at["key"]), record.Val())
	if err == nil && key.Hash != hash {
		err = core.NotFound()
	}
	if err != nil {
		return none(err)
	}
	return key, tenantOf(t.id, tenant.Val()), nil
}

// APIKeys lists the tenant's keys by Position.
func (s *Store) APIKeys(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.KeyRecord, error) {
	t, err := keysOf(tenant)
	if err != nil {
		return nil, err
	}
	var exists *goredis.IntCmd
	var hash *goredis.MapStringStringCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, t.apiKeys())
		exists = p.Exists(ctx, t.tenant())
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return nil, err
	}
	keys, err := decodeKeys(tenant, hash.Val())
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k core.KeyRecord) bool { return k.Position <= page.After })
	return keys[:min(len(keys), max(page.Limit, 0))], nil
}

// allKeys is every key of a tenant, also of one that was deleted.
func (s *Store) allKeys(ctx context.Context, t tenantKeys) ([]core.KeyRecord, error) {
	var hash *goredis.MapStringStringCmd
	if err := s.pipeAlone(ctx, func(p goredis.Pipeliner) { hash = p.HGetAll(ctx, t.apiKeys()) }); err != nil {
		return nil, err
	}
	return decodeKeys(t.id, hash.Val())
}

func decodeKeys(tenant core.TenantID, hash map[string]string) ([]core.KeyRecord, error) {
	keys := make([]core.KeyRecord, 0, len(hash))
	for id, text := range hash {
		k, err := decodeKey(tenant, core.KeyID(id), text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b core.KeyRecord) int { return cmp.Compare(a.Position, b.Position) })
	return keys, nil
}

// CreateAPIKey adds a key if the tenant has room for one.
func (s *Store) CreateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, key core.KeyRecord, event core.Event) (core.KeyRecord, error) {
	return s.addKey(ctx, tenant, key, event, func(t tenantKeys, record []byte, told []any) (outcome, error) {
		args := stepArgs(op, append(append([]any{string(key.ID), record}, told...), core.MaxKeysPerTenant, ms(key.CreatedAt))...)
		return s.run(ctx, createAPIKey, t.stepKeys(op, t.apiKeys()), args...)
	})
}

// RotateAPIKey adds a key and lets another one expire.
func (s *Store) RotateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, r core.KeyRotation) (core.KeyRecord, error) {
	return s.addKey(ctx, tenant, r.New, r.Event, func(t tenantKeys, record []byte, told []any) (outcome, error) {
		args := append(stepArgs(op, string(r.Old), ms(r.OldExpiresAt), ms(r.At), string(r.New.ID), record), append(told, core.MaxKeysPerTenant)...)
		answer, err := s.run(ctx, rotateAPIKey, t.stepKeys(op, t.apiKeys()), args...)
		if err != nil {
			return nil, err
		}
		old, err := decodeKey(tenant, r.Old, answer[2])
		if err != nil {
			return nil, err
		}
		return answer, s.confirmHash(ctx, t, old)
	})
}

// addKey reserves the index entry of a key, has a step add it, confirms the entry,
// and drops those of keys that made room. A step that was done before gives the key
// it made then.
func (s *Store) addKey(ctx context.Context, tenant core.TenantID, key core.KeyRecord, event core.Event,
	step func(t tenantKeys, record []byte, told []any) (outcome, error),
) (core.KeyRecord, error) {
	t, err := keysOf(tenant)
	if err == nil && !key.ID.Valid() {
		err = core.NotFound()
	}
	if err != nil {
		return core.KeyRecord{}, err
	}
	record, err := encodeKey(key)
	if err != nil {
		return core.KeyRecord{}, err
	}
	told, err := eventArgs(event)
	if err != nil {
		return core.KeyRecord{}, err
	}
	if err := s.reserveHash(ctx, t, key); err != nil {
		return core.KeyRecord{}, err
	}
	answer, err := step(t, record, told)
	if err != nil {
		s.releaseHash(ctx, t, key, err)
		return core.KeyRecord{}, err
	}
	made, err := decodeKey(tenant, core.KeyID(answer[0]), answer[1])
	if err != nil {
		return core.KeyRecord{}, err
	}
	if made.ID != key.ID {
		s.dropHash(ctx, t, key.ID, key.Hash)
	}
	for gone := range slices.Chunk(answer[3:], 2) {
		hash, err := decodeHash(gone[1])
		if err != nil {
			return core.KeyRecord{}, err
		}
		s.dropHash(ctx, t, core.KeyID(gone[0]), hash)
	}
	return made, s.confirmHash(ctx, t, made)
}

// RevokeAPIKey revokes a key unless it is the last that can administer.
func (s *Store) RevokeAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, id core.KeyID, event core.Event) error {
	t, err := keysOf(tenant)
	if err != nil {
		return err
	}
	told, err := eventArgs(event)
	if err != nil {
		return err
	}
	answer, err := s.run(ctx, revokeAPIKey, t.stepKeys(op, t.apiKeys()), append(stepArgs(op, string(id)), told...)...)
	if err != nil {
		return err
	}
	key, err := decodeKey(tenant, id, answer[0])
	if err != nil {
		return err
	}
	return s.confirmHash(ctx, t, key)
}

// TouchAPIKeys notes last uses.
func (s *Store) TouchAPIKeys(ctx context.Context, uses []core.KeyUse) error {
	at := map[core.TenantID]int{} // where its call is
	var calls []call
	for _, use := range uses {
		t, err := keysOf(use.Tenant)
		if err != nil || !use.Key.Valid() {
			continue
		}
		i, ok := at[use.Tenant]
		if !ok {
			i = len(calls)
			at[use.Tenant] = i
			calls = append(calls, call{script: touchAPIKeys, keys: []string{t.tenant(), t.apiKeys()}})
		}
		calls[i].args = append(calls[i].args, string(use.Key), ms(use.At))
	}
	for some := range slices.Chunk(calls, chunk) {
		if _, err := s.repeat(ctx, some); err != nil {
			return err
		}
	}
	return translate(ctx, ctx.Err())
}
