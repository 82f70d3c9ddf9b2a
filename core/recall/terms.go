package recall

import (
	"cmp"
	"slices"
	"strings"

	"github.com/raven-memory/raven/ports"
)

// analyser turns words into the terms that are indexed.
type analyser struct {
	stemmer ports.Stemmer
	kin     *kinship // nil: nothing is known of what words mean
}

func newAnalyser(s ports.Stemmer, t ports.Thesaurus) analyser {
	a := analyser{stemmer: s}
	if t != nil {
		a.kin = newKinship(t, func(word string) string { return a.term(english, word) })
	}
	return a
}

// term is the form of a word that all its forms share in a language.
func (a analyser) term(l language, word string) string {
	if l == english {
		if base, ok := baseForms[word]; ok {
			word = base
		}
	}
	word = a.stemmer.Stem(languages[l].code, word)
	if languages[l].omitMarks {
		word = withoutMarks(word)
	}
	return word
}

// termCount says how often a term is in a text.
type termCount struct {
	term  string
	count int32
}

// termCounts holds a text's terms, each once, sorted by term.
type termCounts []termCount

// of gives how often a term is there.
func (l termCounts) of(term string) int32 {
	at, found := slices.BinarySearchFunc(l, term, func(c termCount, term string) int { return strings.Compare(c.term, term) })
	if !found {
		return 0
	}
	return l[at].count
}

// terms counts a text's terms, without stop words, and guesses its language.
// length is the number of terms, repeated ones included.
func (a analyser) terms(text string) (counts termCounts, length int32, l language) {
	list := words(text)
	l = detect(list)
	counts = make(termCounts, 0, len(list))
	for _, w := range list {
		if !l.isStop(w) {
			counts = append(counts, termCount{a.term(l, w), 1})
		}
	}
	return count(counts), int32(len(counts)), l //nolint:gosec // bounded by the text
}

// count sorts a list and joins what it has more than once.
func count(list termCounts) termCounts {
	slices.SortFunc(list, func(a, b termCount) int { return cmp.Compare(a.term, b.term) })
	out := list[:0]
	for _, c := range list {
		if n := len(out); n > 0 && out[n-1].term == c.term {
			out[n-1].count += c.count
		} else {
			out = append(out, c)
		}
	}
	return out
}
