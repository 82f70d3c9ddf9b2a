package recall

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

// A segment holds blobs' interactions as prepare makes them, so that an index is
// built from it without reading the blobs and without analysing their text:
//
//	format u8 | analyser[8]
//	strings: how many, each by length    conversations, roles, names, metadata
//	terms:   how many, each by length    ascending
//	blobs:   how many, each
//	         id by length | conversation | contents[8] | turns by length
//	turn:    id length | content length | id | content | number | role | name | metadata |
//	         occurred | accepted | language | length | how many terms, each: distance | count
//
// Numbers are varints; what names a string or a term is its place in its table,
// a term's counted from the one before. Times are Unix milliseconds. What is of
// another format or analyser is as if it were not there.
const segmentFormat = 1

// fingerprint tells analysers apart that make different terms of a text, and
// what blobs hold.
type fingerprint [8]byte

func fingerprintOf(data []byte) fingerprint {
	sum := sha256.Sum256(data)
	return fingerprint(sum[:8])
}

// sample is text by whose terms one analyser is told from another, beside all
// stop words that it knows.
const sample = `Ada's children weren't running to the 2,500 cafés at 3.14 o'clock; they'd flown home happily. L'été,
	j'étais à l'école. Die Häuser wären größer gewesen. Los niños cantaban canciones. Я читала интересные книги.
	东京の図書館で本を読みました。 한국어를 공부했습니다. https://example.com/a-b_c?x=1 naïve Ｆｕｌｌ 🙂 ada@example.com`

// fingerprint is of what the analyser makes of its sample.
func (a analyser) fingerprint() fingerprint {
	var out []byte
	for _, l := range append([]string{sample}, stopLists()...) {
		counts, length, guessed := a.terms(l + " " + sample)
		out = fmt.Append(out, guessed, length)
		for _, c := range counts {
			out = fmt.Append(out, c.term, c.count)
		}
	}
	return fingerprintOf(out)
}

func stopLists() []string {
	lists := make([]string, 0, len(languages))
	for _, l := range languages {
		lists = append(lists, l.stop)
	}
	return lists
}

// contentsOf tells which interactions a blob holds.
func contentsOf[ID ~string](ids []ID) fingerprint {
	var out []byte
	for _, id := range ids {
		out = append(append(out, id...), 0)
	}
	return fingerprintOf(out)
}

// packable is a blob's turns, to be put into a segment.
type packable struct {
	blob  core.BlobRecord // its header
	turns []prepared
}

// table numbers strings.
type table struct {
	places map[string]uint64
	list   []string
}

func (t *table) place(s string) uint64 {
	if at, ok := t.places[s]; ok {
		return at
	}
	at := uint64(len(t.list))
	t.places[s] = at
	t.list = append(t.list, s)
	return at
}

