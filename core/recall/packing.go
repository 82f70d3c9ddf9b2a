package recall

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/raven-memory/raven/core"
)

func damaged(err error) bool { return errors.Is(err, core.ErrSealed) }

// pack writes segments of what is in none yet, together with what small ones
// hold, and removes those and the ones that are of no use. What is forgotten
// meanwhile makes the store refuse it: the version is read first.
func (s store) pack(ctx context.Context, p packing) error {
	version, err := s.changes.MemoryVersion(ctx, p.tenant, p.user)
	if err != nil {
		return err
	}
	headers, err := s.headers(ctx, p.owner)
	if err != nil {
		return err
	}
	records, err := s.segmentHeaders(ctx, p.owner)
	if err != nil {
		return err
	}
	plan := planPacking(headers, records, p.stale)
	blobs, err := s.packables(ctx, p.owner, headers, plan)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sealTime)
	defer cancel()
	add, err := s.makeSegments(ctx, p.owner, version, blobs)
	if err != nil || len(add)+len(plan.replaces) == 0 {
		return err
	}
	return s.segments.Derived.PutDerived(ctx, p.tenant, p.user, core.DerivedIndex, add, plan.replaces)
}

func (s store) segmentHeaders(ctx context.Context, o owner) (all []core.DerivedRecord, err error) {
	page := core.Page{Limit: headerPage}
	for {
		list, err := s.segments.Derived.Derived(ctx, o.tenant, o.user, core.DerivedIndex, page, false)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < page.Limit {
			return all, nil
		}
		page.After = list[len(list)-1].Position
	}
}

// plan is what to put into new segments, and what to remove for them.
type plan struct {
	loose    []core.BlobRecord // headers of blobs that are in no segment
	absorbed []keptSegment
	replaces []core.DerivedID
}

// keptSegment is one of the store's with the blobs that are in no earlier one.
type keptSegment struct {
	record core.DerivedRecord
	blobs  map[core.BlobID]core.BlobRecord
	turns  int
	bytes  int64
}

// planPacking finds what to write. Small segments are written anew together with
// what is loose while they are no more than twice as large, so that each
// interaction is written again a few times only and few segments stay small.
func planPacking(headers []core.BlobRecord, records []core.DerivedRecord, stale []core.DerivedID) plan {
	var p plan
	kept := make([]keptSegment, 0, len(records))
	for _, r := range records {
		if slices.Contains(stale, r.ID) {
			p.replaces = append(p.replaces, r.ID)
			continue
		}
		kept = append(kept, keptSegment{record: r, blobs: map[core.BlobID]core.BlobRecord{}})
	}
	total := p.assign(headers, kept)
	slices.SortStableFunc(kept, func(a, b keptSegment) int { return cmp.Compare(a.turns, b.turns) })
	for _, k := range kept {
		switch {
		case k.turns == 0:
			p.replaces = append(p.replaces, k.record.ID)
		case total >= packTurns && k.bytes < packBytes/2 && k.turns <= 2*total:
			p.absorbed = append(p.absorbed, k)
			p.replaces = append(p.replaces, k.record.ID)
			total += k.turns
		}
	}
	if total < packTurns {
		p.loose = nil
	}
	return p
}

// assign gives each blob to the first segment that has it, and tells how many
// interactions are in none. A blob too large for a segment is in none for good.
func (p *plan) assign(headers []core.BlobRecord, kept []keptSegment) (loose int) {
	type place struct {
		core.DerivedPart
		segment int
	}
	places := map[core.ConversationID][]place{}
	for i := range kept {
		for _, part := range kept[i].record.Stretches() {
			places[part.Conversation] = append(places[part.Conversation], place{part, i})
		}
	}
	for _, h := range headers {
		if h.Kind != core.BlobEpisodic || len(h.Numbers) == 0 || h.Size > packBytes {
			continue
		}
		at := slices.IndexFunc(places[h.Conversation], func(in place) bool {
			return in.First <= h.Numbers[0] && h.Numbers[len(h.Numbers)-1] <= in.Last
		})
		if at < 0 {
			p.loose = append(p.loose, h)
			loose += len(h.Numbers)
			continue
		}
		k := &kept[places[h.Conversation][at].segment]
		k.blobs[h.ID] = h
		k.turns += len(h.Numbers)
		k.bytes += h.Size
	}
	return loose
}

