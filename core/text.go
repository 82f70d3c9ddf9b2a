package core

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The checks return what is wrong with a value, or "" for nothing.

// CheckName checks a name or title: 1 to MaxName characters, no control
// characters.
func CheckName(s string) string { return checkLine(s, MaxName) }

// CheckExternalRef checks a caller's own id: 1 to MaxExternalRef characters,
// no control characters. Any other character goes; the reference is compared
// byte for byte.
func CheckExternalRef(s string) string { return checkLine(s, MaxExternalRef) }

func checkLine(s string, most int) string {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return "must not be empty; leave it out or set it to null for none"
	case n > most:
		return fmt.Sprintf("must not be longer than %d characters; it has %d", most, n)
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "must not contain control characters"
	}
	return ""
}

// CheckContent checks an interaction's content: 1 to MaxContentBytes bytes,
// no NUL.
func CheckContent(s string) string { return checkText(s, MaxContentBytes) }

// CheckQuery checks a search query: 1 to MaxQueryBytes bytes, no NUL.
func CheckQuery(s string) string { return checkText(s, MaxQueryBytes) }

func checkText(s string, most int) string {
	switch {
	case s == "":
		return "must not be empty"
	case len(s) > most:
		return fmt.Sprintf("must not be larger than %d bytes; it has %d", most, len(s))
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case strings.ContainsRune(s, 0):
		return "must not contain NUL characters"
	}
	return ""
}

// CheckFact says what is wrong with the text of a fact.
func CheckFact(s string) string { return checkText(s, MaxFactBytes) }
