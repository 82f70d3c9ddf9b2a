package core

import "time"

// SuiteHKDFAESGCM names the construction that seals a thing.
const SuiteHKDFAESGCM byte = 1

// IndexKeyVersion is the data key that only ever makes keyed hashes for
// look-ups. It stays when the sealing keys rotate, so that what was found by
// it is found after.
const IndexKeyVersion uint32 = 0

// WrappedKey is a data key as it is stored: wrapped by a wrapping key.
type WrappedKey struct {
	Version   uint32 // IndexKeyVersion, or 1, 2, … of which the highest seals new writes
	Provider  string // name of the provider that wrapped it
	Wrapped   []byte
	CreatedAt time.Time
}

// ProviderDataKey stands for a provider in a WrappedKey that is sealed, as an
// envelope, under the tenant's own data key: so the index key needs no
// wrapping key of its own, and goes with the data key.
const ProviderDataKey = "data-key"

// DataKeyAddition adds a data key, of the version that follows the newest.
type DataKeyAddition struct {
	Key          WrappedKey
	Index        WrappedKey // takes the place of the index key; version IndexKeyVersion
	IndexWas     []byte     // the wrapped form that it must still have
	Reencryption Reencryption
	Events       []Event
}

// ReencryptionState says what the re-encryption of a tenant does.
type ReencryptionState string

// The states there are. The zero value counts as idle.
const (
	ReencryptionIdle    ReencryptionState = "idle"
	ReencryptionRunning ReencryptionState = "running"
	ReencryptionFailed  ReencryptionState = "failed" // it is tried again
)

// Reencryption is how far what is stored has come under the newest data key.
type Reencryption struct {
	State     ReencryptionState
	Version   uint32 // of the data key that everything is to be sealed under
	Done      int64  // records
	Total     int64
	StartedAt time.Time
}

// Resealed is a sealed record and what takes its place.
type Resealed struct {
	Place    Place
	Was, Now []byte
}

// Place is where a sealed thing belongs. It is authenticated with the thing:
// what is moved to another place does not open.
type Place struct {
	Tenant  TenantID
	User    UserID // "" where no user owns the thing
	Kind    Kind
	Record  string // the record's id; ids of what contains it first, joined by "/"
	Version int64  // of the record
}

// Kind is what a sealed thing is.
type Kind string

// The kinds there are.
const (
	KindTenant       Kind = "tenant"
	KindAPIKey       Kind = "apikey"
	KindUser         Kind = "user"
	KindConversation Kind = "conversation"
	KindInteraction  Kind = "interaction"
	KindBlob         Kind = "blob"
	KindReplay       Kind = "replay" // an answer kept for an Idempotency-Key
	KindDataKey      Kind = "datakey"
	KindDerived      Kind = "derived"
	KindWebhook      Kind = "webhook" // a deleted tenant's, until it is told of that
)

// Encryption is the state of a tenant's encryption.
type Encryption struct {
	Mode         EncryptionMode
	Provider     string
	KeyVersion   uint32
	KeyCreatedAt time.Time
	Reencryption Reencryption
}

// Deployment is what makes one deployment itself: its id, bound into
// everything sealed in it, its own data keys, and check values by which a
// wrong platform keyring is noticed at the start.
type Deployment struct {
	ID        string
	DataKeys  []WrappedKey
	KeyChecks map[uint32]string // keyring version → check value
	CreatedAt time.Time
}

// TenantPlace is where a tenant's profile belongs.
func TenantPlace(id TenantID, version int64) Place {
	return Place{Tenant: DeploymentTenant, Kind: KindTenant, Record: string(id), Version: version}
}

// WebhookPlace is where a deleted tenant's webhook belongs: to the event that it is
// to be told of.
func WebhookPlace(tenant TenantID, event EventID) Place {
	return Place{Tenant: DeploymentTenant, Kind: KindWebhook, Record: string(tenant) + "/" + string(event), Version: 1}
}

// KeyPlace is where an API key's name belongs.
func KeyPlace(tenant TenantID, id KeyID) Place {
	return Place{Tenant: DeploymentTenant, Kind: KindAPIKey, Record: string(tenant) + "/" + string(id), Version: 1}
}

// UserPlace is where the sealed part of a user belongs.
func UserPlace(tenant TenantID, id UserID, version int64) Place {
	return Place{Tenant: tenant, User: id, Kind: KindUser, Record: string(id), Version: version}
}

// ConversationPlace is where the sealed part of a conversation belongs.
func ConversationPlace(tenant TenantID, user UserID, id ConversationID, version int64) Place {
	return Place{Tenant: tenant, User: user, Kind: KindConversation, Record: string(id), Version: version}
}

// InteractionPlace is where a buffered interaction belongs.
func InteractionPlace(tenant TenantID, user UserID, conversation ConversationID, id InteractionID) Place {
	return Place{
		Tenant: tenant, User: user, Kind: KindInteraction,
		Record: string(conversation) + "/" + string(id), Version: 1,
	}
}

// BlobPlace is where a blob belongs.
func BlobPlace(tenant TenantID, b BlobRecord) Place {
	return Place{
		Tenant: tenant, User: b.User, Kind: KindBlob,
		Record: string(b.Conversation) + "/" + string(b.ID), Version: b.Version,
	}
}
