package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Users keeps a tenant's users.
type Users interface {
	// CreateUser adds a user. In this order: CodeExternalRefTaken (with
	// ExistingID) when a user of the tenant has the RefKey; CodeQuotaExhausted
	// (name "max_users") when the tenant's settings leave no room, and then the
	// Exhausted event is recorded unless one was since there was last room.
	CreateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.NewUser) (core.UserRecord, error)

	// User returns one.
	User(ctx context.Context, tenant core.TenantID, id core.UserID) (core.UserRecord, error)

	// UserByRef returns the one with that RefKey; "" finds none.
	UserByRef(ctx context.Context, tenant core.TenantID, refKey string) (core.UserRecord, error)

	// Users lists users by Position.
	Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error)

	// UpdateUser replaces the sealed part and records the event;
	// CodeVersionConflict when the version is not IfVersion any more.
	UpdateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.UserUpdate) (core.UserRecord, error)

	// DeleteUser removes the user with every conversation, buffer, blob and
	// change of it, and makes room in the quota. The event gets the counts
	// "conversations", "interactions" and "blobs".
	DeleteUser(ctx context.Context, tenant core.TenantID, op core.Op, id core.UserID, event core.Event) error
}
