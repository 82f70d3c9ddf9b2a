//go:build unix

package sqlite_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
)

// BenchmarkIngest appends so many interactions a step, each caller to a
// conversation of its own, and seals what is buffered in twenties. Beside it,
// the floor: one insert of the bytes of each append.
func BenchmarkIngest(b *testing.B) {
	const callers, size = 32, 400
	for _, count := range []int{1, 20} {
		b.Run(fmt.Sprintf("of=%d", count), func(b *testing.B) {
			var commits, steps atomic.Int64
			s := openWith(b, b.TempDir(), sqlite.Options{MaxOutbox: 1 << 40, Committed: func(n int) {
				commits.Add(1)
				steps.Add(int64(n))
			}})
			w := newWorldOn(b, s)
			writers := make([]writer, callers)
			for i := range writers {
				user := w.createUser()
				writers[i] = writer{world: w, user: user, conversation: w.createConversation(user)}
			}
			b.ReportAllocs()
			b.ResetTimer()
			commits.Store(0)
			steps.Store(0)
			before := cpuTime(b)
			took := inParallel(b.N, callers, func(caller int) error { return writers[caller].ingest(count, size) }, b)
			used := cpuTime(b) - before
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric(float64(used.Nanoseconds())/n, "cpu-ns/op")
			b.ReportMetric(float64(steps.Load())/float64(commits.Load()), "steps/commit")
			floor := newFloor(b)
			sealed := random(count * size)
			before = cpuTime(b)
			least := inParallel(b.N, callers, func(int) error { return floor.insert(sealed) }, b)
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/n, "floor-cpu-ns/op")
			b.ReportMetric(float64(least.Nanoseconds())/n, "floor-ns/op")
			b.ReportMetric(float64(took)/float64(least), "×floor")
		})
	}
}

// cpuTime is what the process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// writer is a caller who tells of one conversation.
type writer struct {
	*world
	user         core.UserID
	conversation core.ConversationID
}

func (w writer) ingest(count, size int) error {
	const batch = 20
	a := w.entries(w.conversation, count, size)
	a.User = w.user
	appended, err := w.Append(w.ctx, w.id, core.Op{}, a)
	if err != nil || appended.Buffered < batch {
		return err
	}
	head, err := w.Buffered(w.ctx, w.id, w.user, w.conversation, 2*batch)
	if err != nil {
		return err
	}
	blob := core.BlobRecord{
		ID: w.ids.Blob(), User: w.user, Kind: core.BlobEpisodic, Conversation: w.conversation,
		FirstAt: w.now, LastAt: w.now, FirstTakenAt: w.now, LastTakenAt: w.now, KeyVersion: 1,
		Sealed: random(batch * size / 2), Version: 1,
	}
	for _, e := range head {
		blob.Numbers, blob.Interactions = append(blob.Numbers, e.Number), append(blob.Interactions, e.ID)
	}
	_, err = w.CommitFlush(w.ctx, w.id, core.Op{}, core.Flush{
		User: w.user, Conversation: w.conversation, Head: blob.Interactions, Blobs: []core.BlobRecord{blob},
		At: w.now, Event: w.event(core.EventMemoryFlushed),
	})
	return err
}
