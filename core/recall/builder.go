package recall

import (
	"slices"
	"strings"

	"github.com/raven-memory/raven/core"
)

// builder fills an empty index, a conversation at a time, with far less work
// than adding turn by turn: what is in the segments' tables is looked up once a
// segment, postings come in their order, and a conversation is divided into
// sessions once.
type builder struct {
	index  *index
	places map[string]int32 // of terms in lists
	lists  []builtTerm

	// Of the conversation under way.
	turns  []builtTurn
	counts []placeCount

	late []prepared // turns that came out of order
}

type builtTerm struct {
	term string
	postings
}

// builtTurn is a turn with where in counts its terms are.
type builtTurn struct {
	slot     int32
	from, to int
}

// placeCount says how often a term is in a text, by the term's place in a table.
type placeCount struct{ place, count int32 }

// newBuilder makes one for so many turns, of about so many terms.
func newBuilder(x *index, turns, terms int) *builder {
	x.byID = make(map[core.InteractionID]int32, turns)
	x.turns, x.places = slices.Grow(x.turns, turns), slices.Grow(x.places, turns)
	return &builder{index: x, places: make(map[string]int32, terms), lists: make([]builtTerm, 0, terms)}
}

// place gives a term's place in lists.
func (b *builder) place(term string) int32 {
	at, ok := b.places[term]
	if !ok {
		at = int32(len(b.lists))   //nolint:gosec // bounded by memory
		term = strings.Clone(term) // else it would keep the whole table it was cut from
		b.places[term] = at
		b.lists = append(b.lists, builtTerm{term: term})
	}
	return at
}

// prepared takes a turn of the conversation under way.
func (b *builder) prepared(p prepared) {
	from := len(b.counts)
	for _, c := range p.terms {
		b.counts = append(b.counts, placeCount{b.place(c.term), c.count})
	}
	b.take(p, from)
}

// packed takes one out of a segment.
func (b *builder) packed(in *segment, p prepared, terms []placeCount) {
	from := len(b.counts)
	if in.built == nil {
		in.built = make([]int32, len(in.terms))
	}
	for _, c := range terms {
		at := &in.built[c.place]
		if *at == 0 {
			*at = b.place(in.terms[c.place]) + 1
		}
		b.counts = append(b.counts, placeCount{*at - 1, c.count})
	}
	b.take(p, from)
}

// take stores a turn whose terms are in counts from a place on.
func (b *builder) take(p prepared, from int) {
	x, in := b.index, &p.interaction
	if slot, ok := x.byID[in.ID]; ok {
		if in.Blob != "" {
			x.setBlob(slot, in.Blob)
		}
		b.counts = b.counts[:from]
		return
	}
	if n := len(b.turns); n > 0 && x.turns[b.turns[n-1].slot].number >= in.Number {
		b.late = append(b.late, b.index.analyser.prepare(*in))
		b.counts = b.counts[:from]
		return
	}
	slot := x.put(x.conversation(in.Conversation), &p)
	b.turns = append(b.turns, builtTurn{slot, from, len(b.counts)})
}

// conversation ends the one under way.
func (b *builder) conversation() {
	if len(b.turns) == 0 {
		return
	}
	x := b.index
	c := x.turns[b.turns[0].slot].conversation
	for _, t := range b.turns {
		c.order = append(c.order, t.slot)
	}
	list := x.stretches(c.order)
	c.sessions = x.claim(c, list)
	next := 0
	for i, id := range c.sessions {
		s := &x.sessions[id]
		s.part = list[i].part
		for at, slot := range list[i].turns {
			p := &x.places[slot]
			p.session, p.at = id, uint8(at)
			s.take(slot, &x.turns[slot], p)
			b.post(p, b.counts[b.turns[next].from:b.turns[next].to])
			next++
		}
	}
	x.age(c)
	b.turns, b.counts = b.turns[:0], b.counts[:0]
}

func (b *builder) post(p *place, terms []placeCount) {
	for _, c := range terms {
		l := &b.lists[c.place]
		if n := len(l.list); n == 0 || l.list[n-1].session != p.session {
			l.sessions++
		}
		l.list = append(l.list, newPosting(p, c.count))
	}
}

// finish gives the index its terms.
func (b *builder) finish() {
	x := b.index
	x.terms = make(map[string]postings, len(b.lists))
	for i := range b.lists {
		l := &b.lists[i]
		if len(l.list) == 0 {
			continue
		}
		x.terms[l.term] = l.postings
		x.bytes += termBytes + int64(len(l.term)) + postingBytes*int64(len(l.list))
	}
	for _, p := range b.late {
		x.add(p)
	}
}

// addRuns fills an index with runs, sorted by conversation and number. It gives
// back blobs of segments that do not decode.
func (s store) addRuns(x *index, runs []run) (unread []core.BlobID) {
	turns, terms := 0, 0
	for i := range runs {
		turns += runs[i].turns
		if in := runs[i].packed.in; in != nil {
			terms = max(terms, len(in.terms))
		}
	}
	b := newBuilder(x, turns, terms)
	for i := range runs {
		r := &runs[i]
		if i > 0 && runs[i-1].conversation != r.conversation {
			b.conversation()
		}
		if in := r.packed.in; in != nil {
			if !r.packed.each(r.blob, func(p prepared, terms []placeCount) { b.packed(in, p, terms) }) {
				unread = append(unread, r.blob)
			}
		}
		for j := range r.list {
			b.prepared(s.analyser.prepare(r.list[j]))
			r.list[j] = core.Interaction{}
		}
	}
	b.conversation()
	b.finish()
	return slices.Clip(unread)
}
