package recall

import (
	"cmp"
	"context"
	"slices"

	"github.com/raven-memory/raven/core"
)

// EmbedStretch computes and keeps the vectors of a conversation's interactions
// from first to last, both inclusive, as they are stored: what came in just now.
// It needs no index; where there is one, it gets them. Done twice it only costs
// twice; where it fails, what is done up to a number, inclusive, need not be done
// again. It fails as ports.Embedder and the store's ports do; what is gone by now
// is no failure.
func (s *Service) EmbedStretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, first, last int64) (done int64, err error) {
	if s.vectors == nil {
		return last, nil
	}
	o := owner{tenant, user}
	err = gone(retryConflict(func() error {
		until, err := s.embedStretch(ctx, o, conversation, max(first, done+1), last)
		done = max(done, until)
		return err
	}))
	return done, err
}

// embedStretch gives the last number that is stored.
func (s *Service) embedStretch(ctx context.Context, o owner, conversation core.ConversationID, first, last int64) (done int64, err error) {
	version, err := s.store.changes.MemoryVersion(ctx, o.tenant, o.user)
	if err != nil {
		return 0, err
	}
	var list []source
	err = s.store.readStretch(ctx, o, core.Change{Conversation: conversation, First: first, Last: last}, func(in core.Interaction) {
		if in.Number <= last {
			list = append(list, source{conversation, in.Number, in.Content})
		}
	})
	if err != nil {
		return 0, err
	}
	for _, batch := range batchesOf(list) {
		vectors, model, err := s.vectors.compute(ctx, batch)
		if err != nil {
			return done, err
		}
		record, err := s.sealVectors(ctx, o, version, model, conversation, vectors)
		if err != nil {
			return done, err
		}
		if err := s.vectors.Derived.PutDerived(ctx, o.tenant, o.user, core.DerivedVectors, []core.DerivedRecord{record}, nil); err != nil {
			return done, err
		}
		s.show(ctx, o, model, record, vectors)
		done = record.Last
	}
	return done, nil
}

// batchesOf divides turns of one conversation where stored records are divided.
func batchesOf(list []source) [][]source {
	var out [][]source
	for len(list) > 0 {
		n := 1
		for n < len(list) && stretchOf(list[n].number) == stretchOf(list[0].number) {
			n++
		}
		out, list = append(out, list[:n]), list[n:]
	}
	return out
}

// stretchOf numbers the stretches that records of vectors keep to.
func stretchOf(number int64) int64 { return (number - 1) / stretchTurns }

// show gives an index, if there is one, vectors that are stored.
func (s *Service) show(ctx context.Context, o owner, model core.EmbeddingModel, r core.DerivedRecord, list []embedded) {
	e := s.cache.peek(o)
	if e == nil || e.turn.take(ctx) != nil {
		return
	}
	defer e.turn.give()
	if e.index == nil || e.index.version < r.Version { // it reads the record once it has the turns
		return
	}
	e.change(func(x *index) {
		x.setVectors(model, r.Conversation, list)
		x.vectors.addRecord(r.Conversation, vectorRecord{id: r.ID, first: r.First, last: r.Last})
	})
	s.cache.weigh(e)
}

func (s *Service) sealVectors(ctx context.Context, o owner, version int64, model core.EmbeddingModel, conversation core.ConversationID, list []embedded) (core.DerivedRecord, error) {
	r := core.DerivedRecord{
		ID: s.vectors.IDs.Derived(), User: o.user, Kind: core.DerivedVectors, Version: version,
		Conversation: conversation, First: list[0].number, Last: list[len(list)-1].number,
	}
	var err error
	if r.Sealed, err = s.vectors.Sealer.Seal(ctx, core.DerivedPlace(o.tenant, r), encodeVectors(model, list)); err != nil {
		return r, err
	}
	r.KeyVersion, _ = core.EnvelopeKeyVersion(r.Sealed)
	return r, nil
}

// retryConflict tries again what something that was forgotten in between made
// impossible.
func retryConflict(step func() error) error {
	var err error
	for range embedTries {
		if err = step(); !core.Is(err, core.CodeVersionConflict) {
			break
		}
	}
	return err
}

// gone passes over that a user is.
func gone(err error) error {
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	return err
}

// EmbedMissing computes and keeps the vectors that a user's index lacks, and
// joins records that hold few: those of talk whose vectors were lost, never
// computed, or are another model's. Without an index it does nothing: there is
// one when somebody asks. It fails as EmbedStretch does; what was done until then
// is kept.
func (s *Service) EmbedMissing(ctx context.Context, tenant core.TenantID, user core.UserID) error {
	o := owner{tenant, user}
	e := s.cache.peek(o)
	if s.vectors == nil || e == nil {
		return nil
	}
	for {
		var more bool
		err := retryConflict(func() (err error) {
			more, err = s.embedSome(ctx, o, e)
			return err
		})
		if err != nil || !more {
			return gone(err)
		}
	}
}

