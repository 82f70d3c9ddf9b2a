package mcp

import (
	"context"
	"strings"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

// user finds a user by id or as ext:{external_ref}.
func (c *call) user(ctx context.Context, name string) (core.UserID, error) {
	return c.Tenancy.ResolveUser(ctx, c.caller, name)
}

func (c *call) conversation(ctx context.Context, user core.UserID, name string) (core.ConversationID, error) {
	return c.Tenancy.ResolveConversation(ctx, c.caller, user, name)
}

// ensureUser finds a user, or makes the one that ext: names.
func (c *call) ensureUser(ctx context.Context, name string) (core.UserID, error) {
	id, err := c.user(ctx, name)
	ref, external := strings.CutPrefix(name, "ext:")
	if !external || !core.Is(err, core.CodeNotFound) {
		return id, err
	}
	if msg := core.CheckExternalRef(ref); msg != "" {
		return "", core.Invalid("user", msg, nil)
	}
	if err := c.caller.Require(core.ScopeUsersWrite); err != nil {
		return "", err
	}
	u, _, err := c.Tenancy.EnsureUser(ctx, c.caller, tenancy.NewUser{ExternalRef: &ref})
	return u.ID, err
}

// ensureConversation finds a conversation, or makes the one that ext: names. Of
// two who make it at once, one finds the other's.
func (c *call) ensureConversation(ctx context.Context, user core.UserID, name string) (core.ConversationID, error) {
	id, err := c.conversation(ctx, user, name)
	ref, external := strings.CutPrefix(name, "ext:")
	if !external || !core.Is(err, core.CodeNotFound) {
		return id, err
	}
	if msg := core.CheckExternalRef(ref); msg != "" {
		return "", core.Invalid("conversation", msg, nil)
	}
	if err := c.caller.Require(core.ScopeConversationsWrite); err != nil {
		return "", err
	}
	made, err := c.Tenancy.CreateConversation(ctx, c.caller, core.Op{}, user, tenancy.NewConversation{ExternalRef: &ref})
	if core.Is(err, core.CodeExternalRefTaken) {
		return c.conversation(ctx, user, name)
	}
	return made.ID, err
}
