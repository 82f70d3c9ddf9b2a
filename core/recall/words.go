package recall

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestWord is the most bytes of a word that are kept: enough for any word
// people use, and a bound for the encoded data that they paste.
const longestWord = 64

// words splits text into words, in lower case and in order. A word is a run of
// letters, marks and digits; a decimal point stays within a number, the comma
// between thousands goes. Contractions, possessives and elisions lose what
// hangs at the apostrophe: Ada's → ada, don't → don, l'amour → amour. Scripts
// that write no spaces give each character and each pair of neighbours.
func words(text string) []string {
	text = strings.ToLower(text)
	if strings.ContainsFunc(text, needsFolding) {
		text = compose(strings.Map(foldWidth, text))
	}
	s := splitter{text: text, start: -1, out: make([]string, 0, len(text)/6+1)}
	for i, r := range text {
		s.step(i, r)
	}
	s.endWord(len(text), false)
	return s.out
}

// splitter walks over a text once. start is where the word under way began, -1
// between words.
type splitter struct {
	text       string
	out        []string
	start      int
	apostrophe bool // the word under way follows an apostrophe
	previous   rune // the character before, if it is of a script without spaces
}

func (s *splitter) step(i int, r rune) {
	switch {
	case r < utf8.RuneSelf && asciiWord(r), r >= utf8.RuneSelf && isWordRune(r) && !unspaced(r):
		if s.start < 0 {
			s.start = i
		}
		s.previous = 0
	case r >= utf8.RuneSelf && unspaced(r):
		s.endWord(i, false)
		s.character(r)
	case s.insideNumber(i, r):
	case r == '\'' || r == '’' || r == 'ʼ':
		s.endWord(i, true)
		s.apostrophe = true
		s.previous = 0
	default:
		s.endWord(i, false)
		s.previous = 0
	}
}

func (s *splitter) endWord(end int, atApostrophe bool) {
	after := s.apostrophe
	s.apostrophe = false
	if s.start < 0 {
		return
	}
	w := s.text[s.start:end]
	s.start = -1
	if (after && contracted[w]) || (atApostrophe && elided[w]) {
		return
	}
	if strings.IndexByte(w, ',') >= 0 {
		w = strings.ReplaceAll(w, ",", "")
	}
	s.out = append(s.out, shorten(w))
}

// character adds a character of a script without spaces, and its pair with the
// one before.
func (s *splitter) character(r rune) {
	s.out = append(s.out, string(r))
	if s.previous != 0 {
		s.out = append(s.out, string([]rune{s.previous, r}))
	}
	s.previous = r
}

// insideNumber reports whether r at i is the point of a decimal or the comma
// between thousands.
func (s *splitter) insideNumber(i int, r rune) bool {
	if s.start < 0 || !isDigitAt(s.text, i-1) || !isDigitAt(s.text, i+1) {
		return false
	}
	return r == '.' || r == ',' && isDigitAt(s.text, i+2) && isDigitAt(s.text, i+3) && !isDigitAt(s.text, i+4)
}

// What is dropped after an apostrophe, and before one.
var (
	contracted = map[string]bool{"s": true, "t": true, "re": true, "ll": true, "ve": true, "d": true, "m": true}
	elided     = map[string]bool{
		"c": true, "d": true, "j": true, "l": true, "m": true, "n": true, "o": true, "qu": true, "s": true, "t": true, "un": true,
	}
)

const (
	firstUnspaced = 0x0e00 // Thai is the first of their blocks
	longVowel     = 'ー'    // of both Japanese scripts, so of neither for Unicode
)

func asciiWord(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

func isDigitAt(s string, i int) bool { return 0 <= i && i < len(s) && '0' <= s[i] && s[i] <= '9' }

// unspaced reports whether r is a letter of a script that writes words without
// spaces between them (or, as Korean, with endings that would need a parser).
func unspaced(r rune) bool {
	return r == longVowel || r >= firstUnspaced && isWordRune(r) && unicode.In(r, unicode.Han, unicode.Hiragana,
		unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

func shorten(w string) string {
	if len(w) <= longestWord {
		return w
	}
	end := longestWord
	for !utf8.RuneStart(w[end]) {
		end--
	}
	return w[:end]
}
