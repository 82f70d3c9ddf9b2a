package recall

import "math"

const (
	// neighbourWeight is what the turn next to one adds of its own score; each
	// step further away halves it.
	neighbourWeight = 0.3
	neighbourRadius = 3
	// answerWeight multiplies what a turn gets from the question right before
	// it: what is asked and answered shares few words.
	answerWeight = 2.0
	// speakerFactor is for turns of whom the question names: people mostly tell
	// of themselves.
	speakerFactor = 1.8
	// questionFactor is for turns that end by asking: they hold less than what
	// answers them.
	questionFactor = 0.8
	// dateFactor is for turns of a time that the question names.
	dateFactor = 2.0
)

// finish applies the signals that work on the sum of the BM25 scores.
func (r *ranking) finish() {
	for slot := range r.factor {
		r.factor[slot] = 1
	}
	r.nameSpeakers()
	r.resolveDates()
	for slot := range r.score {
		if r.index.places[slot].session == none {
			continue // free
		}
		at := int32(slot)
		r.neighbour[slot] = r.neighbours(at)
		r.factor[slot] *= r.asks(at) * r.dated(at)
		r.score[slot] = (r.sum[slot] + r.neighbour[slot]) * r.factor[slot]
	}
}

// neighbours is what a turn gets from those around it in its session.
func (r *ranking) neighbours(slot int32) float64 {
	total := 0.0
	weight := neighbourWeight
	before, after := slot, slot
	for step := range neighbourRadius {
		if before = r.index.before(before); before != none {
			share := weight * r.sum[before]
			if step == 0 && r.index.places[before].asks {
				share *= answerWeight
			}
			total += share
		}
		if after = r.index.after(after); after != none {
			total += weight * r.sum[after]
		}
		weight /= 2
	}
	return total
}

// nameSpeakers raises the turns of the speakers that the question names.
func (r *ranking) nameSpeakers() {
	for _, turns := range r.question.spoken {
		for _, p := range turns {
			r.factor[p.slot] = speakerFactor
		}
	}
}

// takeSpeakers answers a question that names speakers and asks for nothing else
// that anybody said: with all that they said.
func (r *ranking) takeSpeakers() {
	for _, turns := range r.question.spoken {
		for _, p := range turns {
			r.lexical[p.slot], r.sum[p.slot] = 1, 1
		}
	}
}

// asks lowers turns that end with a question.
func (r *ranking) asks(slot int32) float64 {
	if r.index.places[slot].asks {
		return questionFactor
	}
	return 1
}

// resolveDates works out the times that the question's dates may mean.
func (r *ranking) resolveDates() {
	r.intervals = nil
	if len(r.question.dates) == 0 {
		return
	}
	earliest, latest := int64(math.MaxInt64), int64(math.MinInt64)
	for slot := range r.index.turns {
		if t := &r.index.turns[slot]; t.id != "" {
			earliest, latest = min(earliest, t.occurredAt), max(latest, t.occurredAt)
		}
	}
	r.intervals = intervals(r.question.dates, earliest, latest)
}

// dated raises turns of a time that the question names.
func (r *ranking) dated(slot int32) float64 {
	at := r.index.turns[slot].occurredAt
	for _, i := range r.intervals {
		if i.from <= at && at < i.until {
			return dateFactor
		}
	}
	return 1
}

// explain splits a turn's score: (bm25 + window + session + neighbours) × speaker × question × date.
func (r *ranking) explain(slot int32) map[string]float64 {
	asks, dated := r.asks(slot), r.dated(slot)
	return map[string]float64{
		"bm25":       r.lexical[slot],
		"window":     r.window[slot],
		"session":    r.session[r.index.places[slot].session],
		"neighbours": r.neighbour[slot],
		"speaker":    r.factor[slot] / (asks * dated),
		"question":   asks,
		"date":       dated,
	}
}
