package importers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/importers"
)

// read reads all of an export into lines that are easy to compare.
func read(t *testing.T, format, text, user string) (got []string) {
	t.Helper()
	r, ok := importers.New(format, strings.NewReader(text), importers.Options{User: user})
	if !ok {
		t.Fatalf("there is no format %s", format)
	}
	for {
		record, err := r.Next()
		var bad *importers.LineError
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.As(err, &bad):
			got = append(got, "bad "+bad.Error())
			if bad.Fatal {
				return got
			}
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, show(record))
		}
	}
}

func show(r importers.Record) string {
	at := func(when *time.Time) string {
		if when == nil {
			return "-"
		}
		return when.Format("2006-01-02T15:04:05")
	}
	switch {
	case r.User != nil:
		return fmt.Sprintf("%d user %s %q %s", r.Line, r.User.Ref, r.User.DisplayName, r.User.Metadata)
	case r.Conversation != nil:
		c := r.Conversation
		return fmt.Sprintf("%d conversation %s/%s %q %s closed=%v", r.Line, c.User, c.Ref, c.Title, c.Metadata, c.Closed)
	case r.Interaction != nil:
		i := r.Interaction
		return fmt.Sprintf("%d %s/%s %s(%s) %s %s %s", r.Line, i.User, i.Conversation, i.Role, i.Name, at(i.OccurredAt), i.Content, i.Metadata)
	default:
		f := r.Fact
		return fmt.Sprintf("%d fact %s %q %s..%s", r.Line, f.User, f.Text, at(f.ValidFrom), at(f.ValidTo))
	}
}

func TestEveryFormatIsReadAsItsSystemWritesIt(t *testing.T) {
	t.Parallel()
	for _, format := range importers.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join("testdata", format+"*.json*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no examples: %v", err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				name, _, _ := strings.Cut(file, ".json")
				want := name + ".want"
				got := strings.Join(read(t, format, string(text), ""), "\n") + "\n"
				if os.Getenv("RAVEN_TEST_UPDATE") != "" {
					if err := os.WriteFile(want, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				expected, err := os.ReadFile(want)
				if err != nil || got != string(expected) {
					t.Errorf("%s is read as\n%s\nwant\n%s%v", file, got, expected, err)
				}
			}
		})
	}
}

func TestWhatIsWrongIsNamedByItsLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ format, text, want string }{
		"an unknown member":       {"jsonl", "{\"user\":\"a\",\"conversation\":\"c\",\"role\":\"user\",\"content\":\"x\"}\n\n{\"usr\":\"a\"}\n", `bad line 3: it is not what a line holds: unknown field "usr"`},
		"no user":                 {"jsonl", `{"conversation":"c","role":"user","content":"x"}`, "bad line 1: user is missing"},
		"a role":                  {"jsonl", `{"user":"a","conversation":"c","role":"judge","content":"x"}`, "bad line 1: role must be user, assistant, system or tool"},
		"a line that never ends":  {"jsonl", strings.Repeat("x", 2<<20), "bad line 1: the line is longer than 1 MiB"},
		"a cut export":            {"raven", `{"type":"user","user":{"id":"usr_1","external_ref":"ada"}}`, "bad line 1: the export is cut: its last line is missing"},
		"a line outside":          {"raven", `{"type":"fact","fact":{"text":"x"}}`, "bad line 1: it stands outside an export, which begins with a user"},
		"a memory of nobody's":    {"mem0", "[\n{\"memory\":\"x\"}]", "bad line 2: the memory names no user_id; --user says whose such memories are"},
		"JSON that ends early":    {"mem0", "[\n{\"memory\":\"x\",\"user_id\":\"a\"},\n", "bad line 2: it ends within a value or a list"},
		"something else of Zep's": {"zep", `{"nothing":1}`, "bad line 1: it is nothing that Zep's API answers"},
		"a blob without text":     {"memobase", `{"user_id":"a","blobs":[{"id":"b","type":"image","url":"x"}]}`, "bad line 1: the blob holds no text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(t, c.format, c.text, "")
			if len(got) == 0 || got[len(got)-1] != c.want {
				t.Errorf("got %q, want %q at the end", got, c.want)
			}
		})
	}
}

func TestRecordsOfNobodyAreOfTheUserThatIsNamed(t *testing.T) {
	t.Parallel()
	if got := read(t, "mem0", `{"memory":"Likes tea"}`, "ada"); len(got) != 1 || got[0] != `1 fact ada "Likes tea" -..-` {
		t.Errorf("got %q", got)
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	t.Parallel()
	const deep = 1000
	text := strings.Repeat(`{"data":[`, deep) + `"[{"` + strings.Repeat(`]}`, deep)
	for _, format := range []string{"mem0", "zep", "memobase"} {
		got := read(t, format, text+`{"memory":"[[[[","user_id":"ada"}`, "")
		if len(got) == 0 || !strings.Contains(got[0], "nested more than 32 deep") {
			t.Errorf("%s: %q", format, got)
		}
	}
}

// endless is a value that never ends; it counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	if e.read == 0 {
		copy(p, `[{"memory":"`)
	}
	e.read += len(p)
	return len(p), nil
}

func TestAValueThatNeverEndsIsNotReadOn(t *testing.T) {
	t.Parallel()
	const most = 65 << 20
	from := &endless{}
	r, _ := importers.New("mem0", from, importers.Options{User: "ada"})
	_, err := r.Next()
	var bad *importers.LineError
	if !errors.As(err, &bad) || !bad.Fatal || !strings.Contains(bad.Message, "larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
	if from.read > most {
		t.Errorf("%d bytes were read", from.read)
	}
}

func TestThereIsNoOtherFormat(t *testing.T) {
	t.Parallel()
	if _, ok := importers.New("csv", strings.NewReader(""), importers.Options{}); ok {
		t.Error("csv is a format")
	}
}

func FuzzImporters(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*.json*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("[[[{"))
	f.Add([]byte(" \n\t[ ] [1, {\"a\":[]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, format := range importers.Formats() {
			r, _ := importers.New(format, strings.NewReader(string(text)), importers.Options{User: "u"})
			last := 0
			for range 1 << 16 {
				record, err := r.Next()
				var bad *importers.LineError
				if errors.As(err, &bad) && !bad.Fatal {
					continue
				}
				if err != nil {
					break
				}
				if record.Line < last || record.Line < 1 {
					t.Fatalf("%s: line %d after %d", format, record.Line, last)
				}
				last = record.Line
				if i := record.Interaction; i != nil && (i.User == "" || i.Conversation == "") {
					t.Fatalf("%s: an interaction of nobody's: %+v", format, i)
				}
				if m := record.Interaction; m != nil && m.Metadata != nil && !json.Valid(m.Metadata) {
					t.Fatalf("%s: metadata %q", format, m.Metadata)
				}
			}
		}
	})
}
