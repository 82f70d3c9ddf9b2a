package recall

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// How much is read in one step.
const (
	bufferPage  = 500
	blobPage    = 50
	changesPage = 1000
	stretchPage = 500
)

// store reads what the indexes are made of.
type store struct {
	memories ports.Memories
	changes  ports.Changes
	opener   opener
	analyser analyser
	facts    factReader // nil: there are none
}

// build makes the owner's index from all that is stored. It shows the version,
// which was read before, and perhaps some of what came after; following the
// changes from there is safe.
func (s store) build(ctx context.Context, o owner, version int64) (*index, error) {
	var all []core.Interaction
	take := func(in core.Interaction) { all = append(all, in) }
	if err := s.readBuffer(ctx, o, take); err != nil {
		return nil, err
	}
	if err := s.readBlobs(ctx, o, take); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b core.Interaction) int { // for inserting in the middle is slow
		return cmp.Or(cmp.Compare(a.Conversation, b.Conversation), cmp.Compare(a.Number, b.Number))
	})
	x := newIndex(s.analyser, version)
	for i := range all {
		x.add(s.analyser.prepare(all[i]))
		all[i] = core.Interaction{}
	}
	facts, err := s.readFacts(ctx, o)
	if err != nil {
		return nil, err
	}
	x.setFacts(facts)
	return x, nil
}

func (s store) readBuffer(ctx context.Context, o owner, take func(core.Interaction)) error {
	page := core.Page{Limit: bufferPage}
	for {
		entries, err := s.memories.UserBuffer(ctx, o.tenant, o.user, page)
		if err != nil {
			return err
		}
		for i := range entries {
			in, err := s.openEntry(ctx, o, &entries[i])
			if err != nil {
				return err
			}
			take(in)
			page.After = entries[i].Position
		}
		if len(entries) < page.Limit {
			return nil
		}
	}
}

func (s store) readBlobs(ctx context.Context, o owner, take func(core.Interaction)) error {
	page := core.Page{Limit: blobPage}
	for {
		blobs, err := s.memories.Blobs(ctx, o.tenant, o.user, page, true)
		if err != nil {
			return err
		}
		for i := range blobs {
			page.After = blobs[i].Position
			list, err := s.openBlob(ctx, o, &blobs[i])
			if err != nil {
				return err
			}
			for _, in := range list {
				take(in)
			}
		}
		if len(blobs) < page.Limit {
			return nil
		}
	}
}

// difference is what an index lacks.
type difference struct {
	version      int64
	changes      []core.Change
	added        []prepared
	facts        []known // all there are, where factsChanged
	factsChanged bool
}

// difference reads the next changes after a version and what they added. The
// additions are read after the changes, so what one of them forgot is not
// among them. ok is false when the store does not keep the changes any more.
func (s store) difference(ctx context.Context, o owner, after int64) (d difference, ok bool, err error) {
	d.changes, ok, err = s.changes.Changes(ctx, o.tenant, o.user, after, changesPage)
	if err != nil || !ok || len(d.changes) == 0 {
		return d, false, err
	}
	d.version = d.changes[len(d.changes)-1].Version
	added := map[core.ConversationID]core.Change{}
	for _, c := range d.changes {
		d.factsChanged = d.factsChanged || c.Kind == core.ChangeFact || c.Kind == core.ChangeCleared
		if c.Kind != core.ChangeAppended {
			continue
		}
		if earlier, ok := added[c.Conversation]; ok {
			c.First, c.Last = min(c.First, earlier.First), max(c.Last, earlier.Last)
		}
		added[c.Conversation] = c
	}
	for _, c := range added {
		err := s.readStretch(ctx, o, c, func(in core.Interaction) { d.added = append(d.added, s.analyser.prepare(in)) })
		if err != nil {
			return d, false, err
		}
	}
	if d.factsChanged {
		d.facts, err = s.readFacts(ctx, o)
	}
	return d, err == nil, err
}

// readStretch reads a conversation's interactions from First to Last, and
// perhaps some after. What is gone by now is passed over: a later change says so.
func (s store) readStretch(ctx context.Context, o owner, c core.Change, take func(core.Interaction)) error {
	for after := c.First - 1; after < c.Last; {
		w := core.Window{After: after, Limit: int(min(c.Last-after, stretchPage))}
		list, err := s.stretch(ctx, o, c.Conversation, w)
		if core.Is(err, core.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		seen := 0
		next := after
		for _, in := range list {
			if in.Number > after { // a blob may begin before
				seen++
				next = max(next, in.Number)
				take(in)
			}
		}
		if seen < w.Limit {
			return nil
		}
		after = next
	}
	return nil
}

func (s store) stretch(ctx context.Context, o owner, id core.ConversationID, w core.Window) ([]core.Interaction, error) {
	stretch, err := s.memories.Stretch(ctx, o.tenant, o.user, id, w)
	if err != nil {
		return nil, err
	}
	var all []core.Interaction
	for i := range stretch.Blobs {
		list, err := s.openBlob(ctx, o, &stretch.Blobs[i])
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	for i := range stretch.Buffered {
		in, err := s.openEntry(ctx, o, &stretch.Buffered[i])
		if err != nil {
			return nil, err
		}
		all = append(all, in)
	}
	return all, nil
}

func (s store) openEntry(ctx context.Context, o owner, e *core.BufferEntry) (core.Interaction, error) {
	plain, err := s.opener.Open(ctx, core.InteractionPlace(o.tenant, o.user, e.Conversation, e.ID), e.Sealed)
	if err != nil {
		return core.Interaction{}, err
	}
	in, err := e.Interaction(plain)
	return in, internal(err)
}

// openBlob gives the interactions of an episodic blob; none of another kind.
func (s store) openBlob(ctx context.Context, o owner, b *core.BlobRecord) ([]core.Interaction, error) {
	if b.Kind != core.BlobEpisodic {
		return nil, nil
	}
	plain, err := s.opener.Open(ctx, core.BlobPlace(o.tenant, *b), b.Sealed)
	if err != nil {
		return nil, err
	}
	list, err := b.InteractionsOf(plain)
	return list, internal(err)
}

// internal is what an authenticated record that does not decode means.
func internal(err error) error {
	if err == nil || !errors.Is(err, core.ErrMalformed) {
		return err
	}
	return &core.Error{Code: core.CodeInternal, Message: "A stored record can't be read.", Cause: err}
}
