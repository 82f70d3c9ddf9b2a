package recall

import (
	"cmp"
	"slices"
	"strings"
)

// About what the parts of an index take, in bytes, beside the text in them:
// the structs, their place in maps, and the room that slices and maps keep for
// growth. TestBytesAreAboutWhatIsAllocated holds them to the truth.
const (
	indexBytes        = 2000
	turnBytes         = 220
	termBytes         = 110
	postingBytes      = 12
	conversationBytes = 200
)

func (t *turn) bytes() int64 {
	return turnBytes + int64(len(t.id)+len(t.content)+len(t.metadata.Value()))
}

// post adds a posting of a term.
func (x *index) post(term string, p posting) {
	list, ok := x.terms[term]
	if !ok {
		term = strings.Clone(term) // else it would keep the whole text it was cut from
		x.bytes += termBytes + int64(len(term))
	}
	at := len(list)
	if at > 0 && list[at-1].slot > p.slot {
		at, _ = slices.BinarySearchFunc(list, p.slot, bySlot)
	}
	x.terms[term] = slices.Insert(list, at, p)
	x.bytes += postingBytes
}

// unpost removes a turn's posting of a term.
func (x *index) unpost(term string, slot int32) {
	list := x.terms[term]
	at, found := slices.BinarySearchFunc(list, slot, bySlot)
	if !found {
		return
	}
	x.bytes -= postingBytes
	if len(list) == 1 {
		delete(x.terms, term)
		x.bytes -= termBytes + int64(len(term))
		return
	}
	x.terms[term] = slices.Delete(list, at, at+1)
}

func bySlot(p posting, slot int32) int { return cmp.Compare(p.slot, slot) }
