package thesaurus

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/raven-memory/raven/core"
)

// The table, little-endian:
//
//	magic | words u32 | n+1 offsets of words u32 | n+1 offsets of related words u32 |
//	the words, sorted, without separators | related words, each a word's number u16 and a nearness u8
//
// Offsets count bytes of the words, and related words.
const (
	magic      = "raven thesaurus 1\n"
	maxWords   = 1 << 16
	entrySize  = 3
	mostNear   = 255
	offsetSize = 4
)

var errTable = errors.New("thesaurus: the table is damaged")

// table is an encoded table as it lies.
type table struct {
	words   int
	ends    []byte // offsets of words
	links   []byte // offsets of related words
	text    []byte
	entries []byte
}

// readTable checks all of a table's offsets, so that reading from it can't fail.
func readTable(b []byte) (t table, err error) {
	if len(b) < len(magic)+offsetSize || string(b[:len(magic)]) != magic {
		return t, errTable
	}
	b = b[len(magic):]
	t.words = int(binary.LittleEndian.Uint32(b))
	b = b[offsetSize:]
	index := (t.words + 1) * offsetSize
	if t.words > maxWords || len(b) < 2*index {
		return t, errTable
	}
	t.ends, t.links, b = b[:index], b[index:2*index], b[2*index:]
	if t.text, b, err = part(t.ends, b, 1); err != nil {
		return t, err
	}
	if t.entries, b, err = part(t.links, b, entrySize); err != nil {
		return t, err
	}
	for i := 0; i < len(t.entries); i += entrySize {
		if int(binary.LittleEndian.Uint16(t.entries[i:])) >= t.words {
			return t, errTable
		}
	}
	if len(b) > 0 {
		return t, errTable
	}
	return t, nil
}

// part cuts off b what ascending offsets from 0 reach.
func part(offsets, b []byte, size int) (of, rest []byte, err error) {
	last := 0
	for i := range len(offsets) / offsetSize {
		at := offset(offsets, i)
		if at < last || i == 0 && at != 0 || at > len(b)/size {
			return nil, nil, errTable
		}
		last = at
	}
	return b[:last*size], b[last*size:], nil
}

func offset(offsets []byte, i int) int {
	return int(binary.LittleEndian.Uint32(offsets[i*offsetSize:]))
}

func (t table) word(i int) string { return string(t.text[offset(t.ends, i):offset(t.ends, i+1)]) }

func (t table) related(i int) []core.RelatedWord {
	from, to := offset(t.links, i), offset(t.links, i+1)
	list := make([]core.RelatedWord, 0, to-from)
	for at := from * entrySize; at < to*entrySize; at += entrySize {
		list = append(list, core.RelatedWord{
			Word:     t.word(int(binary.LittleEndian.Uint16(t.entries[at:]))),
			Nearness: float64(t.entries[at+2]) / mostNear,
		})
	}
	return list
}

// Encode makes a table of words and what they are related to. It is for the
// program that makes the product's own; words that have nothing related and
// are related to nothing are left out.
func Encode(related map[string][]core.RelatedWord) ([]byte, error) {
	numbers := map[string]int{}
	for word, list := range related {
		numbers[word] = 0
		for _, r := range list {
			numbers[r.Word] = 0
		}
	}
	words := make([]string, 0, len(numbers))
	for word := range numbers {
		words = append(words, word)
	}
	if len(words) > maxWords {
		return nil, errors.New("thesaurus: too many words")
	}
	slices.Sort(words)
	for i, word := range words {
		numbers[word] = i
	}
	var ends, links, text, entries []byte
	for _, word := range words {
		ends = binary.LittleEndian.AppendUint32(ends, uint32(len(text)))                //nolint:gosec // bounded by maxWords
		links = binary.LittleEndian.AppendUint32(links, uint32(len(entries)/entrySize)) //nolint:gosec // likewise
		text = append(text, word...)
		for _, r := range related[word] {
			entries = binary.LittleEndian.AppendUint16(entries, uint16(numbers[r.Word])) //nolint:gosec // below maxWords
			entries = append(entries, byte(r.Nearness*mostNear+0.5))
		}
	}
	ends = binary.LittleEndian.AppendUint32(ends, uint32(len(text)))                //nolint:gosec // as above
	links = binary.LittleEndian.AppendUint32(links, uint32(len(entries)/entrySize)) //nolint:gosec // as above
	out := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(words)))      //nolint:gosec // as above
	return slices.Concat(out, ends, links, text, entries), nil
}
