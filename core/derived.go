package core

// DerivedKind says what was computed.
type DerivedKind string

// The kinds of derived records.
const (
	DerivedIndex   DerivedKind = "index"   // a segment of the user's recall index
	DerivedVectors DerivedKind = "vectors" // vectors of a stretch of a conversation
)

// MaxDerivedBytes bounds the Sealed of one derived record.
const MaxDerivedBytes = 8 << 20

// DerivedRecord is something computed from a user's memory, kept sealed so that
// it need not be computed again. It holds what the memory held, so it goes in
// the same step as any of what it was computed from. Losing one loses no memory.
type DerivedRecord struct {
	ID   DerivedID
	User UserID
	Kind DerivedKind
	// Conversation and First…Last, both inclusive, are the stretch that it was
	// computed from; Conversation is "" for one of all the user's memory.
	Conversation ConversationID
	First, Last  int64
	Version      int64  // of the user's memory that it was computed from
	KeyVersion   uint32 // of the data key that Sealed is under
	Sealed       []byte // at most MaxDerivedBytes
	Position     int64  // the store's order of arrival within the user and kind; set by the store
}

// DerivedPlace is where a derived record belongs.
func DerivedPlace(tenant TenantID, d DerivedRecord) Place {
	return Place{
		Tenant: tenant, User: d.User, Kind: KindDerived,
		Record: string(d.Kind) + "/" + string(d.Conversation) + "/" + string(d.ID), Version: d.Version,
	}
}
