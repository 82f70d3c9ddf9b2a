package core

import "slices"

// DerivedKind says what was computed.
type DerivedKind string

// The kinds of derived records.
const (
	DerivedIndex   DerivedKind = "index"   // a segment of the user's recall index
	DerivedVectors DerivedKind = "vectors" // vectors of a stretch of a conversation
)

// DerivedKinds are all there are.
func DerivedKinds() []DerivedKind { return []DerivedKind{DerivedIndex, DerivedVectors} }

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
	// computed from. Conversation is "" for one computed from several: from Parts
	// or, where there are none either, from all the user's memory.
	Conversation ConversationID
	First, Last  int64
	Parts        []DerivedPart
	Version      int64  // of the user's memory, read before what it was computed from
	KeyVersion   uint32 // of the data key that Sealed is under
	Sealed       []byte // at most MaxDerivedBytes; empty where only headers were asked for
	Size         int64  // length of Sealed, always set by the store
	Position     int64  // the store's order of arrival within the user and kind; set by the store
}

// DerivedPart is a stretch of a conversation, First and Last inclusive.
type DerivedPart struct {
	Conversation ConversationID
	First, Last  int64
}

// Stretches are what the record was computed from; none for all the user's memory.
func (d *DerivedRecord) Stretches() []DerivedPart {
	if d.Conversation != "" {
		return []DerivedPart{{d.Conversation, d.First, d.Last}}
	}
	return d.Parts
}

// MayHold reports whether the record may have been computed from what a later
// change forgot.
func (d *DerivedRecord) MayHold(c Change) bool {
	stretches := d.Stretches()
	switch c.Kind {
	case ChangeCleared:
		return true
	case ChangeForgotten, ChangeConversationDeleted:
		of := func(p DerivedPart) bool { return p.Conversation == c.Conversation }
		return len(stretches) == 0 || slices.ContainsFunc(stretches, of)
	default:
		return false
	}
}

// CheckDerived is an error when a store may not take the records in for the
// kind: CodeNotFound for what cannot be an id or a kind, CodePayloadTooLarge.
func CheckDerived(kind DerivedKind, list []DerivedRecord) error {
	if !slices.Contains(DerivedKinds(), kind) {
		return NotFound()
	}
	for i := range list {
		if !list[i].ID.Valid() {
			return NotFound()
		}
		for _, part := range list[i].Stretches() {
			if !part.Conversation.Valid() {
				return NotFound()
			}
		}
		if len(list[i].Sealed) > MaxDerivedBytes {
			return NewError(CodePayloadTooLarge, "A derived record has at most %d bytes.", MaxDerivedBytes)
		}
	}
	return nil
}

// DerivedPlace is where a derived record belongs.
func DerivedPlace(tenant TenantID, d DerivedRecord) Place {
	return Place{
		Tenant: tenant, User: d.User, Kind: KindDerived,
		Record: string(d.Kind) + "/" + string(d.Conversation) + "/" + string(d.ID), Version: d.Version,
	}
}
