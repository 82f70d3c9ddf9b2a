package recall

import "github.com/raven-memory/raven/ports"

// analyser turns words into the terms that are indexed.
type analyser struct{ stemmer ports.Stemmer }

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

// terms counts a text's terms, without stop words, and guesses its language.
// length is the number of terms, repeated ones included.
func (a analyser) terms(text string) (counts map[string]int32, length int32, l language) {
	list := words(text)
	l = detect(list)
	counts = make(map[string]int32, len(list))
	for _, w := range list {
		if !l.isStop(w) {
			counts[a.term(l, w)]++
			length++
		}
	}
	return counts, length, l
}
