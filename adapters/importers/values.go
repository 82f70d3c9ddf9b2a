package importers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// maxValue bounds one JSON value: an element of the outermost list, or what
// stands outside one.
const maxValue = 64 << 20

// values reads JSON values: one after the other, with or without line breaks
// between them, and those of an outermost list one by one.
type values struct {
	count  *newlines
	decode *json.Decoder
	list   bool
}

func newValues(r io.Reader) *values {
	count := &newlines{from: bufio.NewReader(r), until: maxValue}
	return &values{count: count, decode: json.NewDecoder(count)}
}

// next gives a value and the line that it ends on.
func (v *values) next() (json.RawMessage, int, error) {
	for {
		v.count.until = v.decode.InputOffset() + maxValue
		if !v.list {
			began, err := v.beginList()
			if err != nil {
				return nil, v.line(), v.failed(err)
			}
			v.list = began
		}
		if v.list && !v.decode.More() {
			if _, err := v.decode.Token(); err != nil {
				return nil, v.line(), v.failed(err)
			}
			v.list = false
			continue
		}
		var value json.RawMessage
		if err := v.decode.Decode(&value); err != nil {
			return nil, v.line(), v.failed(err)
		}
		return value, v.line(), nil
	}
}

// beginList looks whether a list begins, without taking what does not begin one.
func (v *values) beginList() (bool, error) {
	rest, err := io.ReadAll(v.decode.Buffered())
	if err != nil {
		return false, err
	}
	if rest = bytes.TrimLeft(rest, " \t\r\n"); len(rest) > 0 {
		return v.take(rest[0])
	}
	first, err := v.count.peek()
	if err != nil {
		return false, err
	}
	return v.take(first)
}

func (v *values) take(first byte) (bool, error) {
	if first != '[' {
		return false, nil
	}
	_, err := v.decode.Token()
	return true, err
}

func (v *values) line() int { return v.count.lineOf(v.decode.InputOffset()) }

func (v *values) failed(err error) error {
	if errors.Is(err, io.EOF) && !v.list {
		return io.EOF
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &LineError{Line: v.line(), Message: "it ends within a value or a list", Fatal: true}
	}
	return &LineError{Line: v.line(), Message: "it is no JSON: " + wrong(err), Fatal: true}
}

// newlines counts lines as they are read ahead.
type newlines struct {
	from  *bufio.Reader
	read  int64
	until int64   // the decoder may not need more for a value
	line  int     // of the last offset that was asked for
	at    []int64 // offsets of line breaks after that
}

var errLargeValue = errors.New("a value is larger than 64 MiB")

// Read implements io.Reader. A decoder reads on only while the value it is at
// has no end yet.
func (n *newlines) Read(p []byte) (int, error) {
	if n.read >= n.until {
		return 0, errLargeValue
	}
	got, err := n.from.Read(p[:min(int64(len(p)), n.until-n.read)])
	for i, b := range p[:got] {
		if b == '\n' {
			n.at = append(n.at, n.read+int64(i))
		}
	}
	n.read += int64(got)
	return got, err
}

// peek is the next byte that is no white space, of what was not read yet; a
// blank where there is only that for long.
func (n *newlines) peek() (byte, error) {
	for i := 1; i <= n.from.Size(); i++ {
		b, err := n.from.Peek(i)
		if len(b) < i {
			return 0, err
		}
		if c := b[i-1]; !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c, nil
		}
	}
	return ' ', nil
}

func (n *newlines) lineOf(offset int64) int {
	passed := 0
	for passed < len(n.at) && n.at[passed] < offset {
		passed++
	}
	n.at = slices.Delete(n.at, 0, passed)
	n.line += passed
	return n.line + 1
}

// object is a JSON object whose members are looked at by name.
type object map[string]json.RawMessage

func objectIn(value json.RawMessage) (object, bool) {
	var o object
	err := json.Unmarshal(value, &o)
	return o, err == nil && o != nil
}

func (o object) has(name string) bool {
	value, ok := o[name]
	return ok && string(bytes.TrimSpace(value)) != "null"
}

// text is a member that is a string, or a number as it is written; else "".
func (o object) text(names ...string) string {
	for _, name := range names {
		var s string
		if json.Unmarshal(o[name], &s) == nil && s != "" {
			return s
		}
		var n json.Number
		if json.Unmarshal(o[name], &n) == nil && n != "" {
			return n.String()
		}
	}
	return ""
}

func (o object) time(names ...string) *time.Time {
	for _, name := range names {
		var m moment
		if o.has(name) && json.Unmarshal(o[name], &m) == nil {
			return m.time()
		}
	}
	return nil
}

func (o object) list(name string) (list []json.RawMessage, ok bool) {
	return list, o.has(name) && json.Unmarshal(o[name], &list) == nil
}

// treeReader reads a format whose values hold several records each.
type treeReader struct {
	values *values
	visit  func(value json.RawMessage, emit func(Record), bad func(string))
	ready  []any // Records and *LineErrors
}

// Next implements Reader.
func (r *treeReader) Next() (Record, error) {
	for len(r.ready) == 0 {
		value, line, err := r.values.next()
		if err != nil {
			return Record{}, err
		}
		if tooDeep(value) {
			return Record{}, &LineError{Line: line, Message: "it is nested more than 32 deep"}
		}
		r.visit(value,
			func(record Record) { record.Line = line; r.ready = append(r.ready, record) },
			func(problem string) { r.ready = append(r.ready, &LineError{Line: line, Message: problem}) })
	}
	first := r.ready[0]
	r.ready = r.ready[1:]
	if record, ok := first.(Record); ok {
		return record, nil
	}
	return Record{}, first.(error)
}

// maxDepth bounds the nesting of a value; each level costs a copy of what is in it.
const maxDepth = 32

// tooDeep counts brackets outside texts. The value is JSON.
func tooDeep(value json.RawMessage) bool {
	depth, text := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
			if depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// moment is a time as exports write it.
type moment time.Time

// layouts are tried in order; where there is no zone it is UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999", time.DateOnly,
}

// UnmarshalJSON reads RFC 3339 and what is close to it, and seconds since 1970.
func (m *moment) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) != nil {
		var seconds float64
		if err := json.Unmarshal(text, &seconds); err != nil || seconds < -6e10 || seconds > 25e10 {
			return fmt.Errorf("%.40q is no time", text)
		}
		*m = moment(time.UnixMilli(int64(seconds * 1000)).UTC())
		return nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			*m = moment(t.UTC().Truncate(time.Millisecond))
			return nil
		}
	}
	return fmt.Errorf("%.40q is no time", s)
}

func (m *moment) time() *time.Time {
	if m == nil {
		return nil
	}
	t := time.Time(*m)
	return &t
}

// roleOf reads the roles that other systems have.
func roleOf(text string) (string, bool) {
	switch strings.ToLower(text) {
	case "user", "human", "norole", "":
		return "user", true
	case "assistant", "ai", "agent", "bot":
		return "assistant", true
	case "system":
		return "system", true
	case "tool", "function":
		return "tool", true
	default:
		return "user", false
	}
}

// objectOf is a JSON object with something in it, else nil.
func objectOf(value json.RawMessage) json.RawMessage {
	if o, ok := objectIn(value); !ok || len(o) == 0 {
		return nil
	}
	return value
}

// wrong says what a decoder found, without the input's text.
func wrong(err error) string {
	text := err.Error()
	return strings.TrimPrefix(strings.TrimPrefix(text, "json: "), "invalid ")
}
