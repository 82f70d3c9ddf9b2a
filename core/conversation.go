package core

import "time"

// ConversationStatus says whether a conversation takes interactions.
type ConversationStatus string

// The statuses there are.
const (
	ConversationOpen   ConversationStatus = "open"
	ConversationClosed ConversationStatus = "closed"
)

// Conversation is one conversation of a user.
type Conversation struct {
	ID               ConversationID
	User             UserID
	ExternalRef      *string
	Title            *string
	Metadata         Metadata
	Status           ConversationStatus
	InteractionCount int64 // what is stored of it now
	Version          int64
	CreatedAt        time.Time
	UpdatedAt        time.Time
	ClosedAt         *time.Time
}

// ConversationRecord is what a store keeps of a conversation. Reference, title
// and metadata are in Sealed.
type ConversationRecord struct {
	ID           ConversationID
	User         UserID
	RefKey       string // "" for none; unique among the user's
	Sealed       []byte
	Status       ConversationStatus
	Interactions int64 // stored now, sealed and buffered
	Buffered     int64 // those of them not in a blob
	NextNumber   int64 // the number that the next interaction gets; starts at 1
	Version      int64 // starts at 1, one more at each update of the sealed part or the status
	Position     int64 // the store's order of creation; set by the store
	CreatedAt    time.Time
	UpdatedAt    time.Time
	ClosedAt     *time.Time
}

// NewConversation is all that starting a conversation writes in one step.
type NewConversation struct {
	Record    ConversationRecord
	Event     Event // conversation.created
	Exhausted Event // quota.exhausted, as in NewUser
}

// ConversationUpdate replaces the sealed part, and closes the conversation
// when Close is set, if the version is still IfVersion. Closing a closed one
// changes nothing and records no event.
type ConversationUpdate struct {
	User      UserID
	ID        ConversationID
	Sealed    []byte
	Close     bool
	IfVersion int64
	At        time.Time
	Event     Event // recorded when this changes anything
}
