package recall

import (
	"math"
	"sync"
)

// The weights were fitted on five conversations of LoCoMo (Maharana et al.,
// ACL 2024), each tried on the one left out; the fit is flat around them, so
// they are kept round.
const (
	// BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework",
	// 2009). Turns are short: saturation and length weigh less than in
	// documents; 0.9 and 0.4 are the values that Anserini uses for passages.
	turnK1 = 0.9
	turnB  = 0.4
	// Sessions are documents; these are the values usual for them.
	sessionK1 = 1.2
	sessionB  = 0.75
	// Windows are alike in length, so it does not count.
	windowK1     = 1.2
	windowRadius = 2 // turns either side

	windowWeight  = 0.4 // against the turn's own score, each scaled to a best of 1
	sessionWeight = 0.2
)

// ranking scores the turns of an index for one question. Its slices are by
// slot, or by session where it is said.
type ranking struct {
	index       *index
	question    question
	lexicalBest float64    // the best BM25 of a turn
	intervals   []interval // that the question's dates may mean

	lexical   []float64 // BM25 of the turn
	window    []float64 // BM25 of the turn with those around it
	session   []float64 // BM25 of the session; by session
	sum       []float64 // the three together
	neighbour []float64 // what the turns around it give
	factor    []float64 // what multiplies the score
	score     []float64

	count        []float64 // how often the concept at hand is in the turn; zero between concepts
	windowCount  []float64
	sessionCount []float64 // by session
	slots        []int32   // those that are not zero
	windowSlots  []int32
	sessionSlots []int32
}

var rankings = sync.Pool{New: func() any { return new(ranking) }}

// rank scores all turns. The caller gives the ranking back by release.
func (x *index) rank(text string) *ranking {
	r := rankings.Get().(*ranking)
	r.index, r.question, r.lexicalBest = x, x.ask(text), 0
	n, sessions := len(x.turns), len(x.sessions)
	for _, list := range []*[]float64{
		&r.lexical, &r.window, &r.sum, &r.neighbour, &r.factor, &r.score, &r.count, &r.windowCount,
	} {
		*list = zeros(*list, n)
	}
	r.session, r.sessionCount = zeros(r.session, sessions), zeros(r.sessionCount, sessions)
	for i := range r.question.concepts {
		r.match(&r.question.concepts[i])
	}
	if len(r.question.concepts) > 0 {
		r.combine()
	} else {
		r.takeSpeakers()
	}
	r.finish()
	return r
}

func (r *ranking) release() {
	r.index, r.question = nil, question{}
	rankings.Put(r)
}

func zeros(list []float64, n int) []float64 {
	if cap(list) < n {
		return make([]float64, n, n+n/4)
	}
	list = list[:n]
	clear(list)
	return list
}

// match adds one concept to the three BM25 scores.
func (r *ranking) match(c *concept) {
	r.gather(c)
	x := r.index
	idf := c.weight * inverseFrequency(len(r.slots), x.live())
	mean := float64(x.length) / float64(x.live())
	for _, slot := range r.slots {
		length := float64(x.places[slot].length)
		r.lexical[slot] += idf * saturate(r.count[slot], turnK1*(1-turnB+turnB*length/mean), turnK1)
		r.count[slot] = 0
	}
	for _, slot := range r.windowSlots {
		r.window[slot] += idf * saturate(r.windowCount[slot], windowK1, windowK1)
		r.windowCount[slot] = 0
	}
	sessions := len(x.sessions) - len(x.freeSessions)
	idf = c.weight * inverseFrequency(len(r.sessionSlots), sessions)
	mean = float64(x.length) / float64(sessions)
	for _, s := range r.sessionSlots {
		length := float64(x.sessions[s].length)
		r.session[s] += idf * saturate(r.sessionCount[s], sessionK1*(1-sessionB+sessionB*length/mean), sessionK1)
		r.sessionCount[s] = 0
	}
}

// gather counts the concept in turns, windows and sessions.
func (r *ranking) gather(c *concept) {
	r.slots, r.windowSlots, r.sessionSlots = r.slots[:0], r.windowSlots[:0], r.sessionSlots[:0]
	for _, postings := range c.variants {
		for _, p := range postings {
			n := float64(p.count)
			r.slots = tally(r.count, r.slots, p.slot, n)
			r.sessionSlots = tally(r.sessionCount, r.sessionSlots, r.index.places[p.slot].session, n)
			r.windowSlots = tally(r.windowCount, r.windowSlots, p.slot, n)
			before, after := p.slot, p.slot
			for range windowRadius {
				if before = r.index.before(before); before != none {
					r.windowSlots = tally(r.windowCount, r.windowSlots, before, n)
				}
				if after = r.index.after(after); after != none {
					r.windowSlots = tally(r.windowCount, r.windowSlots, after, n)
				}
			}
		}
	}
}

func tally(counts []float64, slots []int32, slot int32, n float64) []int32 {
	if counts[slot] == 0 {
		slots = append(slots, slot)
	}
	counts[slot] += n
	return slots
}

// before and after give the neighbour in the session; none has none.
func (x *index) before(slot int32) int32 {
	if slot == none {
		return none
	}
	return x.places[slot].previous
}

func (x *index) after(slot int32) int32 {
	if slot == none {
		return none
	}
	return x.places[slot].next
}

// inverseFrequency is BM25's idf in the form that is never negative.
func inverseFrequency(with, all int) float64 {
	return math.Log(1 + (float64(all-with)+0.5)/(float64(with)+0.5))
}

func saturate(count, k, k1 float64) float64 { return count * (k1 + 1) / (count + k) }

// combine adds the three scores, each scaled to a best of 1 before its weight.
func (r *ranking) combine() {
	lexical := share(1, r.lexical)
	if lexical > 0 {
		r.lexicalBest = 1 / lexical
	}
	window := share(windowWeight, r.window)
	session := share(sessionWeight, r.session)
	for i := range r.session {
		r.session[i] *= session
	}
	for slot := range r.sum {
		if s := r.index.places[slot].session; s != none {
			r.lexical[slot] *= lexical
			r.window[slot] *= window
			r.sum[slot] = r.lexical[slot] + r.window[slot] + r.session[s]
		}
	}
}

// share is what scores are multiplied with to bring the greatest to weight.
func share(weight float64, scores []float64) float64 {
	greatest := 0.0
	for _, v := range scores {
		if v > greatest {
			greatest = v
		}
	}
	if greatest == 0 {
		return 0
	}
	return weight / greatest
}
