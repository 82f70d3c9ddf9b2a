package memory

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// facts are what is known of users, which rests on what they said.
type facts interface {
	Fact(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID) (core.Fact, error)
	Delete(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID) error
	Unlearn(ctx context.Context, caller core.Caller, user core.UserID, gone func(core.FactSource) bool) error
	Expire(ctx context.Context, caller core.Caller, user core.UserID, cutoff time.Time) error
}

// Missing lists those of a conversation's interactions, given by number, that
// are not stored any more.
func (s *Service) Missing(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, list []core.Interaction) ([]core.InteractionID, error) {
	if len(list) == 0 {
		return nil, nil
	}
	first, last := list[0].Number, list[len(list)-1].Number
	w := core.Window{After: first - 1, Limit: int(last-first) + 1}
	stored, err := s.Store.Stretch(ctx, tenant, user, conversation, w)
	if err != nil && !core.Is(err, core.CodeNotFound) {
		return nil, err
	}
	there := map[core.InteractionID]bool{}
	for _, b := range stored.Blobs {
		for _, id := range b.Interactions {
			there[id] = true
		}
	}
	for _, e := range stored.Buffered {
		there[e.ID] = true
	}
	var missing []core.InteractionID
	for _, in := range list {
		if !there[in.ID] {
			missing = append(missing, in.ID)
		}
	}
	return missing, nil
}
