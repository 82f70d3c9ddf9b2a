package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// value reads and writes one field of a Config as text. What text gives, set
// takes again.
type value struct {
	set     func(text string) error // leaves the field alone when it fails
	text    func() string
	allowed string // for people: "10 to 20"; starts in lower case
	secret  bool
	target  any // the field's address
}

// field makes a value of a parser and a formatter.
func field[T any](target *T, allowed string, parse func(string) (T, error), format func(T) string) value {
	return value{
		set: func(text string) error {
			v, err := parse(text)
			if err == nil {
				*target = v
			}
			return err
		},
		text:    func() string { return format(*target) },
		allowed: allowed,
		target:  target,
	}
}

// refused is the error of a value that is not what is allowed. It quotes the
// value, so it is never for secrets.
func refused(text, allowed string) error {
	return fmt.Errorf("%s is refused; allowed: %s", quote(text), allowed)
}

func quote(text string) string {
	const longest = 80
	if utf8.RuneCountInString(text) > longest {
		text = string([]rune(text)[:longest]) + "…"
	}
	return strconv.Quote(text)
}

// choice is one of several words.
func choice[T ~string](target *T, words []T) value {
	allowed := join(words)
	parse := func(text string) (T, error) {
		if w := T(text); slices.Contains(words, w) {
			return w, nil
		}
		return "", refused(text, allowed)
	}
	return field(target, allowed, parse, func(w T) string { return string(w) })
}

// orEmpty lets a choice be none.
func orEmpty[T ~string](target *T, v value) value {
	strict := v.set
	v.set = func(text string) error {
		if text == "" {
			*target = ""
			return nil
		}
		return strict(text)
	}
	v.allowed += ", or empty"
	return v
}

// join lists words as a sentence does.
func join[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// number is a whole number within bounds.
func number(target *int64, least, most int64) value {
	allowed := fmt.Sprintf("%d to %d", least, most)
	parse := func(text string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least || n > most {
			return 0, refused(text, allowed)
		}
		return n, nil
	}
	return field(target, allowed, parse, func(n int64) string { return strconv.FormatInt(n, 10) })
}

// boolean is a yes or a no.
func boolean(target *bool) value {
	const allowed = "true or false"
	parse := func(text string) (bool, error) {
		switch text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, refused(text, allowed)
	}
	return field(target, allowed, parse, strconv.FormatBool)
}

// duration is a time span within bounds, as Go writes it.
func duration(target *time.Duration, least, most time.Duration) value {
	allowed := fmt.Sprintf("%s to %s, with a unit: ms, s, m, h", formatDuration(least), formatDuration(most))
	parse := func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return 0, refused(text, allowed)
		}
		return d, nil
	}
	return field(target, allowed, parse, formatDuration)
}

// formatDuration is Duration.String without units that are zero.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeUnits are in descending order.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// size is a number of bytes within bounds.
func size(target *int64, least, most int64) value {
	allowed := fmt.Sprintf("%s to %s; KiB, MiB, GiB, TiB or plain bytes", formatSize(least), formatSize(most))
	parse := func(text string) (int64, error) {
		n, ok := parseSize(text)
		if !ok || n < least || n > most {
			return 0, refused(text, allowed)
		}
		return n, nil
	}
	return field(target, allowed, parse, formatSize)
}

func parseSize(text string) (int64, bool) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if digits, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = digits, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// path is a file's or folder's name; optional allows none.
func path(target *string, optional bool) value {
	allowed := "a path"
	if optional {
		allowed = "a path, or empty for none"
	}
	parse := func(text string) (string, error) {
		if !plain(text) || (text == "" && !optional) {
			return "", refused(text, allowed)
		}
		return text, nil
	}
	return field(target, allowed, parse, func(s string) string { return s })
}

func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// level is a log level.
func level(target *slog.Level) value {
	words := []string{"debug", "info", "warn", "error"}
	parse := func(text string) (slog.Level, error) {
		var l slog.Level
		if !slices.Contains(words, text) || l.UnmarshalText([]byte(text)) != nil {
			return 0, refused(text, join(words))
		}
		return l, nil
	}
	return field(target, join(words), parse, func(l slog.Level) string { return strings.ToLower(l.String()) })
}

// secret is a text that is never shown. check returns what is wrong with it
// without quoting it, or nil.
func secret(target *Secret, allowed string, check func(string) bool) value {
	parse := func(text string) (Secret, error) {
		switch {
		case text == "":
			return "", nil
		case text == secretMask:
			return "", errors.New("the value is the mask that a printed configuration shows, not the secret")
		case !utf8.ValidString(text) || !check(text):
			return "", fmt.Errorf("the value is refused; allowed: %s", allowed)
		}
		return Secret(text), nil
	}
	v := field(target, allowed, parse, Secret.masked)
	v.secret = true
	return v
}
