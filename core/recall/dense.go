package recall

import (
	"cmp"
	"slices"
)

// nearestTurns is how many turns a query's vector counts for: those it is
// nearest to. What is farther away is near to everything.
const nearestTurns = 100

// dense is what a query's vector gives a turn.
type dense struct {
	session int32
	at      uint8
	value   float64
}

// addVector lets the query's vector count; nil counts for nothing. It comes
// before the first turn is asked for. The nearest turn gets the weight of the
// signal, one that is as near as turns are in the mean gets nothing.
func (r *ranking) addVector(p *probe) {
	r.near = r.near[:0]
	list, mean := r.index.vectors.nearest(p, nearestTurns)
	if r.byVector = len(list) > 0; !r.byVector || r.weights.Vector == 0 {
		return
	}
	best := mean
	for _, n := range list {
		best = max(best, n.cosine)
	}
	for _, n := range list {
		place := &r.index.places[n.slot]
		if value := (n.cosine - mean) / (best - mean); value > 0 && place.session != none {
			r.near = append(r.near, dense{place.session, place.at, r.weights.Vector * value})
		}
	}
	slices.SortFunc(r.near, func(a, b dense) int {
		return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.at, b.at))
	})
}

// matchVector adds what the vector gives a session's turns.
func (r *ranking) matchVector(id int32) {
	at, _ := slices.BinarySearchFunc(r.near, id, func(d dense, id int32) int { return cmp.Compare(d.session, id) })
	for ; at < len(r.near) && r.near[at].session == id; at++ {
		r.vector[r.near[at].at] = r.near[at].value
	}
}

// boundVector adds the most that the vector can give a turn to the bounds of
// sessions.
func (r *ranking) boundVector() {
	for list := r.near; len(list) > 0; {
		id, best, n := list[0].session, 0.0, 0
		for ; n < len(list) && list[n].session == id; n++ {
			best = max(best, list[n].value)
		}
		list = list[n:]
		others := &r.shares.others
		all := max(1+others[min(n-1, len(others)-1)], others[min(n, len(others)-1)])
		r.raise(id, best*all*roundingRoom)
	}
}
