package fiberhttp

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/raven-memory/raven/core"
)

type paramKind int

const (
	paramText paramKind = iota + 1
	paramCursor
	paramNumber
	paramChoice
)

// param is a query parameter of a route.
type param struct {
	name     string
	kind     paramKind
	doc      string
	required bool

	low, high, preset int64               // of a number
	choices           []string            // of a choice; the first is the preset
	check             func(string) string // of a text: what is wrong with it, or ""
	personal          bool                // it may name a person, and is not repeated in a refusal
}

// queryValues holds the parameters that were given, checked, and the presets of
// the others.
type queryValues struct {
	texts   map[string]string
	numbers map[string]int64
}

func (q queryValues) text(name string) (string, bool) { v, ok := q.texts[name]; return v, ok }
func (q queryValues) limit() int                      { return int(q.numbers["limit"]) }

// parseQuery reads a raw query by the route's parameters. A parameter that is
// not one of them, comes twice or has a bad value fails with CodeValidation; a
// cursor that can be none with CodeInvalidCursor, as any other broken one.
func parseQuery(raw string, params []param) (queryValues, error) {
	if raw == "" && len(params) == 0 {
		return queryValues{}, nil
	}
	q := queryValues{texts: map[string]string{}, numbers: map[string]int64{}}
	given, err := url.ParseQuery(raw)
	if err != nil {
		return q, core.Invalid("query", "is not a well-formed query string", nil)
	}
	var bad []core.FieldError
	for _, name := range sortedNames(given) {
		if !slices.ContainsFunc(params, func(p param) bool { return p.name == name }) {
			bad = append(bad, core.FieldError{Location: "query." + shownName(strings.ToValidUTF8(name, "�")), Message: "is not a parameter of this request"})
		}
	}
	for _, p := range params {
		values := given[p.name]
		if p.kind == paramCursor && len(values) > 0 && !mayBeCursor(values) {
			return q, brokenCursor()
		}
		if msg := p.read(&q, values); msg != "" {
			bad = append(bad, core.FieldError{Location: "query." + p.name, Message: msg, Value: p.shown(values)})
		}
	}
	if len(bad) > 0 {
		return q, core.InvalidFields(bad[:min(len(bad), maxFieldErrors)])
	}
	return q, nil
}

func sortedNames(v url.Values) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// mayBeCursor reports whether a cursor was given once, and in letters that one has.
func mayBeCursor(values []string) bool {
	return len(values) == 1 && visibleASCII(values[0], core.MaxURIBytes)
}

func brokenCursor() error {
	return core.NewError(core.CodeInvalidCursor, "The cursor is empty, given twice, or not one that this list gave. Take next_cursor from the page before, or leave it out to start anew.")
}

// read takes one parameter in and says what is wrong with it.
func (p param) read(q *queryValues, values []string) string {
	switch {
	case len(values) == 0 && p.required:
		return "is required"
	case len(values) == 0:
		p.setPreset(q)
		return ""
	case len(values) > 1:
		return "must be given once"
	case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
		return "must be UTF-8 without NUL"
	}
	return p.take(q, values[0])
}

func (p param) take(q *queryValues, value string) string {
	switch p.kind {
	case paramNumber:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < p.low || n > p.high || value[0] == '+' {
			return fmt.Sprintf("must be a whole number between %d and %d", p.low, p.high)
		}
		q.numbers[p.name] = n
	case paramChoice:
		if !slices.Contains(p.choices, value) {
			return "must be " + strings.Join(p.choices, " or ")
		}
		q.texts[p.name] = value
	default:
		if p.check != nil {
			if msg := p.check(value); msg != "" {
				return msg
			}
		}
		q.texts[p.name] = value
	}
	return ""
}

func (p param) setPreset(q *queryValues) {
	switch p.kind {
	case paramNumber:
		q.numbers[p.name] = p.preset
	case paramChoice:
		q.texts[p.name] = p.choices[0]
	default:
	}
}

func (p param) shown(values []string) any {
	if p.personal || len(values) != 1 || len(values[0]) > maxShownValue || !utf8.ValidString(values[0]) {
		return nil
	}
	return values[0]
}
