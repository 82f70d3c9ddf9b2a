package recall

import (
	"slices"
	"sync"

	"github.com/raven-memory/raven/ports"
)

// maxKinWords bounds for how many words their kin is remembered.
const maxKinWords = 4096

// kinship knows the terms of words near in meaning, and remembers those of the
// words it was asked about: stemming them took longer than the rest of a
// question. It remembers words of its thesaurus only, which all tenants have in
// common. Safe for concurrent use.
type kinship struct {
	thesaurus ports.Thesaurus
	term      func(word string) string

	mu    sync.Mutex
	known map[string][]kinTerm
}

// kinTerm is a term near in meaning to a word. One counts by how near it is,
// squared, so that what is only of the same kind counts little beside what means
// the same.
type kinTerm struct {
	term   string
	weight float64
}

func newKinship(t ports.Thesaurus, term func(word string) string) *kinship {
	return &kinship{thesaurus: t, term: term, known: map[string][]kinTerm{}}
}

// of gives a word's kin, nearest first, each term once.
func (k *kinship) of(word string) []kinTerm {
	k.mu.Lock()
	list, known := k.known[word]
	k.mu.Unlock()
	if known {
		return list
	}
	for _, r := range k.thesaurus.Related(languages[english].code, word) {
		term := k.term(r.Word)
		if !slices.ContainsFunc(list, func(l kinTerm) bool { return l.term == term }) {
			list = append(list, kinTerm{term, r.Nearness * r.Nearness})
		}
	}
	if list != nil {
		k.remember(word, list)
	}
	return list
}

func (k *kinship) remember(word string, list []kinTerm) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKinWords {
		clear(k.known)
	}
	k.known[word] = list
}
