package recall

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// appendQuoted appends text as one line that cannot end its line or its block:
// line breaks become " ⏎ ", what is invisible or turns the direction of writing
// goes, angle brackets are escaped. When that is longer than room bytes, it is
// cut before the character that does not fit and ends with an ellipsis; whole
// is false then, and nothing is appended when not one character fits.
func appendQuoted(out []byte, text string, room int) (longer []byte, whole bool) {
	begin, limit := len(out), len(out)+room
	fitting := begin // how much of out leaves room for the ellipsis
	for text != "" && len(out) <= limit {
		n := plainRun(text[:min(len(text), limit+1-len(out))])
		if n > 0 {
			if end := min(len(out)+n, limit-len(ellipsis)); end > len(out) {
				fitting = end
			}
			out = append(out, text[:n]...)
		} else {
			var piece string
			piece, n = quoteFirst(text)
			out = append(out, piece...)
			if len(out) <= limit-len(ellipsis) {
				fitting = len(out)
			}
		}
		text = text[n:]
	}
	if len(out) <= limit {
		return out, true
	}
	if fitting == begin {
		return out[:begin], false
	}
	return append(out[:fitting], ellipsis...), false
}

// quoted is text as appendQuoted writes it, whole.
func quoted(text string) string {
	if plainRun(text) == len(text) {
		return text
	}
	out, _ := appendQuoted(nil, text, len(text)*len("&lt;"))
	return string(out)
}

// quoteFirst gives what stands for the first character of text, and how much of
// text that is.
func quoteFirst(text string) (piece string, size int) {
	if strings.HasPrefix(text, "\r\n") {
		return " ⏎ ", len("\r\n")
	}
	r, size := utf8.DecodeRuneInString(text)
	return quoteRune(r, text[:size]), size
}

// lineBreaks are all that Unicode's line breaking must break at.
const lineBreaks = "\n\v\f\r\u0085\u2028\u2029"

// firstSpecial is where the planes of tags, variation selectors and private
// characters begin.
const firstSpecial = 0xe0000

// printable are the bytes that a quoted line has as they are.
var printable = func() (table [256]bool) {
	for c := ' '; c <= '~'; c++ {
		table[c] = c != '<' && c != '>'
	}
	return table
}()

// plainRun gives how many plain bytes text begins with.
func plainRun(text string) int {
	for i := range len(text) {
		if !printable[text[i]] {
			return i
		}
	}
	return len(text)
}

// quoteRune gives what stands for r, which is raw in the text.
func quoteRune(r rune, raw string) string {
	switch {
	case r == utf8.RuneError:
		return string(utf8.RuneError) // also for bytes that are no UTF-8
	case strings.ContainsRune(lineBreaks, r):
		return " ⏎ "
	case r == '\t':
		return " "
	case r == '<':
		return "&lt;"
	case r == '>':
		return "&gt;"
	case r == '\u200c' || r == '\u200d': // they join and part letters and emoji
		return raw
	case unicode.Is(unicode.C, r), r >= firstSpecial: // controls, marks of direction; what can hide text
		return ""
	}
	return raw
}
