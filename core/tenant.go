package core

import "time"

// EncryptionMode says who holds the key that wraps a tenant's data keys.
type EncryptionMode string

// The two modes: the deployment's operator holds it, or the tenant does.
const (
	EncryptionPlatform EncryptionMode = "platform"
	EncryptionTenant   EncryptionMode = "tenant"
)

// Settings are what a tenant may choose, within the operator's ceilings.
type Settings struct {
	RetentionDays           int64 // 0: keep for ever
	MaxUsers                int64
	MaxConversationsPerUser int64
	BatchSize               int64 // interactions in a blob
	EncryptionMode          EncryptionMode
	WebhookURL              string // "" for none
	RateLimitPerMinute      int64  // 0: none
	AuditReads              bool   // every read of memory is audited, also where the operator did not ask
}

// DefaultSettings are those of a tenant that chose nothing, where the operator
// chose nothing either.
func DefaultSettings() Settings {
	return Settings{
		RetentionDays:           30,
		MaxUsers:                1000,
		MaxConversationsPerUser: 100,
		BatchSize:               10,
		EncryptionMode:          EncryptionPlatform,
		RateLimitPerMinute:      6000,
	}
}

// RetentionCutoff is the latest time of acceptance that is expired at now; the
// zero time when nothing expires. What was accepted after it is kept.
func (s Settings) RetentionCutoff(now time.Time) time.Time {
	if s.RetentionDays <= 0 {
		return time.Time{}
	}
	return now.Add(-s.Retention())
}

// Retention is how long interactions are kept; 0 is for ever.
func (s Settings) Retention() time.Duration {
	return time.Duration(s.RetentionDays) * 24 * time.Hour
}

// Tenant is a tenant as its callers see it.
type Tenant struct {
	ID        TenantID
	Name      string
	Email     string
	Settings  Settings
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time

	SuspendedAt *time.Time // since when its keys are refused; nil: it is not suspended
}

// TenantRecord is what a store keeps of a tenant. Name, email and webhook URL
// are in Profile, sealed by the deployment's key, so that they stay readable
// to their tenant when the tenant's own key is gone.
type TenantRecord struct {
	ID        TenantID
	Profile   []byte
	Settings  Settings // WebhookURL is empty here
	Version   int64    // starts at 1, one more at each change
	CreatedAt time.Time
	UpdatedAt time.Time

	SuspendedAt *time.Time // nil: it is not suspended
}

// NewTenant is all that registration writes in one step.
type NewTenant struct {
	Record   TenantRecord
	EmailKey string // keyed hash of the folded email, or the email itself
	DataKeys []WrappedKey
	Key      KeyRecord
	Events   []Event // tenant.created, key.created
}

// TenantUpdate replaces profile, settings and suspension if the version is still
// IfVersion.
type TenantUpdate struct {
	Profile     []byte
	Settings    Settings
	SuspendedAt *time.Time
	IfVersion   int64
	At          time.Time
	Event       Event            // settings.updated, tenant.suspended or tenant.resumed
	Key         *DataKeyAddition // with a change of the encryption mode, in the same step; else nil
}

// Usage counts what a tenant has.
type Usage struct {
	Users         int64
	Conversations int64
	Interactions  int64 // sealed in blobs and buffered
	Buffered      int64
	Blobs         int64
	BlobBytes     int64 // sealed size of the blobs
}

// Caller is who makes a request: a tenant, by one of its keys.
type Caller struct {
	Tenant   TenantID
	Settings Settings // as of the look-up that authenticated it; WebhookURL is empty
	Key      KeyID
	Scopes   Scopes
}

// Actor is the caller as events name it.
func (c Caller) Actor() Actor { return Actor{Key: c.Key} }

// Require is nil when the caller holds all of want, else CodeInsufficientScope.
func (c Caller) Require(want Scopes) error {
	missing := want.Minus(c.Scopes)
	if missing == 0 {
		return nil
	}
	e := NewError(CodeInsufficientScope, "This needs the scope %s, which the API key does not have.", missing)
	e.Scope = want
	return e
}
