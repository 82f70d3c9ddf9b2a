package contract

import (
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
)

func blobPosition(b core.BlobRecord) int64       { return b.Position }
func derivedPosition(d core.DerivedRecord) int64 { return d.Position }
func entryPosition(e core.BufferEntry) int64     { return e.Position }

func blobsComeInOrderOfArrival(w *World) {
	s := w.stage()
	sibling, second := w.cast(s), w.freshConversation(s)
	later := w.MustAppend(s.tenant, s.user, second.conversation, 2)
	want := []core.BlobRecord{s.blob}
	want = append(want, w.MustFlush(s.tenant, s.user, later))
	w.MustFlush(sibling.tenant, sibling.user, sibling.entries)
	f := w.MakeFlush(s.tenant, s.user, s.entries, 1)
	f.Blobs[0].ID, f.Blobs[2].ID = f.Blobs[2].ID, f.Blobs[0].ID // not in the order of ids
	_, err := w.CommitFlush(w.Ctx, s.tenant, w.Op(), f)
	w.ok(err)
	for _, b := range f.Blobs {
		want = append(want, w.mustBlob(s.tenant, s.user, b.ID))
	}
	got, err := w.Blobs(w.Ctx, s.tenant, s.user, all, true)
	w.ok(err)
	ascending(w, "blobs", got, blobPosition)
	w.equal("the blobs", got, want)
	got, err = w.Blobs(w.Ctx, s.tenant, s.user, core.Page{After: want[1].Position, Limit: 2}, true)
	w.ok(err)
	w.equal("a page", got, want[2:4])
	got, err = w.ConversationBlobs(w.Ctx, s.tenant, s.user, s.conversation)
	w.ok(err)
	w.equal("one conversation's", idsOf(got), []core.BlobID{want[0].ID, want[2].ID, want[3].ID, want[4].ID})
}

func blobPagesSurviveInserts(w *World) {
	s := w.freshConversation(w.stage())
	blob := func() core.BlobID {
		return w.MustFlush(s.tenant, s.user, w.MustAppend(s.tenant, s.user, s.conversation, 2)).ID
	}
	before, err := w.Blobs(w.Ctx, s.tenant, s.user, all, false)
	w.ok(err)
	want := idsOf(before)
	for range 8 {
		want = append(want, blob())
	}
	var got []core.BlobID
	page := core.Page{Limit: 2}
	for i := range 100 {
		list, err := w.Blobs(w.Ctx, s.tenant, s.user, page, true)
		w.ok(err)
		if len(list) == 0 {
			break
		}
		got = append(got, idsOf(list)...)
		page.After = list[len(list)-1].Position
		if i < 5 {
			want = append(want, blob())
			// Rewriting what was read, or is to be read, moves nothing.
			for _, id := range []core.BlobID{got[0], want[len(want)-1]} {
				w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, w.mustBlob(s.tenant, s.user, id))))
			}
		}
	}
	w.equal("the blobs, in pages,", got, want)
}

func memoryPositionsAreNotUsedAgain(w *World) {
	s := w.stage()
	for range 3 {
		w.MustAppend(s.tenant, s.user, s.conversation, 1)
		buffered := w.mustBuffered(s)
		seen := buffered[len(buffered)-1].Position
		s.blob = w.MustFlush(s.tenant, s.user, buffered)
		next := w.MustAppend(s.tenant, s.user, s.conversation, 1)
		entries, err := w.UserBuffer(w.Ctx, s.tenant, s.user, core.Page{After: seen, Limit: 5})
		w.ok(err)
		w.equal("what came into the buffer since", entryIDs(entries), entryIDs(next))
		w.ok(w.DeleteBlob(w.Ctx, s.tenant, w.Op(), w.makeBlobDelete(s, 1)))
		blob := w.MustFlush(s.tenant, s.user, next)
		blobs, err := w.Blobs(w.Ctx, s.tenant, s.user, core.Page{After: s.blob.Position, Limit: 5}, true)
		w.ok(err)
		w.equal("the blobs that came since", blobs, []core.BlobRecord{blob})
	}
}

func headersComeWithoutPayload(w *World) {
	s := w.stage()
	want := s.blob
	want.Sealed = nil
	got, err := w.Blobs(w.Ctx, s.tenant, s.user, all, false)
	w.ok(err)
	w.equal("the blobs", got, []core.BlobRecord{want})
	got, err = w.ConversationBlobs(w.Ctx, s.tenant, s.user, s.conversation)
	w.ok(err)
	w.equal("the conversation's", got, []core.BlobRecord{want})
	got, err = w.Blobs(w.Ctx, s.tenant, s.user, all, true)
	w.ok(err)
	w.equal("the blobs with payload", got, []core.BlobRecord{s.blob})
}

