package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// List pages through a conversation's interactions by number, sealed and
// buffered alike, none twice.
func (s *Service) List(ctx context.Context, caller core.Caller, user core.UserID, conversation core.ConversationID, cursor string, limit int, desc bool) (core.List[core.Interaction], error) {
	list := "memory/" + string(user) + "/" + string(conversation) + "/asc"
	if desc {
		list = "memory/" + string(user) + "/" + string(conversation) + "/desc"
	}
	after, err := s.Cursors.Decode(caller.Tenant, list, cursor)
	if err != nil {
		return core.List[core.Interaction]{}, err
	}
	items := []core.Interaction{}
	for len(items) <= limit { // one more than asked for shows that there is a next page
		w := core.Window{After: after, Desc: desc, Limit: limit + 1 - len(items)}
		read, err := s.stretch(ctx, caller.Tenant, user, conversation, w)
		if err != nil {
			return core.List[core.Interaction]{}, err
		}
		if len(read) == 0 {
			return core.List[core.Interaction]{Items: items}, nil
		}
		items = append(items, s.live(caller, read)...)
		after = read[len(read)-1].Number
	}
	items = items[:limit]
	return core.List[core.Interaction]{Items: items, Next: s.Cursors.Encode(caller.Tenant, list, items[limit-1].Number)}, nil
}

// stretch reads and opens the interactions of a window, in its order.
func (s *Service) stretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, w core.Window) ([]core.Interaction, error) {
	stored, err := s.Store.Stretch(ctx, tenant, user, conversation, w)
	if err != nil {
		return nil, err
	}
	var list []core.Interaction
	for _, b := range stored.Blobs {
		opened, err := s.openBlob(ctx, tenant, b)
		if err != nil {
			return nil, err
		}
		list = append(list, opened...)
	}
	for _, e := range stored.Buffered {
		in, err := s.openEntry(ctx, tenant, user, e)
		if err != nil {
			return nil, err
		}
		list = append(list, in)
	}
	list = slices.DeleteFunc(list, func(in core.Interaction) bool { return !w.Holds(in.Number) })
	slices.SortFunc(list, func(a, b core.Interaction) int {
		if w.Desc {
			a, b = b, a
		}
		return cmp.Compare(a.Number, b.Number)
	})
	return list, nil
}

// Blob is a blob as callers see it. Interactions is nil in lists.
type Blob struct {
	core.BlobRecord
	ExpiresAt *time.Time // when the last of it expires; nil for never
	Content   []core.Interaction
	Fact      *core.Fact // of a semantic blob, instead
}

// Blobs pages through the headers of a user's blobs by arrival.
func (s *Service) Blobs(ctx context.Context, caller core.Caller, user core.UserID, cursor string, limit int) (core.List[Blob], error) {
	list := "blobs/" + string(user)
	after, err := s.Cursors.Decode(caller.Tenant, list, cursor)
	if err != nil {
		return core.List[Blob]{}, err
	}
	cutoff := caller.Settings.RetentionCutoff(s.Clock.Now())
	items := []Blob{}
	for len(items) <= limit {
		records, err := s.Store.Blobs(ctx, caller.Tenant, user, core.Page{After: after, Limit: limit + 1}, false)
		if err != nil {
			return core.List[Blob]{}, err
		}
		if len(records) == 0 {
			return core.List[Blob]{Items: items}, nil
		}
		for _, r := range records {
			if r.LastTakenAt.After(cutoff) {
				items = append(items, header(caller, r))
			}
		}
		after = records[len(records)-1].Position
	}
	items = items[:limit]
	return core.List[Blob]{Items: items, Next: s.Cursors.Encode(caller.Tenant, list, items[limit-1].Position)}, nil
}

// Blob returns one with its interactions, those that have not expired.
func (s *Service) Blob(ctx context.Context, caller core.Caller, user core.UserID, id core.BlobID) (Blob, error) {
	r, err := s.Store.Blob(ctx, caller.Tenant, user, id)
	if err != nil {
		return Blob{}, err
	}
	if r.Kind == core.BlobSemantic {
		f, err := s.Facts.Fact(ctx, caller, user, core.BlobFact(id))
		b := header(caller, r)
		b.Fact = &f
		return b, err
	}
	opened, err := s.openBlob(ctx, caller.Tenant, r)
	if err != nil {
		return Blob{}, err
	}
	b := header(caller, r)
	if b.Content = s.live(caller, opened); len(b.Content) == 0 {
		return Blob{}, core.NotFound()
	}
	return b, nil
}

func header(caller core.Caller, r core.BlobRecord) Blob {
	b := Blob{BlobRecord: r}
	if keep := caller.Settings.Retention(); keep > 0 {
		at := r.LastTakenAt.Add(keep)
		b.ExpiresAt = &at
	}
	return b
}
