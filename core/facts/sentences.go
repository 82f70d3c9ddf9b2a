package facts

import (
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
func sentences(text string) []string {
	var out []string
	text = unquoted(text)
	for start := 0; start < len(text) && len(out) < maxSentences; {
		end := start + endOfSentence(text[start:])
		if s := strings.TrimSpace(text[start:end]); s != "" && len(s) <= maxSentence {
			out = append(out, s)
		}
		start = end
	}
	return out
}

// maxQuoted is how far, in bytes, the mark that ends a quotation is looked for.
const maxQuoted = 1000

var closing = map[rune]string{'[': "]", '(': ")", '"': `"`, '“': "”", '«': "»"}

// unquoted puts a space in the place of what is quoted or between brackets.
func unquoted(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		next := i + size
		if end := closing[r]; end != "" {
			within := text[next:min(next+maxQuoted, len(text))]
			if n := strings.Index(within, end); n >= 0 {
				out.WriteByte(' ')
				i = next + n + len(end)
				continue
			}
		}
		out.WriteString(text[i:next])
		i = next
	}
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
func asks(sentence string) bool { return strings.ContainsAny(sentence, "?？¿") }

// bare is a sentence without what people put before it: greetings, agreement,
// the name of whom they talk to.
func bare(sentence string) string {
	for {
		short := opening.ReplaceAllString(sentence, "")
		if short == sentence {
			return sentence
		}
		sentence = short
	}
}

var opening = regexp.MustCompile(`^(?:(?i:hey|hi|hello|well|oh|ah|wow|yeah|yes|yep|yup|no|nope|so|and|but|also|plus|btw|by the way|actually|honestly|anyway|anyways|haha|lol|thanks|thank you|sorry|sure|ok|okay|cool|nice|great|right|true|totally|absolutely|definitely|of course|as for me|personally|to be honest|fun fact|in fact|fyi|hallo|ja|nein|übrigens|hola|sí|bueno|bonjour|salut|oui|en fait)(?:[\s]*[,!.:…-]+\s*|\s+)|[A-Z][a-zà-ÿ]+,\s+|[^\pL\pN]+)`)