func blobHeaderIsKeptWhole(w *World) {
	s := w.stage()
	f := w.MakeFlush(s.tenant, s.user, s.entries, 3)
	b := &f.Blobs[0]
	zone := time.FixedZone("far", 3600)
	b.FirstAt = time.Date(1869, 2, 28, 23, 59, 59, 999e6, time.UTC).In(zone) // before any epoch
	b.LastAt = time.Date(2261, 1, 1, 0, 0, 0, 1e6, time.UTC).In(zone)
	b.FirstTakenAt, b.LastTakenAt = b.FirstTakenAt.In(zone), b.LastTakenAt.In(zone)
	b.KeyVersion, b.Kind = 1<<32-1, core.BlobSemantic
	_, err := w.CommitFlush(w.Ctx, s.tenant, w.Op(), f)
	w.ok(err)
	want := *b
	want.FirstAt, want.LastAt = want.FirstAt.UTC(), want.LastAt.UTC()
	want.FirstTakenAt, want.LastTakenAt = want.FirstTakenAt.UTC(), want.LastTakenAt.UTC()
	got := w.mustBlob(s.tenant, s.user, b.ID)
	want.Position = got.Position
	w.equal("the blob", got, want)
}

func userBufferSpansConversations(w *World) {
	s := w.stage()
	sibling, second := w.cast(s), w.freshConversation(s)
	want := entryIDs(s.entries)
	for range 2 { // in turns
		want = append(want, entryIDs(w.MustAppend(s.tenant, s.user, second.conversation, 2))...)
		want = append(want, entryIDs(w.MustAppend(s.tenant, s.user, s.conversation, 1))...)
		w.MustAppend(s.tenant, sibling.user, sibling.conversation, 1)
	}
	got, err := w.UserBuffer(w.Ctx, s.tenant, s.user, all)
	w.ok(err)
	ascending(w, "entries", got, entryPosition)
	w.equal("the user's buffer", entryIDs(got), want)
	w.equal("the conversation of the fourth", got[3].Conversation, second.conversation)
	var paged []core.InteractionID
	page := core.Page{Limit: 2}
	for i := range 100 {
		list, err := w.UserBuffer(w.Ctx, s.tenant, s.user, page)
		w.ok(err)
		if len(list) == 0 {
			break
		}
		paged = append(paged, entryIDs(list)...)
		page.After = list[len(list)-1].Position
		if i == 1 {
			want = append(want, entryIDs(w.MustAppend(s.tenant, s.user, second.conversation, 3))...)
		}
	}
	w.equal("the user's buffer, in pages,", paged, want)
}

// bufferThenBlobsMissesNothing reads as an index does that is built anew, while
// others append and flush.
func bufferThenBlobsMissesNothing(w *World) {
	s := w.freshConversation(w.stage())
	second := w.freshConversation(s)
	const rounds = 25
	acked := make(chan []core.InteractionID, 1)
	acked <- nil
	appendOne := func(at stage) error {
		a := w.MakeAppend(at.user, at.conversation, 2)
		ids := entryIDs(a.Entries)
		_, err := w.Append(w.Ctx, at.tenant, w.Op(), a)
		if err == nil {
			acked <- append(<-acked, ids...)
		}
		return err
	}
	flushOne := func(at stage) error {
		head, err := w.Buffered(w.Ctx, at.tenant, at.user, at.conversation, 3)
		if err != nil || len(head) == 0 {
			return err
		}
		_, err = w.flush(at, head, 2)
		return err
	}
	errs := together(3, func(i int) error {
		for n := range rounds {
			at := []stage{s, second}[n%2]
			var err error
			switch i {
			case 0:
				err = appendOne(at)
			case 1:
				err = flushOne(at)
			default:
				sure := <-acked
				sure = append([]core.InteractionID(nil), sure...)
				acked <- sure
				err = w.readsAll(at, sure)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.allOK(errs)
}

// readsAll reads the user's buffer to its end, then the blobs, in small pages.
func (w *World) readsAll(at stage, sure []core.InteractionID) error {
	seen := map[core.InteractionID]bool{}
	page := core.Page{Limit: 3}
	for range everything {
		list, err := w.UserBuffer(w.Ctx, at.tenant, at.user, page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			seen[e.ID] = true
		}
		page.After = list[len(list)-1].Position
	}
	page.After = 0
	for range everything {
		list, err := w.Blobs(w.Ctx, at.tenant, at.user, page, false)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, b := range list {
			for _, id := range b.Interactions {
				seen[id] = true
			}
		}
		page.After = list[len(list)-1].Position
	}
	for _, id := range sure {
		if !seen[id] {
			return fmt.Errorf("of %d that were acknowledged, one was missed", len(sure))
		}
	}
	return nil
}
