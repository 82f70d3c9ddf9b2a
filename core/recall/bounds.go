package recall

import (
	"cmp"
	"slices"
)

// roundingRoom keeps a bound above what it bounds where the same is added in
// another order.
const roundingRoom = 1 + 1e-9

// enqueue fills the queue with the sessions that have anything of the question.
func (r *ranking) enqueue() {
	r.queue = r.queue[:0]
	for i := range r.question.concepts {
		r.bound(&r.question.concepts[i])
	}
	if r.byName {
		for id := range r.index.sessions {
			if r.index.sessions[id].speakers&r.namedBits != 0 {
				r.raise(int32(id), 1)
			}
		}
	}
	r.boundVector()
	for i := range r.queue {
		q := &r.queue[i]
		s := &r.index.sessions[q.session]
		q.bound, q.latest = r.bounds[q.session]*r.factor(s), s.latest
		r.bounds[q.session] = 0
	}
	r.queue.order()
}

// all gives how often what each of so many turns has can count for one of them.
func (r *ranking) all(turns int) float64 {
	return 1 + r.shares.others[min(turns, len(r.shares.others))-1]
}

// raise adds to a session's bound.
func (r *ranking) raise(id int32, by float64) {
	if by <= 0 { // or it would be queued twice
		return
	}
	if r.bounds[id] == 0 {
		r.queue = append(r.queue, queued{session: id})
	}
	r.bounds[id] += by
}

// bound adds the most that a concept can give a turn to the bounds of the
// sessions that have it. Saturation makes what two variants give together at
// most what they give apart.
func (r *ranking) bound(c *concept) {
	for i := range c.variants {
		v := &c.variants[i]
		for list := v.list; len(list) > 0; {
			n := 1
			for n < len(list) && list[n].session == list[0].session {
				n++
			}
			r.raise(list[0].session, r.most(c, v.weight, list[:n])*roundingRoom)
			list = list[n:]
		}
	}
}

// most gives the most that a concept's occurrences in a session can give a turn
// of it.
func (r *ranking) most(c *concept, weight float64, list []posting) float64 {
	s := &r.index.sessions[list[0].session]
	best, total, window, near := 0.0, 0.0, 0.0, 1.0
	for i := range list {
		count := weight * float64(list[i].count)
		total += count
		best = max(best, saturate(count, r.turnNorm(float64(list[i].length)), turnK1))
		around, beside := count, 1.0
		for j := i - 1; j >= 0 && list[i].at-list[j].at <= 2*windowRadius; j-- {
			around += weight * float64(list[j].count)
			beside += r.shares.at(list[i].at-list[j].at, s.asks>>list[j].at&1 == 1)
		}
		for j := i + 1; j < len(list) && list[j].at-list[i].at <= neighbourRadius; j++ {
			beside += r.shares.at(list[j].at-list[i].at, false)
		}
		window, near = max(window, around), max(near, beside)
	}
	near = max(near, r.shares.others[min(len(list), len(r.shares.others)-1)])
	all := r.all(len(s.turns))
	return c.turn*best*near +
		c.window*saturate(window, windowK1, windowK1)*all +
		c.session*saturate(total, r.sessionNorm(s), sessionK1)*all
}

// shares are what a turn adds of its score to another at a distance, at the
// most.
type shares struct {
	distance [neighbourRadius + 1]float64
	answer   float64                        // at distance 1, of a question before
	others   [2*neighbourRadius + 1]float64 // the greatest of them together, by how many
}

// at is what a turn adds to one at a distance; asked says that it asks, and
// comes before.
func (s *shares) at(distance uint8, asked bool) float64 {
	switch {
	case distance > neighbourRadius:
		return 0
	case distance == 1 && asked:
		return s.answer
	}
	return s.distance[distance]
}

func (w *Weights) shares() (s shares) {
	var list []float64
	weight := w.Neighbour
	for step := 1; step <= neighbourRadius; step++ {
		before := weight
		if step == 1 {
			before *= max(w.Answer, 1)
			s.answer = before
		}
		s.distance[step] = weight
		list = append(list, before, weight)
		weight /= 2
	}
	slices.SortFunc(list, func(a, b float64) int { return cmp.Compare(b, a) })
	for i, share := range list {
		s.others[i+1] = s.others[i] + share
	}
	return s
}

// factor gives the most that a turn of a session is multiplied with.
func (r *ranking) factor(s *session) float64 {
	factor := 1.0
	if s.speakers&r.namedBits != 0 {
		factor *= max(r.weights.Speaker, 1)
	}
	factor *= max(r.weights.Question, 1)
	if slices.ContainsFunc(r.intervals, func(i interval) bool { return i.from <= s.latest && s.earliest < i.until }) {
		factor *= max(r.weights.Date, 1)
	}
	return factor
}

// queued is a session that waits to be scored.
type queued struct {
	bound   float64
	latest  int64
	session int32
}

func (q queued) before(p queued) bool {
	return q.bound > p.bound || q.bound == p.bound && q.latest > p.latest
}

// queue is a heap: the highest bound first and, of equals, the latest.
type queue []queued

func (q queue) order() {
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
}

func (q queue) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(q) {
			return
		}
		if right := child + 1; right < len(q) && q[right].before(q[child]) {
			child = right
		}
		if !q[child].before(q[i]) {
			return
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
}

func (q *queue) pop() queued {
	list := *q
	first := list[0]
	list[0] = list[len(list)-1]
	*q = list[:len(list)-1]
	q.sink(0)
	return first
}
