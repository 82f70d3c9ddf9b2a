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

	probe *probe // the query's vector; nil for none
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
// newest first. Without vectors, a text in which no word is known finds nothing,
// and so does one of stop words alone: that is no error. One that only names
// speakers finds what they said.
//
// It needs the scope memory:read. CodeNotFound when the user does not exist,
// otherwise the errors of the ports.
func (s *Service) Search(ctx context.Context, caller core.Caller, user core.UserID, q Query) ([]Item, error) {
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		return nil, err
	}
	items := []Item{}
	now := s.clock.Now()
	q.probe = s.vectors.probe(ctx, caller.Tenant, q.Text)
	limit := q.limit()
	q.Limit = s.rerank.wanted(limit)
	err := s.read(ctx, caller.Tenant, user, func(x *index) {
		items = x.search(q, factFilter{filter{
			since: q.Since, until: q.Until, conversation: q.Conversation, roles: q.Roles, metadata: q.Metadata,
			cutoff: caller.Settings.RetentionCutoff(now),
		}, now}, s.weights)
		s.vectors.want(owner{caller.Tenant, user}, x)
	})
	if err != nil {
		return nil, err
	}
	if s.rerank != nil { // what is forgotten while it is asked is not in the answer
		items = s.rerank.items(ctx, q.Text, items, q.Explain)
		if err := s.read(ctx, caller.Tenant, user, func(x *index) { items = x.stillThere(items) }); err != nil {
			return nil, err
		}
	}
	return items[:min(limit, len(items))], nil
}

// stillThere leaves out what is gone from the index.
func (x *index) stillThere(items []Item) []Item {
	facts := map[string]bool{}
	for i := range x.facts {
		facts[string(x.facts[i].Fact.ID)] = true
	}
	return slices.DeleteFunc(items, func(i Item) bool {
		if i.Type == TypeFact {
			return !facts[i.ID]
		}
		_, there := x.byID[core.InteractionID(i.ID)]
		return !there
	})
}

// limit is how many items are asked for.
func (q *Query) limit() int {
	if q.Limit <= 0 {
		return core.DefaultSearchLimit
	}
	return min(q.Limit, core.MaxSearchLimit)
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

func (x *index) search(q Query, f factFilter, w Weights) []Item {
	limit := q.limit()
	r := x.rank(q.Text, w)
	defer r.release()
	r.addVector(q.probe)
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

func (r *ranking) turnItems(limit int, f *turnFilter, explain bool) []Item {
	items := []Item{}
	for _, h := range r.best(limit, 0, f) {
		item := r.index.turns[h.slot].item()
		item.Score = h.score
		if explain {
			item.Breakdown = r.explain(h.slot)
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
