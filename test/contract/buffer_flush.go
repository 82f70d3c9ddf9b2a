package contract

import (
	"slices"

	"github.com/raven-memory/raven/core"
)

func flushMovesTheHead(w *World) {
	s := w.freshConversation(w.stage())
	entries := w.MustAppend(s.tenant, s.user, s.conversation, 7)
	before, version, last := w.mustUsage(s.tenant), w.mustVersion(s), w.lastSeq(s.tenant)
	f := w.MakeFlush(s.tenant, s.user, entries[:5], 3)
	given := dump(f)
	left, err := w.CommitFlush(w.Ctx, s.tenant, w.Op(), f)
	w.ok(err)
	w.equal("what was handed in, after the call,", dump(f), given)
	w.equal("what is left", left, int64(2))
	w.equal("the buffer", entryIDs(w.mustBuffered(s)), entryIDs(entries[5:]))
	for i, b := range f.Blobs {
		got := w.mustBlob(s.tenant, s.user, b.ID)
		b.Position = got.Position
		w.equal("a blob", got, b)
		w.equal("its change", w.mustChanges(s.tenant, s.user, version)[i], core.Change{
			Version: version + int64(i) + 1, Kind: core.ChangeSealed, Conversation: s.conversation, Blob: b.ID,
			First: b.Numbers[0], Last: b.Numbers[len(b.Numbers)-1],
		})
	}
	w.equal("the changes", w.mustVersion(s), version+2)
	f.Event.Seq = last + 1
	w.equal("the events", w.mustEvents(s.tenant, last), []core.Event{f.Event})
	after := before
	after.Buffered -= 5
	after.Blobs += 2
	after.BlobBytes += f.Blobs[0].Size + f.Blobs[1].Size
	w.equal("the usage", w.mustUsage(s.tenant), after)
	c := w.mustConversation(s.tenant, s.user, s.conversation)
	w.equal("the counters", []int64{c.Interactions, c.Buffered, c.NextNumber}, []int64{7, 2, 8})
	left, err = w.flush(s, entries[5:], 10)
	w.ok(err)
	w.equal("what is left", left, int64(0))
	w.Recount(s.tenant)
}

func flushChecksTheHead(w *World) {
	s := w.stage()
	e := s.entries
	other := w.freshConversation(s)
	foreign := w.MustAppend(s.tenant, s.user, other.conversation, 1)
	foreign[0].Conversation = s.conversation
	w.unchanged(func() {
		for name, head := range map[string][]core.BufferEntry{
			"not the first":        {e[1], e[2]},
			"in another order":     {e[1], e[0]},
			"with a hole":          {e[0], e[2]},
			"too long":             {e[0], e[1], e[2], foreign[0]},
			"twice the same":       {e[0], e[0]},
			"another's":            {foreign[0]},
			"what was never there": {{ID: w.IDs.Interaction(), Conversation: s.conversation, Number: 4}},
			"what is sealed already": {
				{ID: s.blob.Interactions[0], Conversation: s.conversation, Number: 1}, e[0],
			},
		} {
			op, f := w.Op(), w.MakeFlush(s.tenant, s.user, head, 2)
			for range 2 {
				if _, err := w.CommitFlush(w.Ctx, s.tenant, op, f); !core.Is(err, core.CodeVersionConflict) {
					w.T.Fatalf("a flush of a head that is %s: %v", name, err)
				}
			}
		}
	})
	_, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, e[1].ID))
	w.ok(err)
	w.unchanged(func() {
		_, err := w.flush(s, e, 3) // one in the middle was forgotten meanwhile
		w.refused(err, core.CodeVersionConflict)
	})
	_, err = w.flush(s, slices.Delete(slices.Clone(e), 1, 2), 3)
	w.ok(err)
	w.Recount(s.tenant)
}

