package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/raven-memory/raven/test/baseline"
	"github.com/raven-memory/raven/test/locomo"
)

// operations are what a peer of a few lines does.
type operations interface {
	add(ctx context.Context, e entry) error
	search(ctx context.Context, user, question string) ([]string, error)
	turns(ctx context.Context, user string) ([]string, error)
}

// serve is the process of a peer that is written in Go: "fts" or "last".
func serve(name, dir string, in io.Reader, out io.Writer) error {
	var do operations
	switch name {
	case "fts":
		db, err := baseline.OpenFTS(filepath.Join(dir, "fts.db"))
		if err != nil {
			return err
		}
		defer db.Close()
		do = fts{db}
	case "last":
		do = &last{dir: dir, files: map[string]*os.File{}}
	default:
		return fmt.Errorf("there is no %q to serve", name)
	}
	return answerAll(do, in, out)
}

// answerAll answers requests as they come, several at once.
func answerAll(do operations, in io.Reader, out io.Writer) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	var mu sync.Mutex
	for requests := json.NewDecoder(bufio.NewReader(in)); ; {
		var r request
		if err := requests.Decode(&r); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		wg.Go(func() {
			a := reply{Number: r.Number}
			var err error
			if a.Result, err = answer(do, r); err != nil {
				a.Error = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			_ = json.NewEncoder(out).Encode(a)
		})
	}
}

func answer(do operations, r request) ([]string, error) {
	ctx := context.Background()
	switch r.Op {
	case "add":
		return nil, do.add(ctx, r.entry)
	case "search":
		return do.search(ctx, r.User, r.Query)
	default:
		return do.turns(ctx, r.User)
	}
}

// fts is SQLite's full-text search.
type fts struct{ db *baseline.FTS }

func (f fts) add(ctx context.Context, e entry) error {
	return f.db.Add(ctx, e.User, e.Turn, e.At, e.text())
}

func (f fts) search(ctx context.Context, user, question string) ([]string, error) {
	return f.db.Search(ctx, user, question)
}

func (f fts) turns(ctx context.Context, user string) ([]string, error) { return f.db.Turns(ctx, user) }

// last is a file of lines for each user, of which the last are the answer to
// everything.
type last struct {
	dir   string
	mu    sync.Mutex
	files map[string]*os.File
}

func (l *last) add(_ context.Context, e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.files[e.User]
	if f == nil {
		if f, err = os.OpenFile(l.file(e.User), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		l.files[e.User] = f
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

func (l *last) file(user string) string { return filepath.Join(l.dir, user+".jsonl") }

func (l *last) search(ctx context.Context, user, _ string) ([]string, error) {
	turns, err := l.turns(ctx, user)
	turns = turns[max(0, len(turns)-locomo.Limit):]
	slices.Reverse(turns)
	return turns, err
}

func (l *last) turns(_ context.Context, user string) ([]string, error) {
	f, err := os.Open(l.file(user))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var ids []string
	for lines := json.NewDecoder(f); ; {
		var e entry
		switch err := lines.Decode(&e); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // a line that was not acknowledged
			return ids, nil
		case err != nil:
			return nil, err
		}
		ids = append(ids, e.Turn)
	}
}
