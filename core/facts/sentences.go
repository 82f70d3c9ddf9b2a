package facts

import (
	"iter"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// maxSentence is the longest sentence, in bytes, that rules look at: people
	// say what they are in few words.
	maxSentence = 400
	// maxSentences bounds the work on one interaction.
	maxSentences = 200
)

// sentences splits a text into its sentences, each with the mark that ends it.
// What is quoted or between brackets is somebody else's, and is left out.
func sentences(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := unquoted(text)
		for n := 0; rest != "" && n < maxSentences; {
			end := endOfSentence(rest)
			if s := strings.TrimSpace(rest[:end]); s != "" && len(s) <= maxSentence {
				if !yield(s) {
					return
				}
				n++
			}
			rest = rest[end:]
		}
	}
}

// maxQuoted is how far, in bytes, the mark that ends a quotation is looked for.
const maxQuoted = 1000

var closing = map[rune]string{'[': "]", '(': ")", '"': `"`, '“': "”", '«': "»"}

// unquoted puts a space in the place of what is quoted or between brackets.
func unquoted(text string) string {
	var out strings.Builder
	kept := 0 // what is before it is in out
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf && c != '[' && c != '(' && c != '"' { // nearly all that is said
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		next := i + size
		if end := closing[r]; end != "" {
			within := text[next:min(next+maxQuoted, len(text))]
			if n := strings.Index(within, end); n >= 0 {
				out.WriteString(text[kept:i])
				out.WriteByte(' ')
				next += n + len(end)
				kept = next
			}
		}
		i = next
	}
	if kept == 0 {
		return text
	}
	out.WriteString(text[kept:])
	return out.String()
}

// endOfSentence is where the first sentence of a text ends: after a mark that a
// space follows, or at the end of a line. A point within a word ends none.
func endOfSentence(text string) int {
	for i, r := range text {
		next := i + utf8.RuneLen(r)
		switch r {
		case '\n':
			return next
		case '!', '?', '…', '。', '！', '？':
			for next < len(text) && strings.ContainsRune("!?.", rune(text[next])) {
				next++
			}
			return next
		case '.':
			if next == len(text) || text[next] == ' ' || text[next] == '\n' {
				return next
			}
		}
	}
	return len(text)
}

// asks reports whether a sentence is a question.
func asks(sentence string) bool {
	return strings.Contains(sentence, "?") || strings.Contains(sentence, "？") || strings.Contains(sentence, "¿")
}

// bare is a sentence without what people put before it: greetings, agreement,
// the name of whom they talk to.
func bare(sentence string) string {
	for mayOpen(sentence) {
		at := opening.FindStringIndex(sentence)
		if at == nil {
			break
		}
		sentence = sentence[at[1]:]
	}
	return sentence
}

// openings are the words that people put before what they say.
const openings = `hey|hi|hello|well|oh|ah|wow|yeah|yes|yep|yup|no|nope|so|and|but|also|plus|btw|by the way|actually|honestly|anyway|anyways|haha|lol|thanks|thank you|sorry|sure|ok|okay|cool|nice|great|right|true|totally|absolutely|definitely|of course|as for me|personally|to be honest|fun fact|in fact|fyi|hallo|ja|nein|übrigens|hola|sí|bueno|bonjour|salut|oui|en fait`

var opening = regexp.MustCompile(`^(?:(?i:` + openings + `)(?:[\s]*[,!.:…-]+\s*|\s+)|[A-Z][a-zà-ÿ]+,\s+|[^\pL\pN]+)`)

// openers are the first words of openings.
var openers = func() map[string]bool {
	set := map[string]bool{}
	for words := range strings.SplitSeq(openings, "|") {
		first, _, _ := strings.Cut(words, " ")
		set[first] = true
	}
	return set
}()

// mayOpen reports whether opening may match, which takes its time: not where a
// sentence begins with an ASCII word that is no opener and has no comma after it.
func mayOpen(sentence string) bool {
	n := 0
	for n < len(sentence) && isLetter(sentence[n]) {
		n++
	}
	if n == 0 || n == len(sentence) || sentence[n] >= utf8.RuneSelf || sentence[n] == ',' {
		return true
	}
	var lower [16]byte
	word := append(lower[:0], sentence[:n]...)
	for i := range word {
		word[i] |= 0x20
	}
	return openers[string(word)]
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
