package core

// TenantImage is all that a store holds of a tenant, save its users, its audit
// log and what is forgotten within a day by itself: as it is moved from one
// store to another, sealed.
type TenantImage struct {
	Record       TenantRecord
	EmailKey     string
	DataKeys     []WrappedKey
	Reencryption Reencryption
	APIKeys      []KeyRecord // by Position
	LastSeq      int64       // of the tenant's events
	Events       []Event     // that are in the outbox
	Positions    map[string]int64
}

// UserImage is all that a store holds of a user. Lists are by Position; whoever
// takes them in keeps their order, not their numbers.
type UserImage struct {
	Record        UserRecord
	MemoryVersion int64
	Conversations []ConversationRecord
	Buffer        []BufferEntry
	Blobs         []BlobRecord // with Sealed, facts among them
	FactKeys      map[string]BlobID
}
