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

// compile makes the test of a turn. It is for one answer: it remembers which
// metadata match, for many turns share theirs.
func (f filter) compile() func(*turn) bool {
	since, until, cutoff := int64(math.MinInt64), int64(math.MaxInt64), int64(math.MinInt64)
	if f.since != nil {
		since = ceilMilli(*f.since)
	}
	if f.until != nil {
		until = ceilMilli(*f.until)
	}
	if !f.cutoff.IsZero() {
		cutoff = f.cutoff.UnixMilli()
	}
	matches := map[core.Metadata]bool{}
	return func(t *turn) bool {
		if t.acceptedAt <= cutoff || t.occurredAt < since || t.occurredAt >= until {
			return false
		}
		if f.conversation != "" && t.conversation.id != f.conversation {
			return false
		}
		if len(f.roles) > 0 && !slices.Contains(f.roles, t.role.Value()) {
			return false
		}
		if f.metadata == "" {
			return true
		}
		have := t.metadata.Value()
		match, known := matches[have]
		if !known {
			match = have != "" && have.Matches(f.metadata)
			matches[have] = match
		}
		return match
	}
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
