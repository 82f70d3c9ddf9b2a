package core

import "time"

// Environment is a key's mark: a test key has the same rights on the same
// data, and says that it is not for production.
type Environment string

// The environments there are.
const (
	EnvironmentLive Environment = "live"
	EnvironmentTest Environment = "test"
)

// KeyHash is the SHA-256 of a whole API key, the only form in which one is stored.
type KeyHash [32]byte

// APIKey is an API key as lists show it; never its secret.
type APIKey struct {
	ID          KeyID
	Name        string
	Prefix      string // "rk_live_" and the key's eight public characters
	Scopes      Scopes
	Environment Environment
	CreatedAt   time.Time
	LastUsedAt  *time.Time // accurate to about a minute
	ExpiresAt   *time.Time
	RevokedAt   *time.Time
}

// Live reports whether the key may be used at now.
func (k APIKey) Live(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Permanent reports whether the key is not revoked and will not expire; only
// such a key counts as a tenant's last one with tenant:admin.
func (k APIKey) Permanent() bool { return k.RevokedAt == nil && k.ExpiresAt == nil }

// KeyRecord is what a store keeps of an API key. The embedded APIKey's Name is
// empty; it is in Sealed, under the deployment's key.
type KeyRecord struct {
	APIKey
	Tenant   TenantID
	Hash     KeyHash
	Sealed   []byte
	Position int64 // the store's order of creation within the tenant; set by the store
}

// KeyRotation adds New and lets Old expire at OldExpiresAt, or earlier if it
// was to expire earlier.
type KeyRotation struct {
	Old          KeyID
	OldExpiresAt time.Time
	At           time.Time
	New          KeyRecord
	Event        Event // key.rotated
}

// KeyUse notes when a key was last used.
type KeyUse struct {
	Tenant TenantID
	Key    KeyID
	At     time.Time
}

// NewKey is what a caller asks for when it makes an API key.
type NewKey struct {
	Name        string
	Scopes      Scopes
	Environment Environment // "" is live
	ExpiresAt   *time.Time
}

// IssuedKey is an API key just made. Secret is the whole key; it is empty when
// the key was made by an earlier run of the same operation, whose answer alone
// had it.
type IssuedKey struct {
	APIKey
	Secret string
}
