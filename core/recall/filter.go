package recall

import (
	"math"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// filter says which turns an answer may hold. Zero values let everything pass.
type filter struct {
	since, until *time.Time
	conversation core.ConversationID
	roles        []core.Role
	metadata     core.Metadata
	cutoff       time.Time // what was accepted by then is expired
}

// turnFilter is a filter made ready for one answer.
type turnFilter struct {
	since, until, cutoff int64 // Unix milliseconds
	conversation         core.ConversationID
	roles                []core.Role
	metadata             core.Metadata
	matches              map[core.Metadata]bool // what is known by now: many turns share theirs
}

func (f filter) compile() *turnFilter {
	t := &turnFilter{
		since: math.MinInt64, until: math.MaxInt64, cutoff: math.MinInt64,
		conversation: f.conversation, roles: f.roles, metadata: f.metadata,
	}
	if f.since != nil {
		t.since = ceilMilli(*f.since)
	}
	if f.until != nil {
		t.until = ceilMilli(*f.until)
	}
	if !f.cutoff.IsZero() {
		t.cutoff = f.cutoff.UnixMilli()
	}
	if f.metadata != "" {
		t.matches = map[core.Metadata]bool{}
	}
	return t
}

// pass reports whether an answer may hold the turn.
func (f *turnFilter) pass(t *turn) bool {
	switch {
	case t.acceptedAt <= f.cutoff, t.occurredAt < f.since, t.occurredAt >= f.until:
		return false
	case f.conversation != "" && t.conversation.id != f.conversation:
		return false
	case len(f.roles) > 0 && !slices.Contains(f.roles, t.role.Value()):
		return false
	case f.metadata == "":
		return true
	}
	have := t.metadata.Value()
	match, known := f.matches[have]
	if !known {
		match = have != "" && have.Matches(f.metadata)
		f.matches[have] = match
	}
	return match
}

// admits reports whether any turn of a session passes.
func (f *turnFilter) admits(x *index, s *session) bool {
	if s.latest < f.since || s.earliest >= f.until || f.conversation != "" && s.conversation.id != f.conversation {
		return false
	}
	if f.everyOne(s) {
		return true
	}
	return slices.ContainsFunc(s.turns, func(slot int32) bool { return f.pass(&x.turns[slot]) })
}

// everyOne reports whether all turns of a session pass, as far as that shows
// without looking at them; the conversation is right.
func (f *turnFilter) everyOne(s *session) bool {
	return s.accepted > f.cutoff && s.earliest >= f.since && s.latest < f.until && len(f.roles) == 0 && f.metadata == ""
}

// ceilMilli rounds up, so that a whole millisecond is before the time exactly
// when it is less.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}
