package recall

// join puts the conversation's turn at a place in its order into a session:
// that of the turn before it, or a new one after a long pause. What comes
// after it in the conversation must not be in a session yet.
func (x *index) join(c *conversation, at int) {
	slot := c.order[at]
	p := &x.places[slot]
	p.previous, p.next = none, none
	if at > 0 && !x.paused(c.order[at-1], slot) {
		p.previous = c.order[at-1]
		x.places[p.previous].next = slot
		p.session = x.places[p.previous].session
	} else {
		p.session = takeSlot(&x.sessions, &x.freeSessions)
	}
	s := &x.sessions[p.session]
	s.turns++
	s.length += int64(p.length)
}

// divide divides a whole conversation into sessions anew.
func (x *index) divide(c *conversation) {
	for _, slot := range c.order {
		x.leave(slot)
	}
	for at := range c.order {
		x.join(c, at)
	}
}

// leave takes a turn out of its session, if it is in one.
func (x *index) leave(slot int32) {
	p := &x.places[slot]
	if p.session == none {
		return
	}
	s := &x.sessions[p.session]
	s.turns--
	s.length -= int64(p.length)
	if s.turns == 0 {
		x.freeSessions = append(x.freeSessions, p.session)
	}
	p.session = none
}

func (x *index) paused(before, after int32) bool {
	gap := x.turns[after].occurredAt - x.turns[before].occurredAt
	return max(gap, -gap) >= sessionPause.Milliseconds()
}
