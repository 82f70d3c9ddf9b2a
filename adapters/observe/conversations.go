package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type conversations struct {
	next ports.Conversations
	hooks
}

func (o conversations) CreateConversation(ctx context.Context, tenant core.TenantID, op core.Op, c core.NewConversation) (core.ConversationRecord, error) {
	return get(ctx, o.hooks, Call{"Conversations", "CreateConversation"}, func(ctx context.Context) (core.ConversationRecord, error) {
		return o.next.CreateConversation(ctx, tenant, op, c)
	})
}

func (o conversations) Conversation(ctx context.Context, tenant core.TenantID, user core.UserID, id core.ConversationID) (core.ConversationRecord, error) {
	return get(ctx, o.hooks, Call{"Conversations", "Conversation"}, func(ctx context.Context) (core.ConversationRecord, error) {
		return o.next.Conversation(ctx, tenant, user, id)
	})
}

func (o conversations) ConversationByRef(ctx context.Context, tenant core.TenantID, user core.UserID, refKey string) (core.ConversationRecord, error) {
	return get(ctx, o.hooks, Call{"Conversations", "ConversationByRef"}, func(ctx context.Context) (core.ConversationRecord, error) {
		return o.next.ConversationByRef(ctx, tenant, user, refKey)
	})
}

func (o conversations) Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error) {
	return get(ctx, o.hooks, Call{"Conversations", "Conversations"}, func(ctx context.Context) ([]core.ConversationRecord, error) {
		return o.next.Conversations(ctx, tenant, user, page)
	})
}

func (o conversations) UpdateConversation(ctx context.Context, tenant core.TenantID, op core.Op, u core.ConversationUpdate) (core.ConversationRecord, error) {
	return get(ctx, o.hooks, Call{"Conversations", "UpdateConversation"}, func(ctx context.Context) (core.ConversationRecord, error) {
		return o.next.UpdateConversation(ctx, tenant, op, u)
	})
}

func (o conversations) DeleteConversation(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, id core.ConversationID, event core.Event) error {
	return do(ctx, o.hooks, Call{"Conversations", "DeleteConversation"}, func(ctx context.Context) error {
		return o.next.DeleteConversation(ctx, tenant, op, user, id, event)
	})
}
