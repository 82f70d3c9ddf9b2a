// Package snowball stems words with the algorithms of the Snowball project
// (snowballstem.org), for the languages that github.com/kljensen/snowball has.
package snowball

import (
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
	"github.com/kljensen/snowball/french"
	"github.com/kljensen/snowball/hungarian"
	"github.com/kljensen/snowball/norwegian"
	"github.com/kljensen/snowball/russian"
	"github.com/kljensen/snowball/spanish"
	"github.com/kljensen/snowball/swedish"

	"github.com/raven-memory/raven/ports"
)

// longestWord is the most characters of a word that is stemmed; nothing longer
// is a word of these languages.
const longestWord = 40

// Stemmer implements ports.Stemmer.
type Stemmer struct{}

// New makes a Stemmer.
func New() Stemmer { return Stemmer{} }

var _ ports.Stemmer = Stemmer{}

var algorithms = map[string]func(word string, stopWordsToo bool) string{
	"en": english.Stem,
	"es": spanish.Stem,
	"fr": french.Stem,
	"hu": hungarian.Stem,
	"no": norwegian.Stem,
	"ru": russian.Stem,
	"sv": swedish.Stem,
}

// Stem returns the word's stem. Languages: en, es, fr, hu, no, ru, sv; a word
// of another one, or of more than 40 characters, comes back as it is.
func (Stemmer) Stem(language, word string) string {
	stem, ok := algorithms[language]
	if !ok || utf8.RuneCountInString(word) > longestWord {
		return word
	}
	return stem(word, true)
}
