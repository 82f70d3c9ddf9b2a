package core

import "time"

// Role is who speaks in an interaction.
type Role string

// The roles there are.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleSystem    Role = "system"
	RoleTool      Role = "tool"
)

// Interaction is one message of a conversation.
type Interaction struct {
	ID         InteractionID
	Number     int64 // within its conversation: 1, 2, 3, …; gaps where something was forgotten
	Role       Role
	Name       string // "" for none
	Content    string
	Metadata   Metadata
	OccurredAt time.Time // as the caller said, else AcceptedAt
	AcceptedAt time.Time // when Raven took it in; retention counts from here

	Conversation ConversationID
	Blob         BlobID // "" while buffered
}

// BufferEntry is one interaction of a buffer, sealed on its own.
type BufferEntry struct {
	ID           InteractionID
	Conversation ConversationID
	Number       int64 // set by the step that appends it
	Position     int64 // the store's order of arrival within the user; set by the store
	Sealed       []byte
	AcceptedAt   time.Time
}

// Append adds interactions to a conversation's buffer.
type Append struct {
	User         UserID
	Conversation ConversationID
	Entries      []BufferEntry // at least one
	At           time.Time
}

// AppendSealed adds interactions to a conversation with which batches become full:
// those come sealed. The flush's Head is the ids of all that is buffered, then of
// what is new in its Blobs, with the numbers that it will have.
type AppendSealed struct {
	Flush
	Entries []BufferEntry // what comes after, which is buffered; may be none
}

// Appended says where an append put what was new.
type Appended struct {
	IDs      []InteractionID // in order; of the first run's when the operation was run again
	First    int64           // number of the first; the others follow without gaps
	Buffered int64           // in the buffer after the append
	Blobs    []BlobID        `json:",omitempty"` // that came with it
}

// BlobKind says what a blob holds.
type BlobKind string

// The kinds there are: interactions, and facts drawn from them.
const (
	BlobEpisodic BlobKind = "episodic"
	BlobSemantic BlobKind = "semantic"
)

// BlobRecord is what a store keeps of a blob: a header in the clear, which
// holds ids, numbers and times, and the interactions sealed together.
type BlobRecord struct {
	ID           BlobID
	User         UserID
	Kind         BlobKind
	Conversation ConversationID
	Numbers      []int64         // of the interactions in it, ascending
	Interactions []InteractionID // in the same order
	FirstAt      time.Time       // earliest OccurredAt
	LastAt       time.Time       // latest OccurredAt
	FirstTakenAt time.Time       // earliest AcceptedAt
	LastTakenAt  time.Time       // latest AcceptedAt
	KeyVersion   uint32
	Sealed       []byte // empty where only headers were asked for
	Size         int64  // length of Sealed, always set
	Version      int64  // starts at 1, one more when it is rewritten
	Position     int64  // the store's order of arrival within the user; set by the store
}

// Flush replaces the head of a conversation's buffer by blobs.
type Flush struct {
	User         UserID
	Conversation ConversationID
	// Head is the ids of the buffer's first entries, in order: exactly those
	// that Blobs hold. The step changes nothing unless they are still there.
	Head  []InteractionID
	Blobs []BlobRecord
	At    time.Time
	Event Event // memory.flushed
}

// Window asks for a part of a conversation by number.
type Window struct {
	After int64 // exclusive; 0 to start (from the end when Desc)
	Desc  bool
	Limit int // at least 1
}

// Holds reports whether an interaction's number is beyond After.
func (w Window) Holds(number int64) bool {
	if w.Desc {
		return w.After == 0 || number < w.After
	}
	return number > w.After
}

// Stretch is a part of a conversation as stored, of one moment. Blobs and
// buffer together hold at least the window's Limit interactions if there are
// that many; a blob that only reaches into the window is there whole.
type Stretch struct {
	Blobs    []BlobRecord // in the window's order, with Sealed
	Buffered []BufferEntry
}

// BlobRewrite replaces a blob by one without some of its interactions (or with
// the same, sealed anew) if its version is still IfVersion.
type BlobRewrite struct {
	New       BlobRecord // same ID; Version is IfVersion+1
	IfVersion int64
	Removed   int64 // how many interactions it has fewer
	At        time.Time
	Event     *Event // nil where nothing was forgotten
}

// BlobDelete removes a blob if its version is still IfVersion.
type BlobDelete struct {
	User      UserID
	ID        BlobID
	IfVersion int64
	At        time.Time
	Event     Event
}

// BufferDelete removes entries from a conversation's buffer; those that are
// not there any more do not count.
type BufferDelete struct {
	User         UserID
	Conversation ConversationID
	IDs          []InteractionID
	At           time.Time
	Event        Event // recorded when at least one was removed; count added as "interactions"
}

// BufferPlace is a conversation that has something buffered.
type BufferPlace struct {
	Tenant       TenantID
	User         UserID
	Conversation ConversationID
}

// ExpiredPlace is a blob, or a conversation's buffer when Blob is empty, that
// holds something older than was asked for.
type ExpiredPlace struct {
	User         UserID
	Conversation ConversationID
	Blob         BlobID
}

// ChangeKind says how a user's memory changed.
type ChangeKind string

// The kinds of change.
const (
	ChangeAppended            ChangeKind = "appended"             // Conversation, First…Last came into the buffer
	ChangeSealed              ChangeKind = "sealed"               // Conversation, First…Last went into Blob (one change a blob)
	ChangeForgotten           ChangeKind = "forgotten"            // Interactions of Conversation are gone
	ChangeConversationDeleted ChangeKind = "conversation_deleted" // all of Conversation is gone
	ChangeCleared             ChangeKind = "cleared"              // all is gone
	ChangeFact                ChangeKind = "fact"                 // the fact in Blob was added, changed or deleted
)

// Change is one change of a user's memory. Version numbers a user's changes
// 1, 2, 3, … without gaps; the highest is the user's memory version.
type Change struct {
	Version      int64
	Kind         ChangeKind
	Conversation ConversationID
	Blob         BlobID
	First, Last  int64
	Interactions []InteractionID
}
