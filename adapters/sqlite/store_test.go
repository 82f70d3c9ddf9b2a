package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
)

func TestSecondOpenOfADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err == nil || !strings.Contains(err.Error(), "another raven is running on "+dir) {
		t.Fatalf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestDirectoryAndFilesAreTheOwnersOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b?c#d%41", "data")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"raven.db", "raven.lock"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkModes(t, dir, "raven.db", "raven.db-wal", "raven.db-shm", "raven.lock")
}

func checkModes(t *testing.T, dir string, files ...string) {
	t.Helper()
	mode := func(path string) fs.FileMode {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if got := mode(dir); got != 0o700 {
		t.Errorf("the directory has mode %o", got)
	}
	for _, name := range files {
		if got := mode(filepath.Join(dir, name)); got != 0o600 {
			t.Errorf("%s has mode %o", name, got)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(files) {
		t.Errorf("the directory holds %v, %v; want %v", entries, err, files)
	}
}

func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Fatalf("got %v", err)
	}
}

func TestWhatIsNotADatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "raven.db"), random(8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), dir, sqlite.Options{}); err == nil {
		t.Fatal("it opened")
	}
	if err := os.Remove(filepath.Join(dir, "raven.db")); err != nil {
		t.Fatal(err)
	}
	open(t, dir) // the lock was given back
}

func TestWhatWasStoredIsThereAfterReopen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(5)
	blob := w.flush(3)
	want := w.usage()
	w.reopen()
	if got := w.usage(); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	got, err := w.Blob(w.ctx, w.id, w.user, blob.ID)
	w.ok(err)
	if !bytes.Equal(got.Sealed, blob.Sealed) {
		t.Fatal("the blob is another")
	}
	if next := w.append(1); next.First != 6 || next.Buffered != 3 {
		t.Fatalf("got %+v", next)
	}
}

func TestPositionsAreNotUsedAgainAfterReopen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(3)
	last, err := w.UserBuffer(w.ctx, w.id, w.user, core.Page{Limit: 10})
	w.ok(err)
	w.ok(w.ClearMemory(w.ctx, w.id, core.Op{}, w.user, w.event(core.EventMemoryDeleted)))
	w.reopen()
	w.append(1)
	next, err := w.UserBuffer(w.ctx, w.id, w.user, core.Page{After: last[2].Position, Limit: 10})
	w.ok(err)
	if len(next) != 1 {
		t.Fatalf("a cursor from before misses what came after: %+v", next)
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.Close())
	w.ok(w.Close())
	_, err := w.Tenant(w.ctx, w.id)
	w.refused(err, core.CodeUnavailable)
	_, err = w.Append(w.ctx, w.id, core.Op{}, w.entries(w.conversation, 1, 10))
	w.refused(err, core.CodeUnavailable)
	w.refused(w.Ping(w.ctx), core.CodeUnavailable)
	if entries, err := os.ReadDir(w.dir); err != nil || len(entries) != 2 {
		t.Fatalf("beside database and lock there is something left: %v, %v", entries, err)
	}
}

func TestCloseFinishesWhatIsQueued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.stopWriter()
	const n = 20
	answers := make(chan error, n)
	for range n {
		go func() {
			_, err := w.CreateUser(w.ctx, w.id, core.Op{}, w.newUser())
			answers <- err
		}()
	}
	w.waitQueued(n)
	closed := make(chan error)
	go func() { closed <- w.Close() }()
	close(gate)
	for range n {
		w.ok(<-answers)
	}
	w.ok(<-closed)
	w.Store = open(t, w.dir)
	if u := w.usage(); u.Users != n+1 {
		t.Fatalf("of %d users, %d are there", n+1, u.Users)
	}
}

func TestConcurrentCloseAndUseIsSafe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := make(chan error, 32)
	for i := range cap(answers) {
		go func() {
			for {
				var err error
				if i%2 == 0 {
					_, err = w.Append(w.ctx, w.id, core.Op{}, w.entries(w.conversation, 1, 10))
				} else {
					_, err = w.Stretch(w.ctx, w.id, w.user, w.conversation, core.Window{Limit: 10})
				}
				if err != nil {
					answers <- err
					return
				}
			}
		}()
	}
	w.append(1)
	w.ok(w.Close())
	for range cap(answers) {
		w.refused(<-answers, core.CodeUnavailable)
	}
}

func TestDoneContextIsItsError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.Tenant(ctx, w.id); !errors.Is(err, context.Canceled) {
		t.Errorf("a read: %v", err)
	}
	if _, err := w.CreateUser(ctx, w.id, core.Op{}, w.newUser()); !errors.Is(err, context.Canceled) {
		t.Errorf("a step: %v", err)
	}
	if err := w.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a ping: %v", err)
	}
}

// A step that fails takes what it would have counted with it, and leaves what the
// others of its transaction count.
func TestTenantsUseIsThatOfTheStepsThatWereKept(t *testing.T) {
	t.Parallel()
	// The outbox is full with what makes the world: no step can record an event.
	w := newWorldOn(t, openWith(t, t.TempDir(), sqlite.Options{MaxOutbox: 4}))
	first := w.append(1).IDs
	appends := func(n int, op core.Op) func() error {
		return func() error {
			_, err := w.Append(w.ctx, w.id, op, w.entries(w.conversation, n, 10))
			return err
		}
	}
	flushes := func() error {
		_, err := w.CommitFlush(w.ctx, w.id, core.Op{}, core.Flush{
			User: w.user, Conversation: w.conversation, Head: first,
			Blobs: []core.BlobRecord{{ID: w.ids.Blob(), Numbers: []int64{1}, Interactions: first, Sealed: random(10)}},
			At:    w.now, Event: w.event(core.EventMemoryFlushed),
		})
		return err
	}
	op := core.Op{ID: w.ids.Operation(), Until: w.now}
	errs := w.queue(appends(2, op), flushes, appends(77, core.Op{}), appends(2, op))
	w.refused(errs[1], core.CodeUnavailable)
	w.ok(errors.Join(errs[0], errs[2], errs[3]))
	if u := w.usage(); u.Interactions != 80 || u.Buffered != 80 || u.Blobs != 0 || u.BlobBytes != 0 {
		t.Errorf("got %+v", u)
	}
	head, err := w.Buffered(w.ctx, w.id, w.user, w.conversation, 100)
	w.ok(err)
	for i, e := range head {
		if e.Number != int64(i+1) {
			t.Fatalf("entry %d has the number %d", i, e.Number)
		}
	}
}

func TestReadOfWhatIsBufferedTellsNothingFromNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	head, err := w.Buffered(w.ctx, w.id, w.user, w.conversation, 10)
	if err != nil || len(head) != 0 {
		t.Errorf("of an empty buffer, got %v, %v", head, err)
	}
	_, err = w.Buffered(w.ctx, w.id, w.user, w.ids.Conversation(), 10)
	w.refused(err, core.CodeNotFound)
}
