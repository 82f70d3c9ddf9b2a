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
	headerPage  = 1000
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
	segments *segments  // nil: none are kept
}

// run is some of a conversation's interactions, in order: as read, or packed in
// a segment.
type run struct {
	conversation core.ConversationID
	first        int64
	turns        int
	list         []core.Interaction
	blob         core.BlobID
	packed       packed
}

// build makes the owner's index from all that is stored. It shows the version,
// which was read before, and perhaps some of what came after; following the
// changes from there is safe.
func (s store) build(ctx context.Context, o owner, version int64) (*index, error) {
	x := newIndex(s.analyser, version)
	runs, err := s.readBuffer(ctx, o)
	if err != nil {
		return nil, err
	}
	blobs, err := s.readBlobs(ctx, o, x)
	if err != nil {
		return nil, err
	}
	runs = append(runs, blobs...)
	slices.SortStableFunc(runs, func(a, b run) int { // for inserting in the middle is slow
		return cmp.Or(cmp.Compare(a.conversation, b.conversation), cmp.Compare(a.first, b.first))
	})
	for _, id := range s.addRuns(x, runs) {
		if err := s.addBlob(ctx, o, x, id); err != nil {
			return nil, err
		}
	}
	facts, err := s.readFacts(ctx, o)
	if err != nil {
		return nil, err
	}
	x.setFacts(facts)
	return x, nil
}

// addBlob adds what a blob holds, if it is still there.
func (s store) addBlob(ctx context.Context, o owner, x *index, id core.BlobID) error {
	b, err := s.memories.Blob(ctx, o.tenant, o.user, id)
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := s.openBlob(ctx, o, &b)
	for _, in := range list {
		x.add(s.analyser.prepare(in))
	}
	return err
}

// readBuffer gives a run for each conversation that has something buffered.
func (s store) readBuffer(ctx context.Context, o owner) ([]run, error) {
	var runs []run
	of := map[core.ConversationID]int{}
	page := core.Page{Limit: bufferPage}
	for {
		entries, err := s.memories.UserBuffer(ctx, o.tenant, o.user, page)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			in, err := s.openEntry(ctx, o, &entries[i])
			if err != nil {
				return nil, err
			}
			at, ok := of[in.Conversation]
			if !ok {
				at = len(runs)
				of[in.Conversation] = at
				runs = append(runs, run{conversation: in.Conversation, first: in.Number})
			}
			runs[at].list = append(runs[at].list, in)
			runs[at].turns++
			page.After = entries[i].Position
		}
		if len(entries) < page.Limit {
			return runs, nil
		}
	}
}

// readBlobs gives a run for each blob, out of a segment where one holds it. It
// notes in x what segments there are to write or to replace.
func (s store) readBlobs(ctx context.Context, o owner, x *index) ([]run, error) {
	held, stale, err := s.openSegments(ctx, o)
	if err != nil {
		return nil, err
	}
	x.stale = stale
	if len(held) == 0 {
		return s.readLoose(ctx, o, x, 0, everyBlob)
	}
	headers, err := s.headers(ctx, o)
	if err != nil {
		return nil, err
	}
	var runs []run
	var missing []span
	for i := range headers {
		h := &headers[i]
		p, ok := held[h.ID]
		if h.Kind != core.BlobEpisodic {
			continue
		}
		if ok && p.contents == contentsOf(h.Interactions) {
			runs = append(runs, run{
				conversation: p.conversation, first: firstNumber(h), turns: len(h.Numbers), blob: h.ID, packed: p,
			})
		} else {
			missing = extend(missing, i, h)
		}
	}
	for _, m := range missing {
		read, err := s.readLoose(ctx, o, x, m.from-1, m.blobs)
		if err != nil {
			return nil, err
		}
		runs = append(runs, read...)
	}
	return runs, nil
}

// everyBlob is no bound of how many blobs to read.
const everyBlob = -1

// span is blobs that follow one another.
type span struct {
	from      int64 // the position of the first
	blobs     int
	lastIndex int
}

// extend adds the i-th of a list of blobs to the last span if it follows on it.
func extend(spans []span, i int, h *core.BlobRecord) []span {
	if n := len(spans); n > 0 && spans[n-1].lastIndex == i-1 {
		spans[n-1].blobs++
		spans[n-1].lastIndex = i
		return spans
	}
	return append(spans, span{from: h.Position, blobs: 1, lastIndex: i})
}

func firstNumber(b *core.BlobRecord) int64 {
	if len(b.Numbers) == 0 {
		return 0
	}
	return b.Numbers[0]
}

// readLoose reads blobs after a position, so many or everyBlob.
func (s store) readLoose(ctx context.Context, o owner, x *index, after int64, most int) ([]run, error) {
	var runs []run
	err := s.eachBlob(ctx, o, after, most, func(b *core.BlobRecord) error {
		list, err := s.openBlob(ctx, o, b)
		if err == nil && len(list) > 0 {
			x.loose += int64(len(list))
			runs = append(runs, run{conversation: b.Conversation, first: list[0].Number, turns: len(list), list: list})
		}
		return err
	})
	return runs, err
}

func (s store) eachBlob(ctx context.Context, o owner, after int64, most int, use func(*core.BlobRecord) error) error {
	page := core.Page{After: after}
	for most != 0 {
		page.Limit = blobPage
		if most != everyBlob {
			page.Limit = min(blobPage, most)
		}
		blobs, err := s.memories.Blobs(ctx, o.tenant, o.user, page, true)
		if err != nil {
			return err
		}
		for i := range blobs {
			page.After = blobs[i].Position
			if err := use(&blobs[i]); err != nil {
				return err
			}
		}
		if len(blobs) < page.Limit {
			return nil
		}
		if most != everyBlob {
			most -= len(blobs)
		}
	}
	return nil
}

// headers lists the user's blobs, without what is in them.
func (s store) headers(ctx context.Context, o owner) ([]core.BlobRecord, error) {
	var all []core.BlobRecord
	page := core.Page{Limit: headerPage}
	for {
		blobs, err := s.memories.Blobs(ctx, o.tenant, o.user, page, false)
		if err != nil {
			return nil, err
		}
		all = append(all, blobs...)
		if len(blobs) < page.Limit {
			return all, nil
		}
		page.After = blobs[len(blobs)-1].Position
	}
}

// difference is what an index lacks.
type difference struct {
	version      int64
	changes      []core.Change
	added        []prepared
	sealed       int64   // how many interactions went into blobs
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
		if c.Kind == core.ChangeSealed {
			d.sealed += c.Last - c.First + 1
		}
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
