package core

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The checks return what is wrong with a value, or "" for nothing.

// CheckName checks a name or title: 1 to MaxName characters, no control
// characters.
func CheckName(s string) string { return checkLine(s, MaxName) }

// CheckOptionalName is CheckName for a name that may be left out or null.
func CheckOptionalName(s string) string { return orNone(s, CheckName) }

// CheckExternalRef checks a caller's own id: 1 to MaxExternalRef characters,
// no control characters. Any other character goes; the reference is compared
// byte for byte.
func CheckExternalRef(s string) string { return checkLine(s, MaxExternalRef) }

// CheckOptionalRef is CheckExternalRef for one that may be left out or null.
func CheckOptionalRef(s string) string { return orNone(s, CheckExternalRef) }

// orNone says how to give none, where an empty text was meant for that.
func orNone(s string, check func(string) string) string {
	if s == "" {
		return mustNotBeEmpty + "; leave it out or set it to null for none"
	}
	return check(s)
}

const mustNotBeEmpty = "must not be empty"

func checkLine(s string, most int) string {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return mustNotBeEmpty
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
		return mustNotBeEmpty
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

// rfc3339 is the form of RFC 3339. time.Parse takes more (one digit for an hour,
// a comma, offsets that no clock has) and less: T and Z in capitals only.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ParseTime reads an RFC 3339 time, to UTC. Its error says what is wrong with the
// text, as the checks do. In UTC the time is in the years 1 to 9999: others could
// not be written as RFC 3339 again.
func ParseTime(s string) (time.Time, error) {
	if !rfc3339.MatchString(s) {
		return time.Time{}, errNoTime
	}
	t, err := time.Parse(time.RFC3339, strings.ToUpper(s))
	if err != nil {
		return time.Time{}, errNoTime
	}
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errors.New("must be between the years 0001 and 9999 in UTC")
	}
	return t, nil
}

var errNoTime = errors.New("must be an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z")
