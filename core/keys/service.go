// Package keys issues API keys, authenticates by them, rotates and revokes
// them. A key's secret exists in the answer that first shows it and nowhere else.
package keys

import (
	"context"
	"io"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type sealer interface {
	Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
}

// Service is safe for concurrent use.
type Service struct {
	store   ports.APIKeys
	seal    sealer
	clock   ports.Clock
	random  io.Reader
	ids     *core.IDs
	cursors *core.Cursors
	cache   cache
	uses    uses
}

// New makes the service. random must be cryptographically secure.
func New(store ports.APIKeys, seal sealer, clock ports.Clock, random io.Reader, ids *core.IDs, cursors *core.Cursors) *Service {
	return &Service{store: store, seal: seal, clock: clock, random: random, ids: ids, cursors: cursors}
}

// Make builds a key for the tenant without storing it.
func (s *Service) Make(ctx context.Context, tenant core.TenantID, k core.NewKey) (core.KeyRecord, core.IssuedKey, error) {
	env := k.Environment
	if env == "" {
		env = core.EnvironmentLive
	}
	secret, prefix, err := newToken(s.random, env)
	if err != nil {
		return core.KeyRecord{}, core.IssuedKey{}, err
	}
	key := core.APIKey{
		ID: s.ids.Key(), Prefix: prefix, Scopes: k.Scopes, Environment: env,
		CreatedAt: s.clock.Now(), ExpiresAt: k.ExpiresAt,
	}
	sealed, err := s.seal.Seal(ctx, core.KeyPlace(tenant, key.ID), []byte(k.Name))
	if err != nil {
		return core.KeyRecord{}, core.IssuedKey{}, err
	}
	record := core.KeyRecord{APIKey: key, Tenant: tenant, Hash: hash(secret), Sealed: sealed}
	key.Name = k.Name
	return record, core.IssuedKey{APIKey: key, Secret: secret}, nil
}

// Authenticate finds who a key belongs to. It fails with CodeUnauthenticated,
// the same for a key that is malformed, unknown, expired or revoked; RefusedError
// tells these apart. With CodeTenantSuspended the caller is given too, for the log.
func (s *Service) Authenticate(ctx context.Context, token string) (core.Caller, error) {
	if !wellFormed(token) {
		return core.Caller{}, refuse(RefusedError{Reason: "malformed"})
	}
	found, err := s.lookUp(ctx, hash(token))
	if core.Is(err, core.CodeNotFound) {
		return core.Caller{}, refuse(RefusedError{Reason: "unknown"})
	}
	if err != nil {
		return core.Caller{}, err
	}
	key, tenant, now := found.key, found.tenant, s.clock.Now()
	if !key.Live(now) {
		reason := "expired"
		if key.RevokedAt != nil {
			reason = "revoked"
		}
		return core.Caller{}, refuse(RefusedError{Reason: reason, Tenant: tenant.ID, Key: key.ID})
	}
	caller := core.Caller{Tenant: tenant.ID, Settings: tenant.Settings, Key: key.ID, Scopes: key.Scopes}
	if tenant.SuspendedAt != nil {
		return caller, core.NewError(core.CodeTenantSuspended, "The operator has suspended this tenant. Its data is kept; ask the operator.")
	}
	s.uses.note(core.KeyUse{Tenant: tenant.ID, Key: key.ID, At: now})
	return caller, nil
}

// lookUp finds a key in the cache or the store.
func (s *Service) lookUp(ctx context.Context, hash core.KeyHash) (identity, error) {
	now := s.clock.Now()
	found, ok, changes := s.cache.get(hash, now)
	if ok {
		return found, nil
	}
	key, tenant, err := s.store.FindAPIKey(ctx, hash)
	if err != nil {
		return identity{}, err
	}
	found = identity{key: key, tenant: tenant, lookedUp: now}
	s.cache.put(hash, found, changes)
	return found, nil
}

// List pages through the tenant's keys by creation.
func (s *Service) List(ctx context.Context, caller core.Caller, cursor string, limit int) (core.List[core.APIKey], error) {
	after, err := s.cursors.Decode(caller.Tenant, "keys", cursor)
	if err != nil {
		return core.List[core.APIKey]{}, err
	}
	records, err := s.store.APIKeys(ctx, caller.Tenant, core.Page{After: after, Limit: limit + 1})
	if err != nil {
		return core.List[core.APIKey]{}, err
	}
	list := core.List[core.APIKey]{Items: make([]core.APIKey, 0, len(records))}
	if len(records) > limit {
		records = records[:limit]
		list.Next = s.cursors.Encode(caller.Tenant, "keys", records[limit-1].Position)
	}
	for _, r := range records {
		key, err := s.open(ctx, r)
		if err != nil {
			return core.List[core.APIKey]{}, err
		}
		list.Items = append(list.Items, key)
	}
	return list, nil
}

// Current is the caller's own key.
func (s *Service) Current(ctx context.Context, caller core.Caller) (core.APIKey, error) {
	return s.find(ctx, caller.Tenant, caller.Key)
}

// Create makes a key for the caller's tenant, with at most the caller's scopes.
func (s *Service) Create(ctx context.Context, caller core.Caller, op core.Op, k core.NewKey) (core.IssuedKey, error) {
	if err := s.check(k); err != nil {
		return core.IssuedKey{}, err
	}
	if err := caller.Require(k.Scopes); err != nil {
		return core.IssuedKey{}, err
	}
	record, issued, err := s.Make(ctx, caller.Tenant, k)
	if err != nil {
		return core.IssuedKey{}, err
	}
	stored, err := s.store.CreateAPIKey(ctx, caller.Tenant, op, record, s.event(caller, core.EventKeyCreated, core.EventData{
		"key_id": string(record.ID), "scopes": record.Scopes.String(),
	}))
	if err != nil {
		return core.IssuedKey{}, err
	}
	return s.issued(ctx, stored, issued)
}

// Rotate makes a new key with the name and scopes of an old one, which expires
// after the grace. The caller must hold the old one's scopes.
func (s *Service) Rotate(ctx context.Context, caller core.Caller, op core.Op, id core.KeyID, grace time.Duration) (core.IssuedKey, error) {
	if grace < 0 || grace > core.MaxGraceSeconds*time.Second {
		return core.IssuedKey{}, core.Invalid("grace_seconds", "must be between 0 and 2592000", int64(grace/time.Second))
	}
	old, err := s.find(ctx, caller.Tenant, id)
	if err != nil {
		return core.IssuedKey{}, err
	}
	if err := caller.Require(old.Scopes); err != nil {
		return core.IssuedKey{}, err
	}
	record, issued, err := s.Make(ctx, caller.Tenant, core.NewKey{Name: old.Name, Scopes: old.Scopes, Environment: old.Environment})
	if err != nil {
		return core.IssuedKey{}, err
	}
	defer s.cache.drop(caller.Tenant)
	stored, err := s.store.RotateAPIKey(ctx, caller.Tenant, op, core.KeyRotation{
		Old: id, OldExpiresAt: record.CreatedAt.Add(grace), At: record.CreatedAt, New: record,
		Event: s.event(caller, core.EventKeyRotated, core.EventData{
			"key_id": string(id), "new_key_id": string(record.ID), "grace_seconds": int64(grace / time.Second),
		}),
	})
	if err != nil {
		return core.IssuedKey{}, err
	}
	return s.issued(ctx, stored, issued)
}

// Revoke ends a key at once. CodeLastAdminKey for the last one with
// tenant:admin that does not expire; revoking a revoked key does nothing.
func (s *Service) Revoke(ctx context.Context, caller core.Caller, op core.Op, id core.KeyID) error {
	defer s.cache.drop(caller.Tenant) // before the answer, also to a step whose outcome is unknown
	return s.store.RevokeAPIKey(ctx, caller.Tenant, op, id,
		s.event(caller, core.EventKeyRevoked, core.EventData{"key_id": string(id)}))
}

// issued tells the key just made from one that an earlier run made.
func (s *Service) issued(ctx context.Context, stored core.KeyRecord, made core.IssuedKey) (core.IssuedKey, error) {
	if stored.ID == made.ID {
		return made, nil
	}
	key, err := s.open(ctx, stored)
	return core.IssuedKey{APIKey: key}, err
}

func (s *Service) check(k core.NewKey) error {
	var bad []core.FieldError
	if msg := core.CheckName(k.Name); msg != "" {
		bad = append(bad, core.FieldError{Location: "name", Message: msg})
	}
	if k.Scopes == 0 {
		bad = append(bad, core.FieldError{Location: "scopes", Message: "must name at least one scope, or a preset"})
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(s.clock.Now()) {
		bad = append(bad, core.FieldError{Location: "expires_at", Message: "must be in the future", Value: k.ExpiresAt.Format(time.RFC3339)})
	}
	if len(bad) > 0 {
		return core.InvalidFields(bad)
	}
	return nil
}

// find looks through the tenant's keys, of which there are few.
func (s *Service) find(ctx context.Context, tenant core.TenantID, id core.KeyID) (core.APIKey, error) {
	records, err := s.store.APIKeys(ctx, tenant, core.Page{Limit: core.MaxKeysPerTenant})
	if err != nil {
		return core.APIKey{}, err
	}
	for _, r := range records {
		if r.ID == id {
			return s.open(ctx, r)
		}
	}
	return core.APIKey{}, core.NotFound()
}

func (s *Service) open(ctx context.Context, r core.KeyRecord) (core.APIKey, error) {
	name, err := s.seal.Open(ctx, core.KeyPlace(r.Tenant, r.ID), r.Sealed)
	if err != nil {
		return core.APIKey{}, err
	}
	key := r.APIKey
	key.Name = string(name)
	key.LastUsedAt = s.uses.lastUse(key.ID, key.LastUsedAt)
	return key, nil
}

func (s *Service) event(caller core.Caller, kind core.EventType, data core.EventData) core.Event {
	return core.Event{
		ID: s.ids.Event(), Type: kind, At: s.clock.Now(),
		Tenant: caller.Tenant, Actor: caller.Actor(), Data: data,
	}
}
