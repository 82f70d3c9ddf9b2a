package main

import (
	"context"
	"sync"

	"github.com/raven-memory/raven/core"
)

// keyring is all API keys, in the store.
type keyring struct {
	mu sync.Mutex
	of map[core.KeyHash]core.KeyRecord
}

// keyStore is the keys as a process reaches them: ports.APIKeys.
type keyStore struct {
	*line
	keys *keyring
}

// FindAPIKey implements ports.APIKeys: in two round trips, as on Redis, where
// the second one counts.
func (s keyStore) FindAPIKey(ctx context.Context, hash core.KeyHash) (key core.KeyRecord, tenant core.TenantRecord, err error) {
	if err = s.call(ctx, "key's index", func() error { return nil }); err != nil {
		return key, tenant, err
	}
	err = s.call(ctx, "key", func() error {
		s.keys.mu.Lock()
		defer s.keys.mu.Unlock()
		found, ok := s.keys.of[hash]
		if !ok {
			return core.NotFound()
		}
		key, tenant.ID = found, found.Tenant
		return nil
	})
	return key, tenant, err
}

// RevokeAPIKey implements ports.APIKeys.
func (s keyStore) RevokeAPIKey(ctx context.Context, _ core.TenantID, _ core.Op, id core.KeyID, event core.Event) error {
	return s.call(ctx, "revoke", func() error {
		s.keys.mu.Lock()
		defer s.keys.mu.Unlock()
		for hash, k := range s.keys.of {
			if k.ID == id && k.RevokedAt == nil {
				k.RevokedAt = &event.At
				s.keys.of[hash] = k
			}
		}
		return nil
	})
}

// CreateAPIKey implements ports.APIKeys.
func (s keyStore) CreateAPIKey(_ context.Context, _ core.TenantID, _ core.Op, key core.KeyRecord, _ core.Event) (core.KeyRecord, error) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.of[key.Hash] = key
	return key, nil
}

// APIKeys implements ports.APIKeys; nobody here lists.
func (s keyStore) APIKeys(context.Context, core.TenantID, core.Page) ([]core.KeyRecord, error) {
	return nil, nil
}

// RotateAPIKey implements ports.APIKeys; nobody here rotates.
func (s keyStore) RotateAPIKey(context.Context, core.TenantID, core.Op, core.KeyRotation) (core.KeyRecord, error) {
	return core.KeyRecord{}, core.NotFound()
}

// TouchAPIKeys implements ports.APIKeys.
func (s keyStore) TouchAPIKeys(context.Context, []core.KeyUse) error { return nil }

// openSealer seals nothing: names of keys are no part of what is simulated.
type openSealer struct{}

// Seal gives back what it got.
func (openSealer) Seal(_ context.Context, _ core.Place, plain []byte) ([]byte, error) {
	return plain, nil
}

// Open gives back what it got.
func (openSealer) Open(_ context.Context, _ core.Place, sealed []byte) ([]byte, error) {
	return sealed, nil
}
