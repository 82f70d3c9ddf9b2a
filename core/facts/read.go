package facts

import (
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// Query selects facts.
type Query struct {
	Superseded bool       // also those that do not hold now
	AsOf       *time.Time // those that held then; Superseded does not count
}

func (q Query) list(user core.UserID) string {
	list := "facts/" + string(user)
	if q.Superseded {
		list += "/superseded"
	}
	if q.AsOf != nil {
		list += "/" + q.AsOf.UTC().Format(time.RFC3339Nano)
	}
	return list
}

func (q Query) selects(f core.Fact, now time.Time) bool {
	switch {
	case q.AsOf != nil:
		return Holds(f, *q.AsOf)
	case q.Superseded:
		return true
	}
	return Holds(f, now)
}

// Holds reports whether a fact holds at a time.
func Holds(f core.Fact, at time.Time) bool {
	return !at.Before(f.ValidFrom) && (f.ValidTo == nil || at.Before(*f.ValidTo))
}

// List pages through the user's facts by arrival. It needs memory:read.
func (s *Service) List(ctx context.Context, caller core.Caller, user core.UserID, q Query, cursor string, limit int) (core.List[core.Fact], error) {
	out := core.List[core.Fact]{Items: []core.Fact{}}
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		return out, err
	}
	after, err := s.Cursors.Decode(caller.Tenant, q.list(user), cursor)
	if err != nil {
		return out, err
	}
	now := s.Clock.Now()
	var positions []int64
	for len(out.Items) <= limit {
		records, err := s.Store.Facts(ctx, caller.Tenant, user, core.Page{After: after, Limit: limit + 1})
		if err != nil || len(records) == 0 {
			return out, err
		}
		for _, r := range records {
			h, err := s.open(ctx, caller.Tenant, r)
			if err != nil {
				return core.List[core.Fact]{}, err
			}
			if s.live(caller, r) && q.selects(h.Fact, now) {
				out.Items, positions = append(out.Items, h.Fact), append(positions, r.Position)
			}
		}
		after = records[len(records)-1].Position
	}
	out.Items = out.Items[:limit]
	out.Next = s.Cursors.Encode(caller.Tenant, q.list(user), positions[limit-1])
	return out, nil
}

// Facts returns all that hold now, by arrival, for an index or a context.
func (s *Service) Facts(ctx context.Context, caller core.Caller, user core.UserID) ([]core.Fact, error) {
	all, err := s.load(ctx, caller.Tenant, user)
	if err != nil {
		return nil, err
	}
	var list []core.Fact
	now := s.Clock.Now()
	for _, h := range all {
		if s.live(caller, h.record) && (Query{}).selects(h.Fact, now) {
			list = append(list, h.Fact)
		}
	}
	return list, nil
}

// Known returns all that have not ended, by arrival, for an index: who asks it
// looks at the times itself, and some begin later.
func (s *Service) Known(ctx context.Context, tenant core.TenantID, user core.UserID) ([]core.KnownFact, error) {
	all, err := s.load(ctx, tenant, user)
	if err != nil {
		return nil, err
	}
	var list []core.KnownFact
	now := s.Clock.Now()
	for _, h := range all {
		if h.running(now) {
			list = append(list, core.KnownFact{Fact: h.Fact, TakenAt: h.record.LastTakenAt})
		}
	}
	return list, nil
}

// live reports whether a fact has not expired: the latest interaction that it
// rests on counts.
func (s *Service) live(caller core.Caller, r core.BlobRecord) bool {
	return r.LastTakenAt.After(caller.Settings.RetentionCutoff(s.Clock.Now()))
}

// Fact returns one of the user's.
func (s *Service) Fact(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID) (core.Fact, error) {
	h, err := s.find(ctx, caller, user, id)
	return h.Fact, err
}

// find returns one of the user's.
func (s *Service) find(ctx context.Context, caller core.Caller, user core.UserID, id core.FactID) (held, error) {
	if !id.Valid() {
		return held{}, core.NotFound()
	}
	all, err := s.load(ctx, caller.Tenant, user)
	if err != nil {
		return held{}, err
	}
	at := s.at(caller, all, id)
	if at < 0 {
		return held{}, core.NotFound()
	}
	return all[at], nil
}

// at is where a fact that has not expired is among others; -1 for nowhere.
func (s *Service) at(caller core.Caller, all []held, id core.FactID) int {
	return slices.IndexFunc(all, func(h held) bool { return h.ID == id && s.live(caller, h.record) })
}
