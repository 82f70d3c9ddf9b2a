package contract

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Buffer is the contract of ports.Buffer.
func Buffer(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"AppendNumbersInOrder", appendNumbersInOrder},
		{"AppendIsKeptWhole", appendIsKeptWhole},
		{"ManyAppendersLeaveNoGap", manyAppendersLeaveNoGap},
		{"NumbersAreNotUsedAgain", numbersAreNotUsedAgain},
		{"ClosedConversationTakesNothing", closedConversationTakesNothing},
		{"ClosingBeatsAppendsOrNot", closingBeatsAppendsOrNot},
		{"CancelledAppendIsWholeOrNot", cancelledAppendIsWholeOrNot},
		{"AppendSealedIsBothInOne", appendSealedIsBothInOne},
		{"AppendSealedChecksWhatIsThere", appendSealedChecksWhatIsThere},
		{"AppendSealedAmongOthers", appendSealedAmongOthers},
		{"BufferedGivesTheHead", bufferedGivesTheHead},
		{"FlushMovesTheHead", flushMovesTheHead},
		{"FlushChecksTheHead", flushChecksTheHead},
		{"NothingWithoutAnID", nothingWithoutAnID},
		{"OneOfManyFlushes", oneOfManyFlushes},
		{"FlushingWhileAppending", flushingWhileAppending},
		{"FlushWorksOnClosedConversations", flushWorksOnClosedConversations},
		{"LargestStepsAreOneStep", largestStepsAreOneStep},
		{"IdleBuffersAreThoseAtRest", idleBuffersAreThoseAtRest},
		{"IdleBuffersThatStayHoldNobodyUp", idleBuffersThatStayHoldNobodyUp},
	}, bufferCalls())
}

func bufferCalls() []call {
	const inConversation = ofTenant | ofUser | ofConversation
	return []call{
		{
			name: "Append", takes: inConversation, step: true,
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.Append(ctx, at.tenant, op, w.MakeAppend(at.user, at.conversation, 3))
			},
		},
		{
			name: "AppendSealed", takes: inConversation, step: true, events: []core.EventType{core.EventMemoryFlushed},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				next := at.entries[len(at.entries)-1].Number + 1
				a := w.MakeAppendSealed(w.MakeAppend(at.user, at.conversation, 4), at.tenant, at.entries, next, 3, 3)
				a.Conversation = at.conversation
				for i := range a.Blobs {
					a.Blobs[i].Conversation = at.conversation
				}
				return w.AppendSealed(ctx, at.tenant, op, a)
			},
		},
		{name: "Buffered", takes: inConversation, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Buffered(ctx, at.tenant, at.user, at.conversation, 10)
		}},
		{
			name: "CommitFlush", takes: inConversation, step: true, events: []core.EventType{core.EventMemoryFlushed},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				f := w.MakeFlush(at.tenant, at.user, at.entries[:2], 1)
				f.Conversation = at.conversation
				for i := range f.Blobs {
					f.Blobs[i].Conversation = at.conversation
				}
				return w.CommitFlush(ctx, at.tenant, op, f)
			},
		},
		{name: "IdleBuffers", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.IdleBuffers(ctx, w.start.AddDate(1, 0, 0), 10)
		}},
	}
}

func (w *World) append(at stage, n int) error {
	_, err := w.Append(w.Ctx, at.tenant, w.Op(), w.MakeAppend(at.user, at.conversation, n))
	return err
}

// flush seals n entries of the head into blobs of size each.
func (w *World) flush(at stage, entries []core.BufferEntry, size int) (int64, error) {
	return w.CommitFlush(w.Ctx, at.tenant, w.Op(), w.MakeFlush(at.tenant, at.user, entries, size))
}

func (w *World) mustBuffered(at stage) []core.BufferEntry {
	w.T.Helper()
	entries, err := w.Buffered(w.Ctx, at.tenant, at.user, at.conversation, everything)
	w.ok(err)
	return entries
}

func (w *World) mustVersion(at stage) int64 {
	w.T.Helper()
	version, err := w.MemoryVersion(w.Ctx, at.tenant, at.user)
	w.ok(err)
	return version
}

// freshConversation is a stage with an empty conversation.
func (w *World) freshConversation(at stage) stage {
	w.T.Helper()
	at.conversation = w.MustCreateConversation(at.tenant, at.user).ID
	at.entries, at.blob = nil, core.BlobRecord{}
	return at
}

func appendNumbersInOrder(w *World) {
	s := w.freshConversation(w.stage())
	version := w.mustVersion(s)
	next := int64(1)
	for i, n := range []int{1, 4, 2} {
		a := w.MakeAppend(s.user, s.conversation, n)
		got, err := w.Append(w.Ctx, s.tenant, w.Op(), a)
		w.ok(err)
		w.equal("what the append returned", got, core.Appended{
			IDs: entryIDs(a.Entries), First: next, Buffered: next + int64(n) - 1,
		})
		w.equal("the change", w.mustChanges(s.tenant, s.user, version+int64(i)), []core.Change{{
			Version: version + int64(i) + 1, Kind: core.ChangeAppended, Conversation: s.conversation,
			First: next, Last: next + int64(n) - 1,
		}})
		next += int64(n)
	}
	c := w.mustConversation(s.tenant, s.user, s.conversation)
	w.equal("the counters", []int64{c.Interactions, c.Buffered, c.NextNumber}, []int64{7, 7, 8})
	w.Recount(s.tenant)
}

