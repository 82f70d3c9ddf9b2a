package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/contract"
)

// BenchmarkAppend appends one or 20 interactions a step, from so many callers at
// once, each with a conversation of its own. Beside it, the floor: one insert of
// the same bytes under the same pragmas and the same group commit.
func BenchmarkAppend(b *testing.B) {
	const size = 400
	for _, c := range []struct{ callers, entries int }{{1, 1}, {32, 1}, {32, 20}} {
		callers := c.callers
		b.Run(fmt.Sprintf("callers=%d/entries=%d", callers, c.entries), func(b *testing.B) {
			w := newWorld(b)
			appends := make([]core.Append, callers)
			for i := range appends {
				appends[i] = w.entries(w.createConversation(w.user), c.entries, size)
			}
			b.ResetTimer()
			took := inParallel(b.N, callers, func(caller int) error {
				a := appends[caller]
				a.Entries = slices.Clone(a.Entries)
				for i := range a.Entries {
					a.Entries[i].ID = w.ids.Interaction()
				}
				_, err := w.Append(w.ctx, w.id, core.Op{}, a)
				return err
			}, b)
			b.StopTimer()
			floor := newFloor(b)
			sealed := random(size * c.entries)
			least := inParallel(b.N, callers, func(int) error { return floor.insert(sealed) }, b)
			b.ReportMetric(float64(took)/float64(least), "×floor")
			b.ReportMetric(float64(least.Nanoseconds())/float64(b.N), "floor-ns/op")
		})
	}
}

// inParallel calls do n times from so many goroutines and tells how long it took.
func inParallel(n, callers int, do func(caller int) error, b *testing.B) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	start := time.Now()
	for caller := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(caller); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// floor is the least that SQLite can do.
type floor struct {
	queue chan floorJob
	done  chan struct{}
}

type floorJob struct {
	sealed []byte
	answer chan error
}

func newFloor(b *testing.B) *floor {
	b.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "floor.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)&_pragma=wal_autocheckpoint(4000)")
	if err != nil {
		b.Fatal(err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "CREATE TABLE entries (id INTEGER PRIMARY KEY, sealed BLOB)"); err != nil {
		b.Fatal(err)
	}
	f := &floor{queue: make(chan floorJob, 1024), done: make(chan struct{})}
	statements := map[string]*sql.Stmt{}
	for _, query := range []string{"BEGIN IMMEDIATE", "INSERT INTO entries (sealed) VALUES (?)", "COMMIT"} {
		if statements[query], err = conn.PrepareContext(ctx, query); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { close(f.queue); <-f.done; db.Close() })
	go f.loop(statements["BEGIN IMMEDIATE"], statements["INSERT INTO entries (sealed) VALUES (?)"], statements["COMMIT"])
	return f
}

func (f *floor) insert(sealed []byte) error {
	j := floorJob{sealed, make(chan error, 1)}
	f.queue <- j
	return <-j.answer
}

func (f *floor) loop(begin, insert, commit *sql.Stmt) {
	defer close(f.done)
	for j := range f.queue {
		begin.Exec() //nolint:errcheck // the commit fails then
		jobs := []floorJob{}
		for more := true; more; {
			insert.Exec(j.sealed) //nolint:errcheck // as above
			jobs = append(jobs, j)
			select {
			case j, more = <-f.queue:
			default:
				more = false
			}
		}
		_, err := commit.Exec()
		for _, j := range jobs {
			j.answer <- err
		}
	}
}

// BenchmarkRead runs the small reads of a request from 32 callers at once.
func BenchmarkRead(b *testing.B) {
	w := newWorld(b)
	w.append(30)
	w.flush(10)
	w.flush(10)
	for name, read := range map[string]func() error{
		"FindAPIKey": func() error {
			_, _, err := w.FindAPIKey(w.ctx, w.tenant.Key.Hash)
			return err
		},
		"MemoryVersion": func() error {
			_, err := w.MemoryVersion(w.ctx, w.id, w.user)
			return err
		},
		"Stretch": func() error {
			_, err := w.Stretch(w.ctx, w.id, w.user, w.conversation, core.Window{Desc: true, Limit: 20})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			inParallel(b.N, 32, func(int) error { return read() }, b)
		})
	}
}

func BenchmarkEvents(b *testing.B) { contract.BenchmarkEvents(b, open(b, b.TempDir())) }
