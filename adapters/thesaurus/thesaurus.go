// Package thesaurus knows which English words are near in meaning. Its table,
// related.bin, is made by the program in test/thesaurus from the word vectors of
// GloVe (Pennington, Socher and Manning, EMNLP 2014; the vectors are in the
// public domain by the PDDL 1.0). It is part of the binary and is read where it
// lies: it takes no memory of its own and no time at the start.
package thesaurus

import (
	_ "embed" // of the table
	"sort"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

//go:embed related.bin
var related []byte

// Thesaurus implements ports.Thesaurus for English.
type Thesaurus struct{ table table }

var _ ports.Thesaurus = (*Thesaurus)(nil)

// New makes a Thesaurus.
func New() *Thesaurus {
	t, err := readTable(related)
	if err != nil {
		panic(err) // it is in the binary, and a test reads it whole
	}
	return &Thesaurus{t}
}

// Related returns words near in meaning to an English word.
func (t *Thesaurus) Related(language, word string) []core.RelatedWord {
	if language != "en" {
		return nil
	}
	n := sort.Search(t.table.words, func(i int) bool { return t.table.word(i) >= word })
	if n == t.table.words || t.table.word(n) != word {
		return nil
	}
	return t.table.related(n)
}
