package mcp

import (
	"context"
	"fmt"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/memory"
)

type rememberIn struct {
	User         string        `json:"user" jsonschema:"whose memory: an id, usr_…, or your own id as ext:ID"`
	Conversation string        `json:"conversation" jsonschema:"the conversation: an id, cnv_…, or your own id as ext:ID"`
	Text         string        `json:"text,omitempty" jsonschema:"one message that the person said; instead of interactions"`
	Interactions []interaction `json:"interactions,omitempty" jsonschema:"messages in their order, at most 256; instead of text"`
}

type interaction struct {
	Role       string  `json:"role" jsonschema:"who speaks: user, assistant, system or tool"`
	Content    string  `json:"content" jsonschema:"what was said"`
	Name       *string `json:"name,omitempty" jsonschema:"the speaker's name, where there are several"`
	OccurredAt *string `json:"occurred_at,omitempty" jsonschema:"when, as RFC 3339; left out for now"`
}

func (c *call) remember(ctx context.Context, in rememberIn) (string, error) {
	if err := c.caller.Require(core.ScopeMemoryWrite); err != nil {
		return "", err
	}
	list, err := in.list()
	if err != nil {
		return "", err
	}
	user, err := c.ensureUser(ctx, in.User)
	if err != nil {
		return "", err
	}
	conversation, err := c.ensureConversation(ctx, user, in.Conversation)
	if err != nil {
		return "", err
	}
	done, err := c.Memory.Ingest(ctx, c.caller, core.Op{}, user, conversation, list)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("Remembered %d in conversation %s of user %s:", len(done.IDs), conversation, user)
	for _, id := range done.IDs {
		text += " " + string(id)
	}
	return text, nil
}

func (in rememberIn) list() ([]memory.NewInteraction, error) {
	if (in.Text == "") == (len(in.Interactions) == 0) {
		return nil, core.Invalid("interactions", "give either text or interactions", nil)
	}
	if in.Text != "" {
		return []memory.NewInteraction{{Role: string(core.RoleUser), Content: in.Text}}, nil
	}
	list := make([]memory.NewInteraction, 0, len(in.Interactions))
	for i, n := range in.Interactions {
		one := memory.NewInteraction{Role: n.Role, Content: n.Content, Name: n.Name}
		if n.OccurredAt != nil {
			at, err := core.ParseTime(*n.OccurredAt)
			if err != nil {
				return nil, core.Invalid(fmt.Sprintf("interactions[%d].occurred_at", i), err.Error(), nil)
			}
			one.OccurredAt = &at
		}
		list = append(list, one)
	}
	return list, nil
}
