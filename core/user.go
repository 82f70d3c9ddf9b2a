package core

import "time"

// User is an end-user of a tenant.
type User struct {
	ID          UserID
	ExternalRef *string
	DisplayName *string
	Metadata    Metadata
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// UserRecord is what a store keeps of a user. Reference, name and metadata are
// in Sealed.
type UserRecord struct {
	ID        UserID
	RefKey    string // what the store finds the reference by; "" for none
	Sealed    []byte
	Version   int64 // starts at 1, one more at each change
	Position  int64 // the store's order of creation within the tenant; set by the store
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NewUser is all that creating a user writes in one step.
type NewUser struct {
	Record UserRecord
	Event  Event // user.created
	// Exhausted is recorded instead when the tenant's max_users is reached and
	// no such event was recorded since there was last room.
	Exhausted Event // quota.exhausted
}

// UserUpdate replaces the sealed part if the version is still IfVersion.
type UserUpdate struct {
	ID        UserID
	Sealed    []byte
	IfVersion int64
	At        time.Time
	Event     Event
}

// Page asks for a part of a list, in the store's order of creation.
type Page struct {
	After int64 // Position of the last item seen; 0 to start
	Limit int   // at least 1
}

// List is a page of a list; Next is the cursor of the page after it, "" for the last.
type List[T any] struct {
	Items []T
	Next  string
}