func appendString(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func appendStrings(out []byte, list []string) []byte {
	out = binary.AppendUvarint(out, uint64(len(list)))
	for _, s := range list {
		out = appendString(out, s)
	}
	return out
}

// encodeSegment makes a segment for an analyser.
func encodeSegment(by fingerprint, blobs []packable) []byte {
	terms := termsOf(blobs)
	places := make(map[string]uint64, len(terms))
	for i, term := range terms {
		places[term] = uint64(i)
	}
	names := &table{places: map[string]uint64{}}
	var body []byte
	for i := range blobs {
		b := &blobs[i]
		body = appendString(body, string(b.blob.ID))
		body = binary.AppendUvarint(body, names.place(string(b.blob.Conversation)))
		contents := contentsOf(b.blob.Interactions)
		body = append(body, contents[:]...)
		var turns []byte
		for j := range b.turns {
			turns = appendTurn(turns, &b.turns[j], names, places)
		}
		body = appendString(body, string(turns))
	}
	out := append([]byte{segmentFormat}, by[:]...)
	out = appendStrings(appendStrings(out, names.list), terms)
	return append(binary.AppendUvarint(out, uint64(len(blobs))), body...)
}

// termsOf are all terms of the blobs, each once, sorted.
func termsOf(blobs []packable) []string {
	seen := map[string]bool{}
	var list []string
	for i := range blobs {
		for j := range blobs[i].turns {
			for _, c := range blobs[i].turns[j].terms {
				if !seen[c.term] {
					seen[c.term] = true
					list = append(list, c.term)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

func appendTurn(out []byte, p *prepared, names *table, terms map[string]uint64) []byte {
	in := &p.interaction
	out = binary.AppendUvarint(out, uint64(len(in.ID)))
	out = binary.AppendUvarint(out, uint64(len(in.Content)))
	out = append(append(out, in.ID...), in.Content...)
	out = binary.AppendVarint(out, in.Number)
	for _, s := range []string{string(in.Role), in.Name, string(in.Metadata)} {
		out = binary.AppendUvarint(out, names.place(s))
	}
	out = binary.AppendVarint(out, in.OccurredAt.UnixMilli())
	out = binary.AppendVarint(out, in.AcceptedAt.UnixMilli())
	out = append(out, byte(p.language))
	out = binary.AppendUvarint(out, uint64(p.length)) //nolint:gosec // never negative
	out = binary.AppendUvarint(out, uint64(len(p.terms)))
	last := uint64(0)
	for _, c := range p.terms {
		at := terms[c.term]
		out = binary.AppendUvarint(out, at-last)
		out = binary.AppendUvarint(out, uint64(c.count)) //nolint:gosec // never negative
		last = at
	}
	return out
}

// segment is one that was opened. Its turns are decoded when they are wanted.
type segment struct {
	names []string
	terms []string
	blobs map[core.BlobID]packed

	built []int32 // what a builder made of the terms: their place in its own lists and 1
}

// packed is a blob in a segment.
type packed struct {
	in           *segment
	conversation core.ConversationID
	contents     fingerprint
	turns        []byte
}

// decodeSegment opens what encodeSegment made. ok is false for anything else.
func decodeSegment(by fingerprint, data []byte) (s *segment, ok bool) {
	r := &decoder{rest: data}
	if r.byte() != segmentFormat || r.array() != by {
		return nil, false
	}
	s = &segment{names: r.strings(), terms: r.strings(), blobs: map[core.BlobID]packed{}}
	for range r.count(1 + 1 + 8 + 1) {
		id := core.BlobID(r.bytes())
		p := packed{in: s, conversation: core.ConversationID(r.pick(s.names)), contents: r.array(), turns: r.bytes()}
		s.blobs[id] = p
	}
	return s, !r.failed && len(r.rest) == 0
}

// each decodes the turns of a blob, and gives with each its terms by their place
// in the segment's table instead of by themselves; they are use's until it
// returns. It is false where a turn does not decode; those before were used.
func (p packed) each(blob core.BlobID, use func(turn prepared, terms []placeCount)) bool {
	r := &decoder{rest: p.turns}
	for len(r.rest) > 0 {
		turn := r.turn(p.in)
		if r.failed {
			return false
		}
		turn.interaction.Conversation, turn.interaction.Blob = p.conversation, blob
		use(turn, r.counts)
	}
	return true
}

// all decodes the turns of a blob as they were prepared.
func (p packed) all(blob core.BlobID) (list []prepared, ok bool) {
	ok = p.each(blob, func(turn prepared, terms []placeCount) {
		turn.terms = make(termCounts, 0, len(terms))
		for _, c := range terms {
			turn.terms = append(turn.terms, termCount{p.in.terms[c.place], c.count})
		}
		list = append(list, turn)
	})
	return list, ok
}

// decoder reads from what may be cut or not be what it seems: from its first
// failure on it gives zero values. It allocates no more than what it reads can hold.
type decoder struct {
	rest   []byte
	failed bool
	counts []placeCount // of the turn that was read
}

func (r *decoder) fail() { r.failed, r.rest = true, nil }

func (r *decoder) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *decoder) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *decoder) array() (out fingerprint) {
	copy(out[:], r.take(uint64(len(out))))
	return out
}

func (r *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *decoder) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads how many things follow that take so many bytes at least.
func (r *decoder) count(least uint64) uint64 {
	n := r.uvarint()
	if n > uint64(len(r.rest))/least {
		r.fail()
		return 0
	}
	return n
}

func (r *decoder) bytes() []byte { return r.take(r.uvarint()) }

// strings gives parts of one string, which is kept as long as any of them.
func (r *decoder) strings() []string {
	n := r.count(1)
	begin := r.rest
	ends := make([]int, 0, n)
	for range n {
		r.bytes()
		ends = append(ends, len(begin)-len(r.rest))
	}
	if r.failed {
		return nil
	}
	all := string(begin[:len(begin)-len(r.rest)])
	list := make([]string, 0, n)
	at := 0
	for _, end := range ends {
		_, size := binary.Uvarint(begin[at:])
		list = append(list, all[at+size:end])
		at = end
	}
	return list
}

// pick reads a place in a table.
func (r *decoder) pick(from []string) string {
	at := r.uvarint()
	if at >= uint64(len(from)) {
		r.fail()
		return ""
	}
	return from[at]
}

func (r *decoder) turn(s *segment) (p prepared) {
	in := &p.interaction
	id, content := r.uvarint(), r.uvarint()
	if id > uint64(len(r.rest)) || content > uint64(len(r.rest)) {
		r.fail()
		return p
	}
	text := string(r.take(id + content)) // one allocation for both
	if r.failed {
		return p
	}
	in.ID, in.Content = core.InteractionID(text[:id]), text[id:]
	in.Number = r.varint()
	in.Role, in.Name, in.Metadata = core.Role(r.pick(s.names)), r.pick(s.names), core.Metadata(r.pick(s.names))
	in.OccurredAt, in.AcceptedAt = time.UnixMilli(r.varint()).UTC(), time.UnixMilli(r.varint()).UTC()
	p.language = language(r.byte())
	length := r.uvarint()
	r.readCounts(uint64(len(s.terms)))
	if int(p.language) >= len(languages) || length > 2*core.MaxContentBytes {
		r.fail()
	}
	p.length = int32(length) //nolint:gosec // so bounded
	return p
}

// readCounts reads a turn's terms, of a table of so many.
func (r *decoder) readCounts(terms uint64) {
	r.counts = r.counts[:0]
	at := uint64(0)
	for i := range r.count(2) {
		distance, count := r.uvarint(), r.uvarint()
		at += distance
		if distance > terms || i > 0 && distance == 0 || at >= terms || count > 2*core.MaxContentBytes {
			r.fail()
			return
		}
		r.counts = append(r.counts, placeCount{int32(at), int32(count)}) //nolint:gosec // so bounded
	}
}
