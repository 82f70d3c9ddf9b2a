package recall

import "strings"

// The standard library has no Unicode normalisation. What recall needs of it
// is here: one letter with a mark is the same written in one code point or in
// two, and, where a language's writers leave marks out, the same as without.

// marked lists, for each combining mark, letters and what they become with it.
var marked = map[rune]string{
	'\u0300': "aàeèiìoòuùnǹ",
	'\u0301': "aáeéiíoóuúyýcćnńsśzźlĺrŕ",
	'\u0302': "aâeêiîoôuûcĉgĝhĥjĵsŝwŵyŷ",
	'\u0303': "aãnñoõiĩuũ",
	'\u0304': "aāeēiīoōuū",
	'\u0306': "aăeĕgğiĭoŏuŭий",
	'\u0307': "cċeėgġzż",
	'\u0308': "aäeëiïoöuüyÿеё",
	'\u030a': "aåuů",
	'\u030b': "oőuű",
	'\u030c': "cčdďeěnňrřsštťzž",
	'\u0327': "cçsştţgģkķlļnņ",
	'\u0328': "aąeęiįuų",
}

var composed, plain = markTables()

// markTables gives what a letter and a mark become together, and what letter a
// marked one is without. Russian й is a letter of its own.
func markTables() (together map[[2]rune]rune, without map[rune]rune) {
	together, without = map[[2]rune]rune{}, map[rune]rune{}
	for mark, list := range marked {
		pairs := []rune(list)
		for i := 0; i < len(pairs); i += 2 {
			together[[2]rune{pairs[i], mark}] = pairs[i+1]
			if pairs[i+1] != 'й' {
				without[pairs[i+1]] = pairs[i]
			}
		}
	}
	return together, without
}

func needsFolding(r rune) bool { return isCombining(r) || foldWidth(r) != r }

func isCombining(r rune) bool { return 0x300 <= r && r <= 0x36f }

// foldWidth gives the ordinary form of a full-width letter, digit or sign.
func foldWidth(r rune) rune {
	if '！' <= r && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

// compose joins letters and the combining marks after them; a mark that goes
// with no letter before it stays.
func compose(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if n := len(out); n > 0 && isCombining(r) {
			if one, ok := composed[[2]rune{out[n-1], r}]; ok {
				out[n-1] = one
				continue
			}
		}
		out = append(out, r)
	}
	return string(out)
}

// withoutMarks gives s with plain letters in the place of marked ones.
func withoutMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if p, ok := plain[r]; ok {
			return p
		}
		return r
	}, s)
}
