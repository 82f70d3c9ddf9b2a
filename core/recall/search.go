package recall

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// TypeInteraction is the Type of an item that is an interaction.
const TypeInteraction = "interaction"

// Query asks for the interactions that fit a text best. All its conditions
// hold for every item that comes back.
type Query struct {
	Text         string
	Limit        int        // at most core.MaxSearchLimit; core.DefaultSearchLimit for 0 and less
	Since        *time.Time // by OccurredAt, inclusive
	Until        *time.Time // by OccurredAt, exclusive
	Conversation core.ConversationID
	Roles        []core.Role // any of them; none for all
	Types        []string    // any of them; none for all
	Metadata     core.Metadata
	Explain      bool // fill Breakdown
}

// Item is something that was recalled. Blob is "" while it is buffered. Of a
// fact, Name is who it is about, OccurredAt since when it holds, and
// Conversation that of its latest source, "" for none. Score
// compares items of one answer only; the better the higher, 0 for what was not
// ranked.
type Item struct {
	Type         string
	ID           string // of the interaction or the fact
	Text         string
	Role         core.Role
	Name         string
	Conversation core.ConversationID
	Blob         core.BlobID
	OccurredAt   time.Time
	Score        float64
	Breakdown    map[string]float64
}

// Search returns the interactions that fit best, best first; of equals, the
// newest first. A text in which no word is known finds nothing, and so does
// one of stop words alone: that is no error. One that only names speakers finds
// what they said.
//
// It needs the scope memory:read. CodeNotFound when the user does not exist,
// otherwise the errors of the ports.
func (s *Service) Search(ctx context.Context, caller core.Caller, user core.UserID, q Query) ([]Item, error) {
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		return nil, err
	}
	items := []Item{}
	now := s.clock.Now()
	err := s.read(ctx, caller.Tenant, user, func(x *index) {
		items = x.search(q, factFilter{filter{
			since: q.Since, until: q.Until, conversation: q.Conversation, roles: q.Roles, metadata: q.Metadata,
			cutoff: caller.Settings.RetentionCutoff(now),
		}, now})
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Locate returns the conversation that an interaction of the user's is in. It
// needs the scope memory:read. CodeNotFound.
func (s *Service) Locate(ctx context.Context, caller core.Caller, user core.UserID, id core.InteractionID) (in core.ConversationID, err error) {
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		return "", err
	}
	err = s.read(ctx, caller.Tenant, user, func(x *index) {
		if slot, ok := x.byID[id]; ok {
			in = x.turns[slot].conversation.id
		}
	})
	if err == nil && in == "" {
		err = core.NotFound()
	}
	return in, err
}

func (x *index) search(q Query, f factFilter) []Item {
	limit := q.Limit
	if limit <= 0 {
		limit = core.DefaultSearchLimit
	}
	limit = min(limit, core.MaxSearchLimit)
	r := x.rank(q.Text)
	defer r.release()
	items := []Item{}
	if q.takes(TypeInteraction) {
		items = r.turnItems(limit, f.compile(), q.Explain)
	}
	if q.takes(TypeFact) {
		items = append(items, r.factItems(f, q.Explain)...)
		slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(b.Score, a.Score) })
	}
	return items[:min(limit, len(items))]
}

func (q Query) takes(kind string) bool { return len(q.Types) == 0 || slices.Contains(q.Types, kind) }

func (r *ranking) turnItems(limit int, pass func(*turn) bool, explain bool) []Item {
	items := []Item{}
	for _, slot := range r.best(limit, pass) {
		item := r.index.turns[slot].item()
		item.Score = r.score[slot]
		if explain {
			item.Breakdown = r.explain(slot)
		}
		items = append(items, item)
	}
	return items
}

// factItems gives the facts that fit at all, best first.
func (r *ranking) factItems(f factFilter, explain bool) []Item {
	var items []Item
	for _, s := range r.scoreFacts(f) {
		if s.score <= 0 {
			break
		}
		item := s.item()
		if explain {
			speaker := r.factSpeaker(s.known)
			item.Breakdown = map[string]float64{"bm25": s.score / speaker, "speaker": speaker}
		}
		items = append(items, item)
	}
	return items
}

func (t *turn) item() Item {
	return Item{
		Type: TypeInteraction, ID: string(t.id), Text: t.content, Role: t.role.Value(), Name: t.name.Value(),
		Conversation: t.conversation.id, Blob: t.blob.Value(), OccurredAt: time.UnixMilli(t.occurredAt).UTC(),
	}
}

// best returns the slots of the turns that pass with the highest scores above
// 0, best first, at most limit.
func (r *ranking) best(limit int, pass func(*turn) bool) []int32 {
	top := make([]int32, 0, limit+1)
	for slot := range r.score {
		at := int32(slot)
		if r.score[slot] <= 0 || len(top) == limit && r.compare(at, top[limit-1]) > 0 || !pass(&r.index.turns[slot]) {
			continue
		}
		place, _ := slices.BinarySearchFunc(top, at, r.compare)
		top = slices.Insert(top, place, at)
		top = top[:min(len(top), limit)]
	}
	return top
}

// compare puts the better turn first: by score, then the newest, then by id.
func (r *ranking) compare(a, b int32) int {
	if r.score[a] != r.score[b] {
		return cmp.Compare(r.score[b], r.score[a])
	}
	t, u := &r.index.turns[a], &r.index.turns[b]
	return cmp.Or(cmp.Compare(u.occurredAt, t.occurredAt), cmp.Compare(u.id, t.id))
}
