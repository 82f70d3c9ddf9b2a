package audit

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Read is what an answer held of a user's memory. Items are asked for only where
// reads are audited; nil for none.
type Read struct {
	Kind         string // "context", "search", "interactions", "blobs", "blob" or "export"
	User         core.UserID
	Conversation core.ConversationID // "" where the read is not of one
	Items        func() []ReadItem
}

// ReadItem is one thing that the answer held. Score is nil where nothing was
// ranked.
type ReadItem struct {
	ID    string
	Score *float64
}

func (r Read) items() []ReadItem {
	if r.Items == nil {
		return nil
	}
	return r.Items()
}

// Read records a read, where the operator or the tenant has reads audited: who read, and the ids and
// scores of what the answer holds, never its text. The answer must not be given
// when it fails.
func (s *Service) Read(ctx context.Context, caller core.Caller, r Read) error {
	if !s.opt.Reads && !caller.Settings.AuditReads {
		return nil
	}
	items := []any{}
	for _, i := range r.items() {
		item := map[string]any{"id": i.ID}
		if i.Score != nil {
			item["score"] = *i.Score
		}
		items = append(items, item)
	}
	data := core.EventData{"kind": r.Kind, "user_id": string(r.User), "items": items}
	if r.Conversation != "" {
		data["conversation_id"] = string(r.Conversation)
	}
	return s.Recorder.RecordEvents(ctx, caller.Tenant, core.Op{}, core.Event{
		ID: s.IDs.Event(), Type: core.EventMemoryRead, At: s.Clock.Now(),
		Tenant: caller.Tenant, Actor: caller.Actor(), Data: data,
	})
}
