package mcp

import (
	"context"

	"github.com/raven-memory/raven/core"
)

type forgetIn struct {
	User         string `json:"user" jsonschema:"whose memory: an id, usr_…, or your own id as ext:ID"`
	Interaction  string `json:"interaction,omitempty" jsonschema:"the id of one message, int_…, as search gives it"`
	Fact         string `json:"fact,omitempty" jsonschema:"the id of one fact, fact_…"`
	Conversation string `json:"conversation,omitempty" jsonschema:"a whole conversation, with all its messages; beside interaction, where that message is"`
}

func (c *call) forget(ctx context.Context, in forgetIn) (string, error) {
	if err := c.caller.Require(core.ScopeMemoryWrite); err != nil {
		return "", err
	}
	user, err := c.user(ctx, in.User)
	if err != nil {
		return "", err
	}
	switch {
	case in.Fact != "" && in.Interaction == "" && in.Conversation == "":
		err = c.Facts.Delete(ctx, c.caller, user, core.FactID(in.Fact))
	case in.Interaction != "" && in.Fact == "":
		err = c.forgetInteraction(ctx, user, in)
	case in.Conversation != "" && in.Fact == "":
		err = c.forgetConversation(ctx, user, in.Conversation)
	default:
		err = core.Invalid("user", "name exactly one thing to forget: interaction, fact or conversation", nil)
	}
	if err != nil {
		return "", err
	}
	return "Forgotten.", nil
}

func (c *call) forgetConversation(ctx context.Context, user core.UserID, name string) error {
	if err := c.caller.Require(core.ScopeConversationsWrite); err != nil {
		return err
	}
	id, err := c.conversation(ctx, user, name)
	if err != nil {
		return err
	}
	return c.Tenancy.DeleteConversation(ctx, c.caller, user, id, 0)
}

func (c *call) forgetInteraction(ctx context.Context, user core.UserID, in forgetIn) error {
	id := core.InteractionID(in.Interaction)
	if !id.Valid() {
		return core.NotFound()
	}
	conversation, err := c.conversationOf(ctx, user, id, in.Conversation)
	if err != nil {
		return err
	}
	return c.Memory.DeleteInteraction(ctx, c.caller, user, conversation, id)
}

// conversationOf finds where an interaction is, unless it is named.
func (c *call) conversationOf(ctx context.Context, user core.UserID, id core.InteractionID, name string) (core.ConversationID, error) {
	if name != "" {
		return c.conversation(ctx, user, name)
	}
	return c.Recall.Locate(ctx, c.caller, user, id)
}