func nothingWithoutAnID(w *World) {
	s := w.stage()
	w.unchanged(func() {
		for _, id := range hostile(string(w.IDs.Blob())) {
			f := w.MakeFlush(s.tenant, s.user, s.entries, 3)
			if f.Blobs[0].ID = core.BlobID(id); f.Blobs[0].ID.Valid() {
				continue
			}
			if _, err := w.CommitFlush(w.Ctx, s.tenant, w.Op(), f); err == nil {
				w.T.Fatalf("a blob was made with the id %q", cut(id))
			}
		}
		for _, id := range hostile(string(w.IDs.Interaction())) {
			a := w.MakeAppend(s.user, s.conversation, 2)
			if a.Entries[1].ID = core.InteractionID(id); a.Entries[1].ID.Valid() {
				continue
			}
			if _, err := w.Append(w.Ctx, s.tenant, w.Op(), a); err == nil {
				w.T.Fatalf("an interaction was taken in with the id %q", cut(id))
			}
		}
	})
}

func oneOfManyFlushes(w *World) {
	s := w.stage()
	last, version := w.lastSeq(s.tenant), w.mustVersion(s)
	errs := together(12, func(int) error {
		_, err := w.flush(s, s.entries, 2)
		return err
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 11})
	w.equal("the number of events", len(w.mustEvents(s.tenant, last)), 1)
	w.equal("the number of changes", w.mustVersion(s)-version, int64(2))
	w.Recount(s.tenant)
}

// flushingWhileAppending lets nodes race for the head while others append; all
// that was acknowledged is there once.
func flushingWhileAppending(w *World) {
	s := w.freshConversation(w.stage())
	const writers, each = 4, 15
	w.allOK(together(writers+3, func(i int) error {
		if i < writers {
			for range each {
				if err := w.append(s, 2); err != nil {
					return err
				}
			}
			return nil
		}
		for range each {
			head, err := w.Buffered(w.Ctx, s.tenant, s.user, s.conversation, 3)
			if err != nil {
				return err
			}
			if len(head) == 0 {
				continue
			}
			if _, err := w.flush(s, head, 2); err != nil && !core.Is(err, core.CodeVersionConflict) {
				return err
			}
		}
		return nil
	}))
	w.holdsUpTo(s, 2*writers*each)
}

// holdsUpTo holds that the conversation has the numbers up to n, each once.
func (w *World) holdsUpTo(s stage, n int) {
	w.T.Helper()
	stretch, err := w.Stretch(w.Ctx, s.tenant, s.user, s.conversation, core.Window{Limit: everything})
	w.ok(err)
	w.equal("the numbers", numbersOf(stretch), upTo(n))
	w.Recount(s.tenant)
}

// upTo is 1, 2, … n.
func upTo(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i + 1)
	}
	return list
}

func flushWorksOnClosedConversations(w *World) {
	s := w.stage()
	w.mustClose(s, 1)
	left, err := w.flush(s, s.entries, 2)
	w.ok(err)
	w.equal("what is left", left, int64(0))
	idle, err := w.IdleBuffers(w.Ctx, w.start.AddDate(1, 0, 0), everything)
	w.ok(err)
	w.equal("idle buffers", idle, []core.BufferPlace(nil))
	w.Recount(s.tenant)
}

// largestStepsAreOneStep takes in and seals as much as one call may.
func largestStepsAreOneStep(w *World) {
	s := w.freshConversation(w.stage())
	version := w.mustVersion(s)
	for range 2 {
		a := w.MakeAppend(s.user, s.conversation, core.MaxInteractions)
		for i := range a.Entries {
			a.Entries[i].Sealed = w.Bytes(core.MaxBodyBytes / core.MaxInteractions)
		}
		_, err := w.Append(w.Ctx, s.tenant, w.Op(), a)
		w.ok(err)
	}
	w.equal("the changes", w.mustVersion(s), version+2)
	entries := w.mustBuffered(s)
	w.equal("the number of entries", len(entries), 2*core.MaxInteractions)
	f := w.MakeFlush(s.tenant, s.user, entries[:core.MaxBatchSize], core.MaxBatchSize)
	f.Blobs[0].Sealed = w.Bytes(2 * core.MaxBodyBytes)
	f.Blobs[0].Size = int64(len(f.Blobs[0].Sealed))
	left, err := w.CommitFlush(w.Ctx, s.tenant, w.Op(), f)
	w.ok(err)
	w.equal("what is left", left, int64(2*core.MaxInteractions-core.MaxBatchSize))
	got := w.mustBlob(s.tenant, s.user, f.Blobs[0].ID)
	f.Blobs[0].Position = got.Position
	w.equal("the blob", got, f.Blobs[0])
	w.ok(w.deleteConversation(s))
	w.Recount(s.tenant)
}
