package recall

import (
	"math/bits"
	"slices"
)

// parts hold what each signal gives the turns of one session, by place.
type parts struct {
	own       [fields][maxSession]float64 // BM25 of the turn
	window    [maxSession]float64         // BM25 of the turn with those around it
	session   float64                     // BM25 of the session
	vector    [maxSession]float64         // nearness of the vectors
	sum       [maxSession]float64         // these together
	neighbour [maxSession]float64         // what the turns around it give
	speaker   [maxSession]float64         // factors
	asks      [maxSession]float64
	date      [maxSession]float64
}

// evaluate scores a session's turns.
func (r *ranking) evaluate(id int32) {
	s := &r.index.sessions[id]
	n := len(s.turns)
	for f := range r.own {
		clear(r.own[f][:n])
	}
	clear(r.window[:n])
	clear(r.vector[:n])
	r.session = 0
	for i := range r.question.concepts {
		r.match(&r.question.concepts[i], id, s)
	}
	r.matchVector(id)
	if r.byName {
		r.takeSpeakers(s)
	}
	for at := range n {
		r.sum[at] = r.own[said][at] + r.own[kin][at] + r.window[at] + r.session + r.vector[at]
	}
	r.finish(s)
}

// match adds a concept to the three BM25 scores.
func (r *ranking) match(c *concept, id int32, s *session) {
	var count, length [maxSession]float64
	total := 0.0
	places := uint64(0)
	for i := range c.variants {
		v := &c.variants[i]
		for _, p := range v.in(id) {
			n := v.weight * float64(p.count)
			total += n
			count[p.at] += n
			length[p.at] = float64(p.length)
			places |= 1 << p.at
		}
	}
	if places == 0 {
		return
	}
	r.session += c.session * saturate(total, r.sessionNorm(s), sessionK1)
	for rest := places; rest != 0; rest &= rest - 1 {
		at := bits.TrailingZeros64(rest)
		r.own[c.field][at] += c.turn * saturate(count[at], r.turnNorm(length[at]), turnK1)
	}
	r.spread(c, &count, places, len(s.turns))
}

// spread adds a concept to the scores of the windows around the places where it
// is.
func (r *ranking) spread(c *concept, count *[maxSession]float64, places uint64, n int) {
	var around [maxSession]float64
	windows := uint64(0)
	for rest := places; rest != 0; rest &= rest - 1 {
		at := bits.TrailingZeros64(rest)
		for w := max(at-windowRadius, 0); w <= min(at+windowRadius, n-1); w++ {
			around[w] += count[at]
			windows |= 1 << w
		}
	}
	for rest := windows; rest != 0; rest &= rest - 1 {
		at := bits.TrailingZeros64(rest)
		r.window[at] += c.window * saturate(around[at], windowK1, windowK1)
	}
}

// takeSpeakers answers a question that names speakers and asks for nothing else
// that anybody said: with all that they said, the newest first.
func (r *ranking) takeSpeakers(s *session) {
	for at, slot := range s.turns {
		if r.isNamed(slot) {
			r.own[said][at] = 1
		}
	}
}

// finish applies the signals that work on the sum of the others.
func (r *ranking) finish(s *session) {
	w := &r.weights
	for at, slot := range s.turns {
		r.neighbour[at], r.speaker[at], r.asks[at], r.date[at] = 0, 1, 1, 1
		if !r.byName {
			r.neighbour[at] = r.neighbours(s, at)
		}
		if r.isNamed(slot) {
			r.speaker[at] = w.Speaker
		}
		if s.asks>>at&1 == 1 {
			r.asks[at] = w.Question
		}
		if len(r.intervals) > 0 && r.isDated(r.index.turns[slot].occurredAt) {
			r.date[at] = w.Date
		}
		r.score[slot] = (r.sum[at] + r.neighbour[at]) * r.speaker[at] * r.asks[at] * r.date[at]
	}
}

// neighbours is what a turn gets from those around it in its session.
func (r *ranking) neighbours(s *session, at int) float64 {
	total := 0.0
	weight := r.weights.Neighbour
	for step := 1; step <= neighbourRadius; step++ {
		if before := at - step; before >= 0 {
			share := weight * r.sum[before]
			if step == 1 && s.asks>>before&1 == 1 {
				share *= r.weights.Answer
			}
			total += share
		}
		if after := at + step; after < len(s.turns) {
			total += weight * r.sum[after]
		}
		weight /= 2
	}
	return total
}

// isNamed reports whether the question names the turn's speaker.
func (r *ranking) isNamed(slot int32) bool {
	if len(r.question.named) == 0 {
		return false
	}
	speaker := r.index.places[slot].speaker
	return speaker != nobody && r.named[speaker]
}

// isDated reports whether the question names the time.
func (r *ranking) isDated(at int64) bool {
	for _, i := range r.intervals {
		if i.from <= at && at < i.until {
			return true
		}
	}
	return false
}

// explain splits a turn's score:
// (bm25 + kin + window + session + vector + neighbours) × speaker × question × date.
// What the question does not use is left out: kin and vector.
func (r *ranking) explain(slot int32) map[string]float64 {
	p := &r.index.places[slot]
	r.evaluate(p.session)
	split := map[string]float64{
		"bm25":       r.own[said][p.at],
		"window":     r.window[p.at],
		"session":    r.session,
		"neighbours": r.neighbour[p.at],
		"speaker":    r.speaker[p.at],
		"question":   r.asks[p.at],
		"date":       r.date[p.at],
	}
	if slices.ContainsFunc(r.question.concepts, func(c concept) bool { return c.field == kin }) {
		split["kin"] = r.own[kin][p.at]
	}
	if r.byVector {
		split["vector"] = r.vector[p.at]
	}
	return split
}
