package operator

import (
	"time"

	"github.com/raven-memory/raven/core"
)

// The states of a tenant.
const (
	StatusActive    = "active"
	StatusSuspended = "suspended"
)

// Tenant is a tenant as the operator sees it.
type Tenant struct {
	ID          core.TenantID `json:"id"`
	Name        string        `json:"name"`
	Email       string        `json:"email"`
	Status      string        `json:"status"`
	SuspendedAt *time.Time    `json:"suspended_at"`
	Settings    Settings      `json:"settings"`
	CreatedAt   time.Time     `json:"created_at"`
	UpdatedAt   time.Time     `json:"updated_at"`
}

// Settings are a tenant's.
type Settings struct {
	RetentionDays           int64               `json:"retention_days"`
	MaxUsers                int64               `json:"max_users"`
	MaxConversationsPerUser int64               `json:"max_conversations_per_user"`
	BatchSize               int64               `json:"batch_size"`
	RateLimitPerMinute      int64               `json:"rate_limit_per_minute"`
	EncryptionMode          core.EncryptionMode `json:"encryption_mode"`
	Webhook                 bool                `json:"webhook"` // it has one; where to is the tenant's business
}

// Quotas change settings: what is not in it stays, nil goes back to the default.
// The names are those of Settings whose values are numbers.
type Quotas map[string]*int64

// TenantDetails are a tenant with what it holds.
type TenantDetails struct {
	Tenant
	Usage      Usage       `json:"usage"`
	Encryption *Encryption `json:"encryption"` // nil while the keys can't be read
}

// Usage counts what a tenant has.
type Usage struct {
	Users         int64 `json:"users"`
	Conversations int64 `json:"conversations"`
	Interactions  int64 `json:"interactions"`
	Buffered      int64 `json:"buffered"`
	Blobs         int64 `json:"blobs"`
	BlobBytes     int64 `json:"blob_bytes"`
}

// Encryption is under which key a tenant's new data is sealed.
type Encryption struct {
	Provider     string    `json:"provider"`
	KeyVersion   uint32    `json:"key_version"`
	KeyCreatedAt time.Time `json:"key_created_at"`
	Reencryption string    `json:"re_encryption"` // idle, running or failed
}

// NewTenant is what the operator says of a new tenant.
type NewTenant struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Quotas Quotas `json:"quotas,omitempty"`
}

// CreatedTenant is a tenant just made, with its first API key.
type CreatedTenant struct {
	Tenant Tenant    `json:"tenant"`
	APIKey IssuedKey `json:"api_key"`
}

// DeletedTenant is the receipt of a tenant's deletion.
type DeletedTenant struct {
	ID        core.TenantID `json:"tenant_id"`
	DeletedAt time.Time     `json:"deleted_at"`
	Keys      []string      `json:"keys"`
	Signature string        `json:"signature,omitempty"`
}

// Key is an API key as lists show it, never its secret.
type Key struct {
	ID          core.KeyID       `json:"id"`
	Name        string           `json:"name"`
	Prefix      string           `json:"prefix"`
	Scopes      []string         `json:"scopes"`
	Environment core.Environment `json:"environment"`
	CreatedAt   time.Time        `json:"created_at"`
	LastUsedAt  *time.Time       `json:"last_used_at"`
	ExpiresAt   *time.Time       `json:"expires_at"`
	RevokedAt   *time.Time       `json:"revoked_at"`
}

// IssuedKey is an API key just made; Secret is shown this once.
type IssuedKey struct {
	Key
	Secret string `json:"key"`
}

// NewKey is what the operator says of a new API key. Scopes are names of scopes,
// or one name of a preset.
type NewKey struct {
	Name        string           `json:"name"`
	Scopes      []string         `json:"scopes"`
	Environment core.Environment `json:"environment,omitempty"`
	ExpiresAt   *time.Time       `json:"expires_at,omitempty"`
}

// page is a part of a list; Next is what the part after it begins after.
type page[T any] struct {
	Data []T    `json:"data"`
	Next string `json:"next,omitempty"`
}

// failure is the body of every answer that is no success.
type failure struct {
	Error failureDetail `json:"error"`
}

type failureDetail struct {
	Code    core.Code `json:"code"`
	Message string    `json:"message"`
}

func tenantToWire(t core.Tenant) Tenant {
	out := Tenant{
		ID: t.ID, Name: t.Name, Email: t.Email, Status: StatusActive, SuspendedAt: t.SuspendedAt,
		Settings: Settings{
			RetentionDays: t.Settings.RetentionDays, MaxUsers: t.Settings.MaxUsers,
			MaxConversationsPerUser: t.Settings.MaxConversationsPerUser, BatchSize: t.Settings.BatchSize,
			RateLimitPerMinute: t.Settings.RateLimitPerMinute, EncryptionMode: t.Settings.EncryptionMode,
			Webhook: t.Settings.WebhookURL != "",
		},
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
	if t.SuspendedAt != nil {
		out.Status = StatusSuspended
	}
	return out
}

func keyToWire(k core.APIKey) Key {
	return Key{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Scopes: k.Scopes.Names(), Environment: k.Environment,
		CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt,
	}
}

func issuedToWire(k core.IssuedKey) IssuedKey {
	return IssuedKey{Key: keyToWire(k.APIKey), Secret: k.Secret}
}