// packables reads what the plan puts into segments, by position.
func (s store) packables(ctx context.Context, o owner, headers []core.BlobRecord, p plan) (all []packable, err error) {
	wanted := map[core.BlobID]bool{}
	for _, h := range p.loose {
		wanted[h.ID] = true
	}
	for _, k := range p.absorbed {
		unpacked, err := s.unpack(ctx, o, k)
		if err != nil {
			return nil, err
		}
		for id := range k.blobs {
			wanted[id] = true
		}
		for _, b := range unpacked {
			wanted[b.blob.ID] = false
		}
		all = append(all, unpacked...)
	}
	var spans []span
	for i := range headers {
		if wanted[headers[i].ID] {
			spans = extend(spans, i, &headers[i])
		}
	}
	for _, m := range spans {
		err := s.eachBlob(ctx, o, m.from-1, m.blobs, func(b *core.BlobRecord) error {
			if !wanted[b.ID] {
				return nil
			}
			list, err := s.openBlob(ctx, o, b)
			fresh := packable{blob: *b}
			fresh.blob.Sealed = nil
			for _, in := range list {
				fresh.turns = append(fresh.turns, s.analyser.prepare(in))
			}
			all = append(all, fresh)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b packable) int { return cmp.Compare(a.blob.Position, b.blob.Position) })
	return all, nil
}

// unpack gives what a segment holds of its blobs; nothing where it is of no use.
func (s store) unpack(ctx context.Context, o owner, k keptSegment) (list []packable, err error) {
	at := core.Page{After: k.record.Position - 1, Limit: 1}
	found, err := s.segments.Derived.Derived(ctx, o.tenant, o.user, core.DerivedIndex, at, true)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].ID != k.record.ID {
		return nil, core.NewError(core.CodeVersionConflict, "A segment is gone.")
	}
	segment, err := s.openSegment(ctx, o, &found[0])
	if err != nil || segment == nil {
		return nil, err
	}
	for id, header := range k.blobs {
		p, ok := segment.blobs[id]
		if !ok || p.contents != contentsOf(header.Interactions) {
			continue
		}
		if turns, ok := p.all(id); ok {
			list = append(list, packable{blob: header, turns: turns})
		}
	}
	return list, nil
}

// makeSegments seals blobs, given by position, as segments.
func (s store) makeSegments(ctx context.Context, o owner, version int64, blobs []packable) (list []core.DerivedRecord, err error) {
	for len(blobs) > 0 {
		n, bytes := 0, int64(0)
		for n < len(blobs) && (n == 0 || bytes+blobs[n].blob.Size <= packBytes) {
			bytes += blobs[n].blob.Size
			n++
		}
		d := core.DerivedRecord{
			ID: s.segments.IDs.Derived(), User: o.user, Kind: core.DerivedIndex, Version: version, Parts: partsOf(blobs[:n]),
		}
		plain := encodeSegment(s.segments.analyser(), blobs[:n])
		blobs = blobs[n:]
		if d.Sealed, err = s.segments.Sealer.Seal(ctx, core.DerivedPlace(o.tenant, d), plain); err != nil {
			return nil, err
		}
		d.KeyVersion, _ = core.EnvelopeKeyVersion(d.Sealed)
		if len(d.Sealed) <= core.MaxDerivedBytes {
			list = append(list, d)
		}
	}
	return list, nil
}

// partsOf gives which stretches of conversations the blobs are. Those that
// follow one another are one.
func partsOf(blobs []packable) []core.DerivedPart {
	var parts []core.DerivedPart
	for i := range blobs {
		numbers := blobs[i].blob.Numbers
		parts = append(parts, core.DerivedPart{
			Conversation: blobs[i].blob.Conversation, First: numbers[0], Last: numbers[len(numbers)-1],
		})
	}
	slices.SortFunc(parts, func(a, b core.DerivedPart) int {
		return cmp.Or(cmp.Compare(a.Conversation, b.Conversation), cmp.Compare(a.First, b.First))
	})
	out := parts[:0]
	for _, p := range parts {
		if n := len(out); n > 0 && out[n-1].Conversation == p.Conversation && out[n-1].Last+1 == p.First {
			out[n-1].Last = p.Last
		} else {
			out = append(out, p)
		}
	}
	return out
}
