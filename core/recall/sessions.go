package recall

import (
	"math"
	"slices"
)

// maxSession is the most turns of a session. Talk without a pause that has more
// is cut: what somebody said hours before tells little, and it bounds what one
// session takes to score.
const maxSession = 64

// session is a stretch of a conversation.
type session struct {
	conversation     *conversation
	turns            []int32 // slots, by place; none for a free session
	length           int64   // in terms
	asks             uint64  // which places end with a question mark, a bit each
	speakers         uint64  // the bits of those who speak in it
	earliest, latest int64   // of OccurredAt
	accepted         int64   // the earliest AcceptedAt
	part             bool    // of a longer stretch, which was cut
}

// join puts the conversation's last turn into a session: that of the turn
// before it, or a new one after a long pause.
func (x *index) join(c *conversation, terms termCounts) {
	slot := c.order[len(c.order)-1]
	id := none
	if len(c.order) > 1 {
		id = x.follows(c.order[len(c.order)-2], slot)
	}
	switch id {
	case tooLong:
		x.divide(c, len(c.sessions)-1)
		return
	case none:
		id = x.takeSession(c)
		if n := len(c.sessions); n > 0 {
			last := c.sessions[n-1]
			x.sessions[id].part = x.sessions[last].part && !x.paused(c.order[len(c.order)-2], slot)
		}
		c.sessions = append(c.sessions, id)
	}
	s := &x.sessions[id]
	x.places[slot].session, x.places[slot].at = id, uint8(len(s.turns)) //nolint:gosec // at most maxSession
	s.take(slot, &x.turns[slot], &x.places[slot])
	x.postAll(terms, slot)
}

// tooLong says that the stretch has to be cut.
const tooLong = none - 1

// follows gives the session that a conversation's next turn goes into after the
// one before it: none for a new one.
func (x *index) follows(before, slot int32) int32 {
	if x.paused(before, slot) {
		return none
	}
	id := x.places[before].session
	s := &x.sessions[id]
	first, number := x.turns[s.turns[0]].number, x.turns[slot].number
	switch {
	case s.part && first/maxSession != number/maxSession:
		return none
	case !s.part && number-first >= maxSession:
		return tooLong
	}
	return id
}

func (x *index) takeSession(c *conversation) int32 {
	id := takeSlot(&x.sessions, &x.freeSessions)
	x.sessions[id] = emptySession(c, nil)
	x.bytes += sessionBytes
	return id
}

func (x *index) freeSession(id int32) {
	x.sessions[id] = session{}
	x.freeSessions = append(x.freeSessions, id)
	x.bytes -= sessionBytes
}

func emptySession(c *conversation, room []int32) session {
	return session{
		conversation: c, turns: room[:0], earliest: math.MaxInt64, latest: math.MinInt64, accepted: math.MaxInt64,
	}
}

// take adds the next turn.
func (s *session) take(slot int32, t *turn, p *place) {
	if p.asks {
		s.asks |= 1 << len(s.turns)
	}
	s.turns = append(s.turns, slot)
	s.length += int64(p.length)
	s.speakers |= speakerBit(p.speaker)
	s.earliest, s.latest = min(s.earliest, t.occurredAt), max(s.latest, t.occurredAt)
	s.accepted = min(s.accepted, t.acceptedAt)
}

// stretch is what divide makes a session of.
type stretch struct {
	turns []int32
	part  bool
}

// stretches divides a conversation's turns into sessions: at pauses, and what
// is too long then where a turn's number says so, for that stays where it is
// when a turn before it goes.
func (x *index) stretches(order []int32) []stretch {
	var list []stretch
	for len(order) > 0 {
		end := 1
		for end < len(order) && !x.paused(order[end-1], order[end]) {
			end++
		}
		whole := order[:end]
		order = order[end:]
		if x.turns[whole[end-1]].number-x.turns[whole[0]].number < maxSession {
			list = append(list, stretch{turns: whole})
			continue
		}
		for len(whole) > 0 {
			end, of := 1, x.turns[whole[0]].number/maxSession
			for end < len(whole) && x.turns[whole[end]].number/maxSession == of {
				end++
			}
			list = append(list, stretch{whole[:end], true})
			whole = whole[end:]
		}
	}
	return list
}

// divide divides a conversation into sessions anew, from one of its sessions
// on, after turns went or came. Unchanged sessions are left alone.
func (x *index) divide(c *conversation, from int) {
	order := c.order
	for _, id := range c.sessions[:from] {
		order = order[len(x.sessions[id].turns):]
	}
	list := x.stretches(order)
	old := c.sessions[from:]
	ids := x.claim(c, list)
	kept := slices.Clone(ids)
	c.sessions = append(c.sessions[:from:from], ids...)
	x.move(list, ids)
	for i, id := range ids {
		s := &x.sessions[id]
		*s = emptySession(c, s.turns)
		s.part = list[i].part
		for _, slot := range list[i].turns {
			s.take(slot, &x.turns[slot], &x.places[slot])
		}
	}
	slices.Sort(kept)
	for _, id := range old {
		if _, found := slices.BinarySearch(kept, id); !found {
			x.freeSession(id)
		}
	}
}

// claim gives each stretch a session: the one that its first turn is in, or a
// new one.
func (x *index) claim(c *conversation, list []stretch) []int32 {
	ids, taken := make([]int32, len(list)), map[int32]bool{}
	for i := range list {
		id := x.places[list[i].turns[0]].session
		if id == none || taken[id] {
			id = x.takeSession(c)
		}
		ids[i], taken[id] = id, true
	}
	return ids
}

// move posts anew the turns whose place changes. All leave before any comes:
// two must not be at one place.
func (x *index) move(list []stretch, ids []int32) {
	moved := map[int32]termCounts{}
	for i := range list {
		for at, slot := range list[i].turns {
			if p := &x.places[slot]; p.session != ids[i] || int(p.at) != at {
				moved[slot] = x.analyse(slot)
				x.unpostAll(moved[slot], slot)
			}
		}
	}
	for i := range list {
		for at, slot := range list[i].turns {
			if terms, ok := moved[slot]; ok {
				x.places[slot].session, x.places[slot].at = ids[i], uint8(at)
				x.postAll(terms, slot)
			}
		}
	}
}

// analyse gives an indexed turn's terms.
func (x *index) analyse(slot int32) termCounts {
	terms, _, _ := x.analyser.terms(x.turns[slot].content)
	return terms
}

func (x *index) postAll(terms termCounts, slot int32) {
	for _, c := range terms {
		x.post(c.term, newPosting(&x.places[slot], c.count))
	}
}

// unpostAll undoes postAll; of a turn that is in no session it does nothing.
func (x *index) unpostAll(terms termCounts, slot int32) {
	for _, c := range terms {
		x.unpost(c.term, &x.places[slot])
	}
}

func (x *index) paused(before, after int32) bool {
	gap := x.turns[after].occurredAt - x.turns[before].occurredAt
	return max(gap, -gap) >= sessionPause.Milliseconds()
}

// before and after give the neighbour in the session; none for none.
func (x *index) before(slot int32) int32 {
	p := &x.places[slot]
	if p.at == 0 {
		return none
	}
	return x.sessions[p.session].turns[p.at-1]
}

func (x *index) after(slot int32) int32 {
	p := &x.places[slot]
	turns := x.sessions[p.session].turns
	if int(p.at)+1 == len(turns) {
		return none
	}
	return turns[p.at+1]
}
