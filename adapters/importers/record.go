// Package importers reads what other memory systems export, and Raven itself,
// into records of one shape. It parses and does nothing else: no network, no
// store. A Reader holds one value of its input at a time.
package importers

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Record is one thing to take in. One of the pointers is set.
type Record struct {
	Line int // of the input, from 1, where the value that it comes from ends

	User         *User
	Conversation *Conversation
	Interaction  *Interaction
	Fact         *Fact
}

// User is an end-user. Ref is what it is found by again.
type User struct {
	Ref         string
	DisplayName string
	Metadata    json.RawMessage // an object, or nil
}

// Conversation is one of a user's. A closed one is closed once all that the
// input holds of it was taken in.
type Conversation struct {
	User     string
	Ref      string
	Title    string
	Metadata json.RawMessage
	Closed   bool
}

// Interaction is one message, in the order of the input.
type Interaction struct {
	User, Conversation string
	ID                 string // in the system that it comes from; "" for none
	Role               string // user, assistant, system or tool
	Name               string
	Content            string
	OccurredAt         *time.Time
	Metadata           json.RawMessage
}

// Fact is a statement about a user that stands by itself.
type Fact struct {
	User         string
	ID           string // in the system that it comes from; "" for none
	Text         string
	Subject      string
	Attribute    string
	Value        string
	ValidFrom    *time.Time
	ValidTo      *time.Time
	SupersededBy string   // another Fact's ID
	Sources      []string // IDs of Interactions
}

// Reader reads an export, record by record.
type Reader interface {
	// Next gives the next record, and io.EOF after the last. After a *LineError
	// that is not Fatal the next may be asked for.
	Next() (Record, error)
}

// LineError says that something of the input can't be taken in.
type LineError struct {
	Line    int
	Message string
	Fatal   bool // nothing after it can be read
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// Options are what a format's records may lack.
type Options struct {
	User string // whose those records are that name no user; "" for nobody's, which is an error
}

// Formats are the formats there are.
func Formats() []string { return []string{"jsonl", "raven", "mem0", "zep", "memobase"} }

// New reads the format from r; ok is false for a format that there is not.
func New(format string, r io.Reader, opt Options) (reader Reader, ok bool) {
	switch format {
	case "jsonl":
		return &lineReader{lines: newLines(r), parse: plainLine(opt)}, true
	case "raven":
		e := &ravenExport{}
		return &lineReader{lines: newLines(r), parse: e.line, end: e.end}, true
	case "mem0":
		return &treeReader{values: newValues(r), visit: mem0{opt}.visit}, true
	case "zep":
		return &treeReader{values: newValues(r), visit: zep{opt}.visit}, true
	case "memobase":
		return &treeReader{values: newValues(r), visit: memobase{opt}.visit}, true
	default:
		return nil, false
	}
}
