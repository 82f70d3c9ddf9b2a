package facts

import (
	"slices"

	"github.com/raven-memory/raven/core"
)

// left is what remains of a user's facts in a step that deletes others.
type left struct {
	facts   []held
	changed map[core.FactID]bool // those that the step rewrites
}

// without divides facts into one and the others.
func without(all []held, at int) ([]held, left) {
	return all[at : at+1], left{slices.Delete(slices.Clone(all), at, at+1), map[core.FactID]bool{}}
}

// revive lets what the lost facts had superseded hold again, until the end that
// somebody gave it or until the next of its topic begins. It gives those, and the
// keys that they take.
func (l left) revive(lost []held) (ended []*held, keys []core.FactKeyMove) {
	gone, holders := map[core.FactID]bool{}, map[string]core.BlobID{}
	for _, h := range lost {
		gone[h.ID] = true
		if h.current() {
			holders[h.key] = core.FactBlob(h.ID)
		}
	}
	for i := range l.facts {
		if gone[l.facts[i].SupersededBy] {
			ended = append(ended, &l.facts[i])
		}
	}
	// The newest of a topic holds, and those before it end as it begins.
	slices.SortStableFunc(ended, func(a, b *held) int { return b.ValidFrom.Compare(a.ValidFrom) })
	for _, h := range ended {
		l.goOn(h)
		l.changed[h.ID] = true
		if h.current() {
			keys = append(keys, core.FactKeyMove{Key: h.key, Was: holders[h.key], Now: core.FactBlob(h.ID)})
		}
	}
	return ended, keys
}

// goOn lets a fact that was superseded hold on from where it ended.
func (l left) goOn(h *held) {
	from := h.ValidFrom
	if h.ValidTo != nil {
		from = *h.ValidTo
	}
	h.SupersededBy, h.ValidTo = "", h.until
	for i := range l.facts {
		next := &l.facts[i]
		switch {
		case next.ID == h.ID || next.key != h.key:
		case Holds(next.Fact, from): // it goes on instead
			h.SupersededBy, h.ValidTo = next.ID, &from
			return
		case next.ValidFrom.After(from):
			h.endBy(next.Fact)
		}
	}
}
