package recall

import (
	"slices"

	"github.com/raven-memory/raven/core"
)

// vectors are those of an index's turns, of one model. The zero value holds none.
type vectors struct {
	model  core.EmbeddingModel // zero until the first vector
	stride int
	data   []byte    // by slot, stride bytes each
	sums   []int64   // of a slot's numbers
	scales []float32 // 0 for none
	known  []bool    // by slot: it has a vector, or is known to have none

	records  map[core.ConversationID][]vectorRecord
	position int64 // of the last record that was read
	// wanting says that some turn may have no vector, or none that is stored.
	wanting bool
}

// vectorRecord is where vectors of a conversation's turns from first to last are
// stored.
type vectorRecord struct {
	id          core.DerivedID
	first, last int64
	stale       bool // of another model, or unreadable
}

// embedded is a turn's vector, by its number in its conversation; none where
// the turn is known to have none.
type embedded struct {
	number int64
	vector quantised
}

// setVectors takes in vectors of a conversation's turns. Those of another model
// take the place of all there were. What is not in the index is passed over.
func (x *index) setVectors(model core.EmbeddingModel, conversation core.ConversationID, list []embedded) {
	v := &x.vectors
	if v.model != model {
		for _, list := range v.records {
			for i := range list {
				list[i].stale = true
			}
		}
		x.bytes -= v.bytes()
		*v = vectors{model: model, stride: stride(model.Dimensions), records: v.records, position: v.position, wanting: true}
	}
	c := x.conversations[conversation]
	if c == nil {
		return
	}
	x.bytes -= v.bytes()
	v.grow(len(x.turns))
	for _, e := range list {
		if at, found := x.find(c, e.number); found {
			v.set(c.order[at], e.vector)
		}
	}
	x.bytes += v.bytes()
}

func (v *vectors) bytes() int64 {
	return int64(cap(v.data)) + int64(cap(v.sums))*(8+4+1)
}

// grow makes room for so many slots.
func (v *vectors) grow(slots int) {
	if missing := slots - len(v.known); missing > 0 {
		v.data = append(v.data, make([]byte, missing*v.stride)...)
		v.sums = append(v.sums, make([]int64, missing)...)
		v.scales = append(v.scales, make([]float32, missing)...)
		v.known = append(v.known, make([]bool, missing)...)
	}
}

func (v *vectors) set(slot int32, q quantised) {
	v.drop(slot)
	v.known[slot] = true
	if len(q.values) != v.model.Dimensions {
		return
	}
	at := v.of(slot)
	copy(at, q.values)
	for i := len(q.values); i < len(at); i++ {
		at[i] = quantumOffset
	}
	v.scales[slot] = q.scale
	for _, u := range at {
		v.sums[slot] += int64(u)
	}
}

func (v *vectors) of(slot int32) []byte { return v.data[int(slot)*v.stride : (int(slot)+1)*v.stride] }

// drop removes a slot's vector.
func (v *vectors) drop(slot int32) {
	if int(slot) < len(v.known) {
		clear(v.of(slot))
		v.sums[slot], v.scales[slot], v.known[slot] = 0, 0, false
	}
}

// forget removes a turn's vector, and the records that held it: the store has
// removed them.
func (v *vectors) forget(slot int32, conversation core.ConversationID, number int64) {
	v.drop(slot)
	list := v.records[conversation]
	left := slices.DeleteFunc(list, func(r vectorRecord) bool { return r.first <= number && number <= r.last })
	if len(left) < len(list) {
		v.wanting = true
		v.setRecords(conversation, left)
	}
}

func (v *vectors) setRecords(conversation core.ConversationID, list []vectorRecord) {
	if v.records == nil {
		v.records = map[core.ConversationID][]vectorRecord{}
	}
	if len(list) == 0 {
		delete(v.records, conversation)
		return
	}
	v.records[conversation] = list
}

// addRecord notes where vectors are stored, unless it is noted.
func (v *vectors) addRecord(conversation core.ConversationID, r vectorRecord) (added bool) {
	list := v.records[conversation]
	if slices.ContainsFunc(list, func(known vectorRecord) bool { return known.id == r.id }) {
		return false
	}
	v.setRecords(conversation, append(list, r))
	return true
}

// has reports whether a turn's vector is there, or known not to be.
func (v *vectors) has(slot int32) bool { return int(slot) < len(v.known) && v.known[slot] }

// vector gives a turn's; none for none.
func (v *vectors) vector(slot int32) quantised {
	if v.scales[slot] == 0 {
		return quantised{}
	}
	return quantised{slices.Clone(v.of(slot)[:v.model.Dimensions]), v.scales[slot]}
}

// nearest are the turns whose vectors are nearest to a probe's, at most limit,
// with their cosines, and the mean of all cosines and one of 0, so that the mean
// of few says little. There is none where the vectors are another model's.
func (v *vectors) nearest(p *probe, limit int) (list []near, mean float64) {
	if p == nil || p.dimensions != v.model.Dimensions {
		return nil, 0
	}
	n := 0
	for slot := range v.known {
		if v.scales[slot] == 0 {
			continue
		}
		at := int32(slot)
		cosine := p.product(v.of(at), v.sums[slot]) * float64(v.scales[slot])
		mean += cosine
		n++
		list = offerNear(list, near{at, cosine}, limit)
	}
	return list, mean / float64(n+1)
}

// near is a turn and the cosine of its vector with a query's.
type near struct {
	slot   int32
	cosine float64
}

// offerNear puts a turn among the nearest, a heap whose top is the farthest.
func offerNear(heap []near, n near, limit int) []near {
	if len(heap) < limit {
		heap = append(heap, n)
		for i := len(heap) - 1; i > 0 && heap[i].cosine < heap[(i-1)/2].cosine; i = (i - 1) / 2 {
			heap[i], heap[(i-1)/2] = heap[(i-1)/2], heap[i]
		}
		return heap
	}
	if n.cosine <= heap[0].cosine {
		return heap
	}
	heap[0] = n
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(heap) && heap[child].cosine < heap[least].cosine {
				least = child
			}
		}
		if least == i {
			return heap
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}