func appendIsKeptWhole(w *World) {
	s := w.freshConversation(w.stage())
	a := w.MakeAppend(s.user, s.conversation, 5)
	zone := time.FixedZone("far", -7*3600)
	for i := range a.Entries { // taken at other times than the step's, not in order
		a.Entries[i].AcceptedAt = a.At.Add(time.Duration(3*(i%2)-i) * time.Second).In(zone)
	}
	a.Entries[2].Sealed = w.Bytes(100 << 10)
	given := dump(a)
	_, err := w.Append(w.Ctx, s.tenant, w.Op(), a)
	w.ok(err)
	w.equal("what was handed in, after the call,", dump(a), given)
	want := numbered(a.Entries, 1)
	got := w.mustBuffered(s)
	ascending(w, "entries", got, func(e core.BufferEntry) int64 { return e.Position })
	for i := range want {
		want[i].AcceptedAt, want[i].Position = want[i].AcceptedAt.UTC(), got[i].Position
	}
	w.equal("the buffer", got, want)
}

func manyAppendersLeaveNoGap(w *World) {
	s := w.freshConversation(w.stage())
	const writers, each = 16, 8
	owner := make([][]int64, writers)
	w.allOK(together(writers, func(i int) error {
		for range each {
			got, err := w.Append(w.Ctx, s.tenant, w.Op(), w.MakeAppend(s.user, s.conversation, 3))
			if err != nil {
				return err
			}
			owner[i] = append(owner[i], got.First)
		}
		return nil
	}))
	taken := map[int64]bool{}
	for _, firsts := range owner {
		last := int64(0)
		for _, first := range firsts {
			if first%3 != 1 || first <= last || taken[first] {
				w.T.Fatalf("an append of three begins at %d, after %d", first, last)
			}
			last, taken[first] = first, true
		}
	}
	if got := w.mustBuffered(s); len(got) != 3*writers*each || got[len(got)-1].Number != 3*writers*each {
		w.T.Fatalf("%d entries of %d are there, the last is number %d", len(got), 3*writers*each, got[len(got)-1].Number)
	}
	w.Recount(s.tenant)
}

func numbersAreNotUsedAgain(w *World) {
	s := w.freshConversation(w.stage())
	entries := w.MustAppend(s.tenant, s.user, s.conversation, 2)
	w.MustFlush(s.tenant, s.user, entries)
	next := w.MustAppend(s.tenant, s.user, s.conversation, 2)
	w.equal("the number after a flush", next[0].Number, int64(3))
	_, err := w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, next[1].ID))
	w.ok(err)
	w.equal("the number after the last was forgotten", w.MustAppend(s.tenant, s.user, s.conversation, 1)[0].Number, int64(5))
	w.ok(w.ClearMemory(w.Ctx, s.tenant, w.Op(), s.user, w.MakeEvent(s.tenant, core.EventMemoryDeleted)))
	w.equal("the number after all was forgotten", w.MustAppend(s.tenant, s.user, s.conversation, 1)[0].Number, int64(6))
	w.Recount(s.tenant)
}

func closedConversationTakesNothing(w *World) {
	s := w.stage()
	op := w.Op()
	done, err := w.Append(w.Ctx, s.tenant, op, w.MakeAppend(s.user, s.conversation, 1))
	w.ok(err)
	w.mustClose(s, 1)
	w.unchanged(func() {
		w.refused(w.append(s, 1), core.CodeConversationClosed)
		again, err := w.Append(w.Ctx, s.tenant, op, w.MakeAppend(s.user, s.conversation, 1)) // done before it closed
		w.ok(err)
		w.equal("the second outcome of one operation", again, done)
	})
}

// closingBeatsAppendsOrNot closes while others append: each append is whole or
// refused, and what was let in is there.
func closingBeatsAppendsOrNot(w *World) {
	s := w.freshConversation(w.stage())
	errs := together(17, func(i int) error {
		if i == 8 {
			_, err := w.UpdateConversation(w.Ctx, s.tenant, w.Op(), w.makeConversationUpdate(s, 1, true))
			return err
		}
		return w.append(s, 2)
	})
	counts := codes(errs)
	if counts[""]+counts[core.CodeConversationClosed] != len(errs) {
		w.T.Fatalf("outcomes by code: %v", counts)
	}
	w.equal("the entries", len(w.mustBuffered(s)), 2*(counts[""]-1))
	w.Recount(s.tenant)
}

