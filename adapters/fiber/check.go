package fiberhttp

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/raven-memory/raven/core"
)

const (
	maxFieldErrors = 20 // reported of one body
	maxShownName   = 64 // bytes of an unknown field's name
	maxShownValue  = 64 // bytes of a refused value
)

// checker walks a body beside the shape it must have and gathers what differs.
// It ends with an error where the body is not JSON.
type checker struct {
	in  *jsontext.Decoder
	bad []core.FieldError
}

// spot is where the walk is; it is written out only for an error.
type spot struct {
	parent *spot
	name   string // of a member
	inList bool
	index  int // of an element
}

func (p *spot) String() string {
	switch {
	case p.parent == nil:
		return p.name
	case p.inList:
		return p.parent.String() + "[" + strconv.Itoa(p.index) + "]"
	default:
		return p.parent.String() + "." + p.name
	}
}

func (c *checker) refuse(at *spot, value any, format string, args ...any) {
	if len(c.bad) < maxFieldErrors {
		c.bad = append(c.bad, core.FieldError{Location: at.String(), Message: fmt.Sprintf(format, args...), Value: value})
	}
}

func (c *checker) value(s *shape, at *spot) error {
	next := c.in.PeekKind()
	switch {
	case next == 'n' && s.nullable:
		return c.in.SkipValue()
	case s.kind == kindCustom:
		return c.custom(s, at)
	case s.kind == kindObject && next == '{':
		return c.object(s, at)
	case s.kind == kindList && next == '[':
		return c.list(s, at)
	}
	raw, err := c.in.ReadValue()
	if err != nil {
		return err
	}
	if msg := s.scalar(raw); msg != "" {
		c.refuse(at, s.shown(raw), "%s", msg)
	}
	return nil
}

func (c *checker) custom(s *shape, at *spot) error {
	raw, err := c.in.ReadValue()
	if err != nil {
		return err
	}
	if msg := s.check(raw); msg != "" {
		c.refuse(at, s.shown(raw), "%s", msg)
	}
	return nil
}

func (c *checker) object(s *shape, at *spot) error {
	if _, err := c.in.ReadToken(); err != nil {
		return err
	}
	seen := make([]string, 0, len(s.names))
	for c.in.PeekKind() != '}' {
		token, err := c.in.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		seen = append(seen, name)
		if err := c.member(s, name, at); err != nil {
			return err
		}
	}
	for _, name := range s.names {
		if s.required[name] && !slices.Contains(seen, name) {
			c.refuse(&spot{parent: at, name: name}, nil, "is required")
		}
	}
	_, err := c.in.ReadToken()
	return err
}

func (c *checker) member(s *shape, name string, at *spot) error {
	field, ok := s.fields[name]
	if ok {
		return c.value(field, &spot{parent: at, name: name})
	}
	where := &spot{parent: at, name: shownName(name)}
	if meant := s.near(name); meant != "" {
		c.refuse(where, nil, "is not a field of this request; names are case-sensitive: did you mean %s?", meant)
	} else {
		c.refuse(where, nil, "is not a field of this request")
	}
	return c.in.SkipValue()
}

func (c *checker) list(s *shape, at *spot) error {
	if _, err := c.in.ReadToken(); err != nil {
		return err
	}
	for i := 0; c.in.PeekKind() != ']'; i++ {
		if err := c.value(s.elem, &spot{parent: at, inList: true, index: i}); err != nil {
			return err
		}
	}
	_, err := c.in.ReadToken()
	return err
}

// scalar says what is wrong with a value that is not walked into.
func (s *shape) scalar(raw jsontext.Value) string {
	switch got := raw.Kind(); {
	case got == 'n':
		return "must not be null"
	case s.kind == kindText && got == '"':
		return s.text(raw)
	case s.kind == kindInteger && got == '0':
		return wholeNumber(string(raw))
	case s.kind == kindNumber && got == '0', s.kind == kindBoolean && (got == 't' || got == 'f'):
		return ""
	default:
		return "must be " + wants[s.kind] + ", not " + kindName(got)
	}
}

func (s *shape) text(raw jsontext.Value) string {
	if s.choices == nil && !bytes.Contains(raw, []byte(`\u0000`)) {
		return "" // an unescaped NUL is not JSON
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	switch {
	case err == nil && slices.Contains(text, 0):
		return "must not contain NUL characters"
	case s.choices != nil && !slices.Contains(s.choices, string(text)):
		return "must be one of: " + strings.Join(s.choices, ", ")
	default:
		return ""
	}
}

func wholeNumber(text string) string {
	if strings.ContainsAny(text, ".eE") {
		return "must be a whole number, written without a point or an exponent"
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		return "is out of range"
	}
	return ""
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	default:
		return k.String()
	}
}

// shown is a refused value as an answer may repeat it: a short scalar where a
// number, a word of a few or a time belongs. What stands where a text or an object
// belongs may be a secret, or what somebody wrote.
func (s *shape) shown(raw jsontext.Value) any {
	switch s.kind {
	case kindObject, kindList:
		return nil
	case kindText, kindCustom:
		if s.choices == nil && !s.harmless {
			return nil
		}
	default:
	}
	switch raw.Kind() {
	case 'n', '{', '[':
		return nil
	default:
	}
	if len(raw) > maxShownValue {
		return nil
	}
	return raw.Clone()
}

func shownName(name string) string {
	if len(name) <= maxShownName {
		return name
	}
	cut := maxShownName
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "…"
}
