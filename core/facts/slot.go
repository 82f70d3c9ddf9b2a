package facts

import (
	"time"

	"github.com/raven-memory/raven/core"
)

// slot is where something of a topic belongs among what has not ended. What has
// is left as it is: it says something of the past only.
type slot struct {
	before []*held // that hold as it begins: seldom more than one
	after  *held   // the first that begins later
}

func slotOf(all []held, key string, from, now time.Time) (p slot) {
	for i := range all {
		h := &all[i]
		switch {
		case h.key != key || !h.running(now):
		case Holds(h.Fact, from):
			p.before = append(p.before, h)
		case from.Before(h.ValidFrom) && (p.after == nil || h.ValidFrom.Before(p.after.ValidFrom)):
			p.after = h
		}
	}
	return p
}

// says gives the fact that says what a candidate says: one that holds as it
// begins, or that began later and holds now. nil for none.
func (p slot) says(c core.FactCandidate, now time.Time) *held {
	for _, h := range p.before {
		if sameText(h.Fact, c) && (c.ValidTo == nil || sameTime(c.ValidTo, h.ValidTo)) {
			return h
		}
	}
	if p.after != nil && sameText(p.after.Fact, c) && c.ValidTo == nil && !now.Before(p.after.ValidFrom) {
		return p.after
	}
	return nil
}

// endBy ends a fact as the next one begins, unless it ends before.
func (h *held) endBy(next core.Fact) {
	if h.ValidTo == nil || !next.ValidFrom.After(*h.ValidTo) {
		until := next.ValidFrom
		h.ValidTo, h.SupersededBy = &until, next.ID
	}
}
