package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestFullDiskIsUnavailableAndLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pages := w.WriterNumber(w.ctx, `PRAGMA page_count`)
	w.ok(w.Do(w.ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+40)))
	acknowledged := int64(0)
	for {
		if _, err := w.Append(w.ctx, w.id, core.Op{}, w.entries(w.conversation, 3, 2000)); err != nil {
			w.refused(err, core.CodeUnavailable)
			break
		}
		if acknowledged += 3; acknowledged > 1000 {
			t.Fatal("the disk does not get full")
		}
	}
	w.checkBuffered(acknowledged)
	w.ok(w.Do(w.ctx, `PRAGMA max_page_count = 1000000`))
	w.append(3)
	w.checkBuffered(acknowledged + 3)
	w.reopen()
	w.checkBuffered(acknowledged + 3)
}

func (w *world) checkBuffered(n int64) {
	w.t.Helper()
	list, err := w.Buffered(w.ctx, w.id, w.user, w.conversation, 1<<20)
	w.ok(err)
	c, err := w.Conversation(w.ctx, w.id, w.user, w.conversation)
	w.ok(err)
	u := w.usage()
	if int64(len(list)) != n || c.Buffered != n || c.NextNumber != n+1 || u.Buffered != n || u.Interactions != n {
		w.t.Fatalf("%d entries, conversation %+v, usage %+v; want %d", len(list), c, u, n)
	}
}

func TestReadOnlyDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.Do(w.ctx, `PRAGMA query_only = ON`))
	w.refused(w.createsUser(), core.CodeUnavailable)
	w.refused(w.Ping(w.ctx), core.CodeUnavailable)
	if u := w.usage(); u.Users != 1 { // reads go on
		t.Fatalf("%d users", u.Users)
	}
}

func TestDamagedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 20 {
		w.append(100)
	}
	w.ok(w.Close())
	path := filepath.Join(w.dir, "raven.db")
	info, err := os.Stat(path)
	w.ok(err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	w.ok(err)
	const roots = 128 << 12 // leaves the schema and the roots of the tables readable
	_, err = f.WriteAt(random(int(info.Size())-roots), roots)
	w.ok(err)
	w.ok(f.Close())
	w.Store = open(t, w.dir)
	_, err = w.Buffered(w.ctx, w.id, w.user, w.conversation, 1000)
	w.refused(err, core.CodeUnavailable)
}
