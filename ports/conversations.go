package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Conversations keeps the conversations of users.
type Conversations interface {
	// CreateConversation adds one; Record.User says whose. CodeNotFound when
	// the user does not exist; then as Users.CreateUser, with the quota
	// "max_conversations_per_user", which counts open and closed ones.
	CreateConversation(ctx context.Context, tenant core.TenantID, op core.Op, c core.NewConversation) (core.ConversationRecord, error)

	// Conversation returns one of the user's.
	Conversation(ctx context.Context, tenant core.TenantID, user core.UserID, id core.ConversationID) (core.ConversationRecord, error)

	// ConversationByRef returns the user's with that RefKey; "" finds none.
	ConversationByRef(ctx context.Context, tenant core.TenantID, user core.UserID, refKey string) (core.ConversationRecord, error)

	// Conversations lists the user's by Position; CodeNotFound when the user
	// does not exist.
	Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error)

	// UpdateConversation replaces the sealed part, may close, and records the event;
	// CodeVersionConflict when the version is not IfVersion any more.
	UpdateConversation(ctx context.Context, tenant core.TenantID, op core.Op, u core.ConversationUpdate) (core.ConversationRecord, error)

	// DeleteConversation removes it with its buffer and blobs and records one
	// ChangeConversationDeleted. The event gets the counts "interactions" and
	// "blobs".
	DeleteConversation(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, id core.ConversationID, event core.Event) error
}