// cancelledAppendIsWholeOrNot lets callers go away at some time of a step and
// use their slices again.
func cancelledAppendIsWholeOrNot(w *World) {
	s := w.freshConversation(w.stage())
	const callers = 48
	sums := make([]string, callers+1) // of what each handed in
	acked := make([]bool, callers+1)
	w.allOK(together(callers, func(i int) error {
		a := w.MakeAppend(s.user, s.conversation, 2)
		sums[i] = dump([]any{a.Entries[0].ID, a.Entries[0].Sealed, a.Entries[1].ID, a.Entries[1].Sealed})
		ctx, cancel := context.WithTimeout(w.Ctx, time.Duration(i*i)*20*time.Microsecond)
		defer cancel()
		_, err := w.Append(ctx, s.tenant, w.Op(), a)
		for _, e := range a.Entries {
			clear(e.Sealed)
		}
		clear(a.Entries)
		acked[i] = err == nil
		if ctx.Err() == nil {
			return err
		}
		return nil
	}))
	// A step whose caller went away may still run; it is done before one that
	// is asked for now.
	last := w.MakeAppend(s.user, s.conversation, 2)
	sums[callers] = dump([]any{last.Entries[0].ID, last.Entries[0].Sealed, last.Entries[1].ID, last.Entries[1].Sealed})
	acked[callers] = true
	_, err := w.Append(w.Ctx, s.tenant, w.Op(), last)
	w.ok(err)
	found := map[string]bool{}
	got := w.mustBuffered(s)
	if len(got)%2 != 0 {
		w.T.Fatalf("appends of two left %d entries", len(got))
	}
	for i := 0; i < len(got); i += 2 {
		found[dump([]any{got[i].ID, got[i].Sealed, got[i+1].ID, got[i+1].Sealed})] = true
	}
	for i, sum := range sums {
		if acked[i] && !found[sum] {
			w.T.Fatalf("append %d was acknowledged, and is not there as it was handed in", i)
		}
		delete(found, sum)
	}
	if len(found) != 0 {
		w.T.Fatalf("%d appends are there that nobody handed in so", len(found))
	}
	w.Recount(s.tenant)
}

func bufferedGivesTheHead(w *World) {
	s := w.stage()
	got, err := w.Buffered(w.Ctx, s.tenant, s.user, s.conversation, 2)
	w.ok(err)
	w.equal("the head", entryIDs(got), entryIDs(s.entries[:2]))
	other := w.freshConversation(s)
	w.equal("an empty buffer", w.mustBuffered(other), []core.BufferEntry(nil))
}

func entryIDs(entries []core.BufferEntry) []core.InteractionID {
	ids := make([]core.InteractionID, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func idleBuffersAreThoseAtRest(w *World) {
	a, b, gone := w.stage(), w.stage(), w.stage()
	closed, empty := w.cast(a), w.cast(b)
	w.MustFlush(empty.tenant, empty.user, empty.entries)
	w.MustFlush(closed.tenant, closed.user, closed.entries[:1])
	w.mustClose(closed, 1)
	w.mustDeleteTenant(gone.tenant)
	w.mustClose(w.freshConversation(b), 1)
	idle := func(before time.Time, want ...stage) {
		w.T.Helper()
		got, err := w.IdleBuffers(w.Ctx, before, everything)
		w.ok(err)
		left := map[core.BufferPlace]bool{}
		for _, p := range got {
			left[p] = true
		}
		for _, s := range want {
			p := core.BufferPlace{Tenant: s.tenant, User: s.user, Conversation: s.conversation}
			if !left[p] {
				w.T.Fatalf("an idle buffer is not listed")
			}
			delete(left, p)
		}
		if len(left) != 0 || len(got) != len(want) {
			w.T.Fatalf("listed as idle: %d, want %d", len(got), len(want))
		}
	}
	idle(w.start.Add(-time.Hour), closed) // nothing is that old
	now := w.Now()
	idle(now, a, b, closed)
	w.ok(w.append(a, 1))
	idle(now, b, closed)
	idle(w.Now(), a, b, closed)
	got, err := w.IdleBuffers(w.Ctx, w.Now(), 2)
	w.ok(err)
	w.equal("the number in a list of two", len(got), 2)
}

// idleBuffersThatStayHoldNobodyUp has a tenant with more idle buffers than fit a
// list, closed ones and open ones, none of which is ever sealed.
func idleBuffersThatStayHoldNobodyUp(w *World) {
	const limit = 3
	stuck := w.stage()
	for range limit {
		w.cast(stuck)
		w.mustClose(w.cast(stuck), 1)
	}
	others := map[core.BufferPlace]bool{}
	open, closed := w.stage(), w.stage()
	w.mustClose(closed, 1)
	for _, s := range []stage{open, closed} {
		others[core.BufferPlace{Tenant: s.tenant, User: s.user, Conversation: s.conversation}] = true
	}
	all := 1 + 2*limit + len(others)
	for range all {
		got, err := w.IdleBuffers(w.Ctx, w.Now(), limit)
		w.ok(err)
		w.equal("the number in a list", len(got), limit)
		for i, p := range got {
			if slices.Contains(got[:i], p) {
				w.T.Fatalf("a list has %v twice", p)
			}
			delete(others, p)
		}
	}
	w.equal("idle buffers of others that no list had", len(others), 0)
	got, err := w.IdleBuffers(w.Ctx, w.Now(), everything)
	w.ok(err)
	w.equal("the number in a list of all", len(got), all)
}
