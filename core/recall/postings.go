package recall

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// About what the parts of an index take, in bytes, beside the text in them:
// the structs, their place in maps, and the room that slices and maps keep for
// growth. TestBytesAreAboutWhatIsAllocated holds them to the truth.
const (
	indexBytes        = 2000
	turnBytes         = 200
	termBytes         = 110
	postingBytes      = 10
	conversationBytes = 200
	sessionBytes      = 130
	speakerBytes      = 250
)

func (t *turn) bytes() int64 {
	return turnBytes + int64(len(t.id)+len(t.content)+len(t.metadata.Value()))
}

// posting says how often a term is in the turn at a place of a session. It
// holds the turn's length as well, for that is wanted wherever the count is.
type posting struct {
	session int32
	at      uint8
	count   uint8  // 255 for that and more
	length  uint16 // in terms; likewise
}

func newPosting(p *place, count int32) posting {
	return posting{
		session: p.session, at: p.at,
		count:  uint8(min(count, math.MaxUint8)),      //nolint:gosec // so bounded
		length: uint16(min(p.length, math.MaxUint16)), //nolint:gosec // so bounded
	}
}

// postings are a term's, by session and by place in it, so that what a session
// has of the term lies together.
type postings struct {
	list     []posting
	sessions int32 // how many there are in list
}

// find gives where the posting of a place is, or would be.
func (l *postings) find(session int32, at uint8) (int, bool) {
	if n := len(l.list); n == 0 || l.list[n-1].before(session, at) {
		return n, false
	}
	return slices.BinarySearchFunc(l.list, at, func(p posting, at uint8) int {
		return cmp.Or(cmp.Compare(p.session, session), cmp.Compare(p.at, at))
	})
}

func (p posting) before(session int32, at uint8) bool {
	return p.session < session || p.session == session && p.at < at
}

// alone reports whether no posting beside the i-th is of the session.
func (l *postings) alone(i int, session int32) bool {
	return (i == 0 || l.list[i-1].session != session) && (i >= len(l.list) || l.list[i].session != session)
}

// in gives the postings of a session.
func (l *postings) in(session int32) []posting {
	from, to := 0, len(l.list)
	for from < to {
		middle := (from + to) / 2
		if l.list[middle].session < session {
			from = middle + 1
		} else {
			to = middle
		}
	}
	to = from
	for to < len(l.list) && l.list[to].session == session {
		to++
	}
	return l.list[from:to]
}

// post adds a posting of a term.
func (x *index) post(term string, p posting) {
	l, ok := x.terms[term]
	if !ok {
		term = strings.Clone(term) // else it would keep the whole text it was cut from
		x.bytes += termBytes + int64(len(term))
	}
	at, _ := l.find(p.session, p.at)
	if l.alone(at, p.session) {
		l.sessions++
	}
	l.list = slices.Insert(l.list, at, p)
	x.terms[term] = l
	x.bytes += postingBytes
}

// unpost removes the posting of a term at a place.
func (x *index) unpost(term string, p *place) {
	l := x.terms[term]
	at, found := l.find(p.session, p.at)
	if !found {
		return
	}
	x.bytes -= postingBytes
	if len(l.list) == 1 {
		delete(x.terms, term)
		x.bytes -= termBytes + int64(len(term))
		return
	}
	l.list = slices.Delete(l.list, at, at+1)
	if l.alone(at, p.session) {
		l.sessions--
	}
	x.terms[term] = l
}
