package contract

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/raven-memory/raven/core"
)

// stretchIsWholeWhileItIsForgotten reads while others forget, in turn, one that
// is buffered and one that is sealed: at every moment, what is missing is what
// was forgotten first.
func stretchIsWholeWhileItIsForgotten(w *World) {
	s := w.freshConversation(w.stage())
	const size, blobs = 4, 8
	entries := w.MustAppend(s.tenant, s.user, s.conversation, 2*size*blobs)
	sealed, buffered := entries[:size*blobs], entries[size*blobs:]
	_, err := w.flush(s, sealed, size)
	w.ok(err)
	list, err := w.ConversationBlobs(w.Ctx, s.tenant, s.user, s.conversation)
	w.ok(err)
	var order []int64 // in which they go
	for i := range sealed {
		order = append(order, buffered[i].Number, sealed[i].Number)
	}
	var gone atomic.Int64
	forget := func() error {
		for i := range sealed {
			if _, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, buffered[i].ID)); err != nil {
				return err
			}
			gone.Add(1)
			if err := w.forgetFirst(s, &list[i/size]); err != nil {
				return err
			}
			gone.Add(1)
		}
		return nil
	}
	w.readsWhile(s, forget, gone.Load, func(gone int64, numbers []int64) error {
		missing := len(order) - len(numbers)
		want := sorted64(order[max(missing, 0):])
		if int64(missing) < gone || !slices.Equal(numbers, want) {
			return fmt.Errorf("when %d were forgotten, a stretch has %v, not %v", gone, numbers, want)
		}
		return nil
	})
	w.Recount(s.tenant)
}

// forgetFirst forgets the first interaction of a blob.
func (w *World) forgetFirst(at stage, b *core.BlobRecord) error {
	if at.blob = *b; len(b.Numbers) == 1 {
		return w.DeleteBlob(w.Ctx, at.tenant, w.Op(), w.makeBlobDelete(at, b.Version))
	}
	r := w.MakeRewrite(at.tenant, *b, 0)
	*b = r.New
	return w.RewriteBlob(w.Ctx, at.tenant, w.Op(), r)
}

func sorted64(list []int64) []int64 {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// stretchIsWholeWhileMemoryIsCleared reads while others take in, seal and clear
// again and again: what is read is of one life of the memory, and all of it.
func stretchIsWholeWhileMemoryIsCleared(w *World) {
	s := w.freshConversation(w.stage())
	const each, lives = 6, 15
	var cleared atomic.Int64
	live := func() error {
		for range lives {
			for range 2 {
				if err := w.append(s, each/2); err != nil {
					return err
				}
			}
			if _, err := w.flushSome(s, 4); err != nil {
				return err
			}
			err := w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted))
			if err != nil {
				return err
			}
			cleared.Add(1)
		}
		return nil
	}
	w.readsWhile(s, live, cleared.Load, func(gone int64, numbers []int64) error {
		for i, n := range numbers {
			first := numbers[0]
			if n != first+int64(i) || (first-1)%each != 0 || first <= gone*each || len(numbers) > each || len(numbers)%(each/2) != 0 {
				return fmt.Errorf("with %d interactions a life, after %d lives, a stretch has %v", each, gone, numbers)
			}
		}
		return nil
	})
	w.Recount(s.tenant)
}

// readsWhile reads all of a conversation from both ends while others write, and
// checks what its numbers, sorted, are at each moment, beside how far the writer
// was before.
func (w *World) readsWhile(at stage, write func() error, far func() int64, check func(far int64, numbers []int64) error) {
	w.T.Helper()
	var over atomic.Bool
	w.allOK(together(7, func(i int) error {
		if i == 0 {
			defer over.Store(true)
			return write()
		}
		for !over.Load() {
			before := far()
			got, err := w.Stretch(w.Ctx, at.tenant, at.user, at.conversation, core.Window{Desc: i%2 == 1, Limit: everything})
			if err != nil {
				return err
			}
			for _, b := range got.Blobs {
				if len(b.Numbers) != len(b.Interactions) || b.Size != int64(len(b.Sealed)) {
					return fmt.Errorf("a blob is of two moments: %d numbers, %d interactions, %d bytes of %d",
						len(b.Numbers), len(b.Interactions), len(b.Sealed), b.Size)
				}
			}
			numbers := numbersOf(got)
			slices.Sort(numbers)
			if err := check(before, numbers); err != nil {
				return err
			}
		}
		return nil
	}))
}

// clearedTwiceIsEmpty clears again before anybody tidied up after the first
// clearing: what came in between is gone, what comes after stays.
func clearedTwiceIsEmpty(w *World) {
	s := w.stage()
	clearing := func() {
		w.T.Helper()
		w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	}
	clearing()
	between := w.MustFlush(s.tenant, s.user, w.MustAppend(s.tenant, s.user, s.conversation, 3))
	w.MustAppend(s.tenant, s.user, s.conversation, 2)
	last := w.lastSeq(s.tenant)
	clearing()
	w.equal("the counts of what came in between", w.mustEvents(s.tenant, last)[0].Data["interactions"], any(int64(5)))
	clearing() // of nothing
	_, err := w.Blob(w.Ctx, s.tenant, s.user, between.ID)
	w.refused(err, core.CodeNotFound)
	w.equal("the usage", w.mustUsage(s.tenant), core.Usage{Users: 1, Conversations: 1})
	entries := w.MustAppend(s.tenant, s.user, s.conversation, 4)
	w.MustFlush(s.tenant, s.user, entries[:2])
	before := w.Everything()
	w.mustPurge(1)
	w.same("what is stored, over the tidying up,", before)
	w.Recount(s.tenant)
}

// expiredIsTheOldest appends younger and older entries to one buffer: it is as
// old as the oldest that is in it.
func expiredIsTheOldest(w *World) {
	s := w.freshConversation(w.stage())
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	place := []core.ExpiredPlace{{User: s.user, Conversation: s.conversation}}
	old := func(days int, want []core.ExpiredPlace) {
		w.T.Helper()
		got, err := w.Expired(w.Ctx, s.tenant, w.start.AddDate(0, 0, -days).Add(time.Millisecond), 10)
		w.ok(err)
		w.equal("what is expired", got, want)
	}
	put := func(days int) core.BufferEntry {
		w.T.Helper()
		a := w.MakeAppend(s.user, s.conversation, 1)
		a.Entries[0].AcceptedAt = w.start.AddDate(0, 0, -days)
		return w.mustAppend(s.tenant, a)[0]
	}
	first := put(9)
	old(9, place)
	put(3) // a later, younger one makes the buffer no younger
	old(9, place)
	old(10, nil)
	third := put(12) // and one that is older makes it older
	old(12, place)
	_, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, third.ID))
	w.ok(err)
	old(12, nil)
	old(9, place)
	w.MustFlush(s.tenant, s.user, []core.BufferEntry{first})
	got, err := w.Expired(w.Ctx, s.tenant, w.start.AddDate(0, 0, -8), 10)
	w.ok(err)
	if len(got) != 1 || got[0].Blob == "" {
		w.T.Fatalf("when the oldest is sealed, what is expired is %v", got)
	}
	old(3, []core.ExpiredPlace{got[0], place[0]})
}
