package recall

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// ranking scores the turns of an index for one question, a session at a time.
//
// All signals of a turn come from its session, so a session has a bound that no
// turn of it can exceed, which the postings of the question's words give
// without scoring any turn (block-max, Ding and Suel, "Faster top-k document
// retrieval using block-max indexes", SIGIR 2011, with sessions for blocks).
// Sessions are scored from the highest bound down, until no bound reaches the
// scores that were found.
type ranking struct {
	index     *index
	weights   Weights
	question  question
	intervals []interval // that the question's dates may mean
	named     []bool     // by speaker
	namedBits uint64     // their bits
	byName    bool       // the question names speakers and asks for nothing else
	near      []dense    // what the question's vector gives turns, by session
	byVector  bool       // the question has one
	scale     float64    // about the BM25 of a turn that has all the question's words

	turnBase, turnSlope       float64 // of the norm of lengths
	sessionBase, sessionSlope float64
	shares                    shares

	parts            // of the session scored last
	score  []float64 // by slot; of sessions that were scored
	scored []bool    // by session
	bounds []float64 // by session; zero between questions
	queue  queue     // of sessions
}

// hit is a turn that was found.
type hit struct {
	slot  int32
	score float64
}

var rankings = sync.Pool{New: func() any { return new(ranking) }}

// rank makes ready to answer a question. The caller gives the ranking back by
// release.
func (x *index) rank(text string, w Weights) *ranking {
	r := rankings.Get().(*ranking)
	r.index, r.weights, r.question = x, w, x.ask(text, &w)
	r.byName = len(r.question.concepts) == 0 && len(r.question.named) > 0
	r.score = sized(r.score, len(x.turns))
	r.scored = sized(r.scored, len(x.sessions))
	r.bounds = sized(r.bounds, len(x.sessions))
	clear(r.scored)
	clear(r.bounds) // which a panic may have left as they were
	r.nameSpeakers()
	r.resolveDates()
	r.ready()
	return r
}

func (r *ranking) release() {
	r.index, r.question = nil, question{}
	r.near, r.byVector = r.near[:0], false
	rankings.Put(r)
}

// sized gives a list of n, with what was in it.
func sized[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n, n+n/4)
	}
	return list[:n]
}

func (r *ranking) nameSpeakers() {
	r.namedBits = 0
	if len(r.question.named) == 0 {
		return
	}
	r.named = sized(r.named, len(r.index.speakers))
	clear(r.named)
	for _, speakers := range r.question.named {
		for _, s := range speakers {
			r.named[s] = true
			r.namedBits |= speakerBit(s)
		}
	}
}

// resolveDates works out the times that the question's dates may mean.
func (r *ranking) resolveDates() {
	r.intervals = nil
	if len(r.question.dates) == 0 {
		return
	}
	earliest, latest := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range r.index.sessions {
		if s := &r.index.sessions[i]; len(s.turns) > 0 {
			earliest, latest = min(earliest, s.earliest), max(latest, s.latest)
		}
	}
	r.intervals = intervals(r.question.dates, earliest, latest)
}

// ready works out what BM25 needs of the index and of each concept. Scores are
// scaled so that a turn of mean length that has each word once gets 1.
func (r *ranking) ready() {
	x := r.index
	turns, sessions := x.live(), len(x.sessions)-len(x.freeSessions)
	r.turnBase, r.turnSlope = norm(turnK1, turnB, x.length, turns)
	r.sessionBase, r.sessionSlope = norm(sessionK1, sessionB, x.length, sessions)
	r.scale = 0
	for i := range r.question.concepts {
		c := &r.question.concepts[i]
		w := r.weights.field(c.field)
		idf := c.weight * inverseFrequency(min(c.frequency(), turns), turns)
		c.turn, c.window = w.turn*idf, w.window*idf
		c.session = w.session * c.weight * inverseFrequency(min(c.sessions(), sessions), sessions)
		r.scale += c.turn
	}
	if r.scale == 0 {
		r.scale = 1
	}
	for i := range r.question.concepts {
		c := &r.question.concepts[i]
		c.turn, c.window, c.session = c.turn/r.scale, c.window/r.scale, c.session/r.scale
	}
	r.shares = r.weights.shares()
}

// norm gives BM25's norm of a length, as base + slope × length.
func norm(k1, b float64, length int64, n int) (base, slope float64) {
	return k1 * (1 - b), k1 * b * float64(n) / float64(max(length, 1))
}

func (r *ranking) turnNorm(length float64) float64 { return r.turnBase + r.turnSlope*length }

func (r *ranking) sessionNorm(s *session) float64 {
	return r.sessionBase + r.sessionSlope*float64(s.length)
}

// inverseFrequency is BM25's idf in the form that is never negative.
func inverseFrequency(with, all int) float64 {
	return math.Log(1 + (float64(all-with)+0.5)/(float64(with)+0.5))
}

func saturate(count, k, k1 float64) float64 { return count * (k1 + 1) / (count + k) }

// best returns the turns that pass with the highest scores above 0 and not
// below floor times the best, best first, at most limit. Of equals, the newest
// is first, then the one with the higher id.
func (r *ranking) best(limit int, floor float64, f *turnFilter) []hit {
	r.enqueue()
	top := make([]hit, 0, limit+1)
	for len(r.queue) > 0 {
		next := r.queue.pop()
		if len(top) > 0 && next.bound < floor*top[0].score || len(top) == limit && !r.reaches(next, top[limit-1]) {
			break
		}
		s := &r.index.sessions[next.session]
		if !f.admits(r.index, s) {
			continue
		}
		r.evaluate(next.session)
		r.scored[next.session] = true
		for _, slot := range s.turns {
			if h := (hit{slot, r.score[slot]}); len(top) == 0 || h.score >= floor*top[0].score {
				top = r.offer(top, h, limit, f)
			}
		}
	}
	for i := range top {
		if top[i].score < floor*top[0].score {
			return top[:i]
		}
	}
	return top
}

// reaches reports whether a session's best turn may come before a hit.
func (r *ranking) reaches(q queued, last hit) bool {
	return q.bound > last.score || q.bound == last.score && q.latest >= r.index.turns[last.slot].occurredAt
}

// offer puts a hit among the best, if it is one.
func (r *ranking) offer(top []hit, h hit, limit int, f *turnFilter) []hit {
	if h.score <= 0 || len(top) == limit && r.compare(h, top[limit-1]) > 0 || !f.pass(&r.index.turns[h.slot]) {
		return top
	}
	place, _ := slices.BinarySearchFunc(top, h, r.compare)
	top = slices.Insert(top, place, h)
	return top[:min(len(top), limit)]
}

// compare puts the better hit first.
func (r *ranking) compare(a, b hit) int {
	switch {
	case a.score > b.score:
		return -1
	case a.score < b.score:
		return 1
	}
	t, u := &r.index.turns[a.slot], &r.index.turns[b.slot]
	if t.occurredAt != u.occurredAt {
		return cmp.Compare(u.occurredAt, t.occurredAt)
	}
	return cmp.Compare(u.id, t.id)
}

// scoreOf gives a turn's score.
func (r *ranking) scoreOf(slot int32) float64 {
	if id := r.index.places[slot].session; !r.scored[id] {
		r.evaluate(id)
		r.scored[id] = true
	}
	return r.score[slot]
}
