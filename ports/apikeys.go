package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// APIKeys keeps API keys by their hash.
type APIKeys interface {
	// FindAPIKey returns the key with that hash and its tenant. CodeNotFound when there is none or its tenant is gone. Revoked and
	// expired keys are found: the caller looks at their times.
	FindAPIKey(ctx context.Context, hash core.KeyHash) (core.KeyRecord, core.TenantRecord, error)

	// APIKeys lists the tenant's keys by Position, revoked and expired ones too.
	APIKeys(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.KeyRecord, error)

	// CreateAPIKey adds a key. Where the tenant has core.MaxKeysPerTenant, the records
	// of those that are revoked or expired longest go, as many as make room;
	// CodeQuotaExhausted (name "max_api_keys") when all are live.
	CreateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, key core.KeyRecord, event core.Event) (core.KeyRecord, error)

	// RotateAPIKey adds the new key and sets the old one to expire at
	// OldExpiresAt unless it expires earlier. It returns the new key, which needs
	// room as in CreateAPIKey.
	// CodeNotFound when the old key does not exist, is revoked, or has expired
	// at At. Any number of rotations of one key may be under way.
	RotateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, r core.KeyRotation) (core.KeyRecord, error)

	// RevokeAPIKey revokes a key from event.At on. CodeLastAdminKey when it is
	// Permanent, has tenant:admin, and no other key of the tenant is so.
	// Revoking a revoked key changes nothing and records nothing.
	RevokeAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, id core.KeyID, event core.Event) error

	// TouchAPIKeys notes last uses; an older one than is noted changes nothing.
	// Keys that do not exist are passed over.
	TouchAPIKeys(ctx context.Context, uses []core.KeyUse) error
}