// embedSome computes some of what an index lacks, and stores what is not stored.
// more says that there may be more to do.
func (s *Service) embedSome(ctx context.Context, o owner, e *entry) (more bool, err error) {
	if err := s.catchUp(ctx, o, e); err != nil {
		return false, err
	}
	if err := s.readNewVectors(ctx, o, e); err != nil {
		return false, err
	}
	var list []source
	if !e.read(anyVersion, func(x *index) { list = x.lacking(s.vectors.ours, embedTurns) }) {
		return false, nil
	}
	if len(list) > 0 {
		vectors, model, err := s.vectors.compute(ctx, list)
		if err != nil {
			return false, err
		}
		s.change(ctx, e, func(x *index) {
			for from := 0; from < len(list); {
				to := from + 1
				for to < len(list) && list[to].part == list[from].part {
					to++
				}
				x.setVectors(model, list[from].part, vectors[from:to])
				from = to
			}
		})
	}
	if err := s.storeVectors(ctx, o, e); err != nil {
		return false, err
	}
	if len(list) == embedTurns {
		return true, nil
	}
	s.change(ctx, e, func(x *index) { x.vectors.wanting = x.wantsVectors(s.vectors.ours) })
	return false, nil
}

func (s *Service) change(ctx context.Context, e *entry, f func(*index)) {
	if e.turn.take(ctx) != nil {
		return
	}
	defer e.turn.give()
	if e.index != nil {
		e.change(f)
		s.cache.weigh(e)
	}
}

// lacking lists turns without a vector of our model, at most limit, those of a
// conversation together.
func (x *index) lacking(ours func(core.EmbeddingModel) bool, limit int) []source {
	all := x.vectors.model.Dimensions == 0 || !ours(x.vectors.model)
	var list []source
	for _, c := range x.conversationsInOrder() {
		for _, slot := range c.order {
			if !all && x.vectors.has(slot) {
				continue
			}
			if len(list) == limit {
				return list
			}
			t := &x.turns[slot]
			list = append(list, source{c.id, t.number, t.content})
		}
	}
	return list
}

// conversationsInOrder lists them the newest first: it is what people ask about.
func (x *index) conversationsInOrder() []*conversation {
	list := make([]*conversation, 0, len(x.conversations))
	for _, c := range x.conversations {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *conversation) int { return cmp.Compare(b.id, a.id) })
	return list
}

// readNewVectors takes in what is stored since the index last looked: another
// process may have computed it.
func (s *Service) readNewVectors(ctx context.Context, o owner, e *entry) error {
	if err := e.turn.take(ctx); err != nil {
		return err
	}
	defer e.turn.give()
	if e.index == nil {
		return nil
	}
	return s.loadVectors(ctx, o, e.index.vectors.position, e.change)
}

// loadVectors reads the owner's stored vectors after a position and hands each
// page to change.
func (s *Service) loadVectors(ctx context.Context, o owner, after int64, change func(func(*index))) error {
	page := core.Page{After: after, Limit: vectorPage}
	for {
		list, err := s.vectors.Derived.Derived(ctx, o.tenant, o.user, core.DerivedVectors, page, true)
		if err != nil {
			return err
		}
		opened := make([]openedVectors, len(list))
		for i := range list {
			page.After = list[i].Position
			if opened[i], err = s.openVectors(ctx, o, &list[i]); err != nil {
				return err
			}
		}
		change(func(x *index) {
			x.vectors.position = page.After
			for i := range opened {
				x.takeVectors(&opened[i])
			}
		})
		if len(list) < page.Limit {
			return nil
		}
	}
}

type openedVectors struct {
	conversation core.ConversationID
	record       vectorRecord
	model        core.EmbeddingModel
	list         []embedded
}

func (s *Service) openVectors(ctx context.Context, o owner, d *core.DerivedRecord) (openedVectors, error) {
	out := openedVectors{conversation: d.Conversation, record: vectorRecord{id: d.ID, first: d.First, last: d.Last}}
	plain, err := s.store.opener.Open(ctx, core.DerivedPlace(o.tenant, *d), d.Sealed)
	switch {
	case damaged(err):
		out.record.stale = true
		return out, nil
	case err != nil:
		return out, err
	}
	model, list, ok := decodeVectors(plain)
	out.model, out.list = model, list
	out.record.stale = !ok || !s.vectors.ours(out.model)
	return out, nil
}

// takeVectors takes in a stored record, unless it is known.
func (x *index) takeVectors(o *openedVectors) {
	if !x.vectors.addRecord(o.conversation, o.record) {
		return
	}
	if o.record.stale {
		x.vectors.wanting = true
		return
	}
	x.setVectors(o.model, o.conversation, o.list)
	list := x.vectors.records[o.conversation]
	list[len(list)-1].stale = false // though what there was before may be now
}
