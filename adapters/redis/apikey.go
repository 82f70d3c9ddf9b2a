package redis

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/raven-memory/raven/core"
)

// apiKey is an API key as a field's value; its id is the field. Numbers are
// texts, because the scripts read and write them too.
type apiKey struct {
	Hash        string `json:"hash"`
	Prefix      string `json:"prefix"`
	Scopes      uint16 `json:"scopes,string"`
	Environment string `json:"environment"`
	Sealed      []byte `json:"sealed"`
	CreatedAt   int64  `json:"created_at,string"`
	LastUsedAt  *int64 `json:"last_used_at,string,omitempty"`
	ExpiresAt   *int64 `json:"expires_at,string,omitempty"`
	RevokedAt   *int64 `json:"revoked_at,string,omitempty"`
	Position    int64  `json:"position,string"`
}

func encodeKey(k core.KeyRecord) ([]byte, error) {
	return json.Marshal(apiKey{
		Hash: hex.EncodeToString(k.Hash[:]), Prefix: k.Prefix, Scopes: uint16(k.Scopes),
		Environment: string(k.Environment), Sealed: append([]byte{}, k.Sealed...), CreatedAt: ms(k.CreatedAt),
		LastUsedAt: msOf(k.LastUsedAt), ExpiresAt: msOf(k.ExpiresAt), RevokedAt: msOf(k.RevokedAt),
	})
}

func msOf(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	n := ms(*t)
	return &n
}

func maybeTimeOf(n *int64) *time.Time {
	if n == nil {
		return nil
	}
	t := timeOf(*n)
	return &t
}

func decodeKey(tenant core.TenantID, id core.KeyID, text string) (core.KeyRecord, error) {
	var k apiKey
	r := core.KeyRecord{Tenant: tenant}
	err := json.Unmarshal([]byte(text), &k)
	if err == nil {
		r.Hash, err = decodeHash(k.Hash)
	}
	if err != nil {
		return core.KeyRecord{}, fault("the API key %s", id)
	}
	r.APIKey = core.APIKey{
		ID: id, Prefix: k.Prefix, Scopes: core.Scopes(k.Scopes), Environment: core.Environment(k.Environment),
		CreatedAt: timeOf(k.CreatedAt), LastUsedAt: maybeTimeOf(k.LastUsedAt),
		ExpiresAt: maybeTimeOf(k.ExpiresAt), RevokedAt: maybeTimeOf(k.RevokedAt),
	}
	r.Sealed, r.Position = k.Sealed, k.Position
	return r, nil
}

func decodeHash(text string) (hash core.KeyHash, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(hash) {
		return hash, fault("the hash of an API key")
	}
	return core.KeyHash(raw), nil
}

// The index entry of a key: where it is, and for people who look, what it may.

func (s *Store) reserveHash(ctx context.Context, t tenantKeys, key core.KeyRecord) error {
	_, err := s.run(ctx, reserveKeyHash, []string{hashKey(key.Hash)}, string(t.id), string(key.ID), reservation.Milliseconds())
	return err
}

func (s *Store) confirmHash(ctx context.Context, t tenantKeys, key core.KeyRecord) error {
	_, err := s.run(ctx, confirmKeyHash, []string{hashKey(key.Hash)}, string(t.id), string(key.ID),
		key.Scopes.String(), maybeMS(key.ExpiresAt), maybeMS(key.RevokedAt))
	return err
}

// releaseHash gives a reservation back after a refusal.
func (s *Store) releaseHash(ctx context.Context, t tenantKeys, key core.KeyRecord, because error) {
	if refusal(ctx, because) {
		s.dropHash(ctx, t, key.ID, key.Hash)
	}
}

// dropHash removes an entry. One that stays leads nowhere.
func (s *Store) dropHash(ctx context.Context, t tenantKeys, id core.KeyID, hash core.KeyHash) {
	_, _ = s.run(ctx, releaseKeyHash, []string{hashKey(hash)}, string(t.id), string(id))
}
