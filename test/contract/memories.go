package contract

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Memories is the contract of ports.Memories.
func Memories(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"StretchJoinsBlobsAndBuffer", stretchJoinsBlobsAndBuffer},
		{"StretchTellsWhatIsStored", stretchTellsWhatIsStored},
		{"StretchOfNothingIsEmpty", stretchOfNothingIsEmpty},
		{"StretchIsOfOneMoment", stretchIsOfOneMoment},
		{"StretchIsWholeWhileItIsForgotten", stretchIsWholeWhileItIsForgotten},
		{"StretchIsWholeWhileMemoryIsCleared", stretchIsWholeWhileMemoryIsCleared},
		{"BlobsComeInOrderOfArrival", blobsComeInOrderOfArrival},
		{"BlobPagesSurviveInserts", blobPagesSurviveInserts},
		{"PositionsAreNotUsedAgain", memoryPositionsAreNotUsedAgain},
		{"HeadersComeWithoutPayload", headersComeWithoutPayload},
		{"BlobHeaderIsKeptWhole", blobHeaderIsKeptWhole},
		{"UserBufferSpansConversations", userBufferSpansConversations},
		{"BufferThenBlobsMissesNothing", bufferThenBlobsMissesNothing},
	}, memoryCalls())
}

func memoryCalls() []call {
	const inUser, inConversation = ofTenant | ofUser, ofTenant | ofUser | ofConversation
	return []call{
		{name: "Stretch", takes: inConversation, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Stretch(ctx, at.tenant, at.user, at.conversation, core.Window{Limit: 10})
		}},
		{name: "Blobs", takes: inUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Blobs(ctx, at.tenant, at.user, all, true)
		}},
		{name: "Blob", takes: inUser | ofBlob, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Blob(ctx, at.tenant, at.user, at.blob.ID)
		}},
		{name: "ConversationBlobs", takes: inConversation, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.ConversationBlobs(ctx, at.tenant, at.user, at.conversation)
		}},
		{name: "UserBuffer", takes: inUser, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.UserBuffer(ctx, at.tenant, at.user, all)
		}},
	}
}

// mixed is a conversation with the numbers 1 to 12 without 5, 6 and 10: sealed
// in blobs of three and less up to 8, buffered from there.
func (w *World) mixed() stage {
	w.T.Helper()
	s := w.freshConversation(w.stage())
	entries := w.MustAppend(s.tenant, s.user, s.conversation, 12)
	_, err := w.flush(s, entries[:8], 3) // 1-3, 4-6, 7-8
	w.ok(err)
	blobs, err := w.Blobs(w.Ctx, s.tenant, s.user, all, true)
	w.ok(err)
	for _, b := range blobs {
		if b.Conversation == s.conversation && b.Numbers[0] == 4 {
			w.ok(w.RewriteBlob(w.Ctx, s.tenant, w.Op(), w.MakeRewrite(s.tenant, b, 1, 2)))
		}
	}
	_, err = w.DeleteBuffered(w.Ctx, s.tenant, w.Op(), w.makeBufferDelete(s, entries[9].ID))
	w.ok(err)
	return s
}

var mixedNumbers = []int64{1, 2, 3, 4, 7, 8, 9, 11, 12}

func stretchJoinsBlobsAndBuffer(w *World) {
	s := w.mixed()
	for _, desc := range []bool{false, true} {
		for after := range int64(15) {
			for limit := 1; limit <= 11; limit++ {
				w.stretchIs(s, core.Window{After: after, Desc: desc, Limit: limit}, mixedNumbers, 3)
			}
		}
	}
}

// stretchIs reads a window of a conversation that has those numbers, in blobs
// of at most batch: the stretch holds the window's first Limit of them, goes on
// without a hole, and little beyond.
func (w *World) stretchIs(s stage, window core.Window, stored []int64, batch int) {
	w.T.Helper()
	got, err := w.Stretch(w.Ctx, s.tenant, s.user, s.conversation, window)
	w.ok(err)
	numbers := inOrder(w, got, window.Desc)
	want := slices.Clone(stored)
	if window.Desc {
		slices.Reverse(want)
	}
	inside := func(n int64) bool {
		return window.After == 0 || n > window.After && !window.Desc || n < window.After && window.Desc
	}
	outside := func(n int64) bool { return !inside(n) }
	reach := len(numbers)
	want, numbers = slices.DeleteFunc(want, outside), slices.DeleteFunc(numbers, outside)
	reach -= len(numbers)
	most := window.Limit + batch
	if len(numbers) < min(window.Limit, len(want)) || len(numbers) > most || reach >= batch ||
		!slices.Equal(numbers, want[:min(len(numbers), len(want))]) {
		w.T.Fatalf("%+v of %v gave %v and %d before it", window, stored, numbers, reach)
	}
}

// inOrder is a stretch's numbers in the order of its window, where blobs and
// buffer come in that order too.
func inOrder(w *World, s core.Stretch, desc bool) []int64 {
	w.T.Helper()
	var sealed, buffered []int64
	for _, b := range s.Blobs {
		numbers := slices.Clone(b.Numbers)
		if !slices.IsSorted(numbers) || len(numbers) == 0 {
			w.T.Fatalf("a blob has the numbers %v", numbers)
		}
		if desc {
			slices.Reverse(numbers)
		}
		sealed = append(sealed, numbers...)
	}
	for _, e := range s.Buffered {
		buffered = append(buffered, e.Number)
	}
	numbers := slices.Concat(sealed, buffered)
	if desc {
		numbers = slices.Concat(buffered, sealed)
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] == numbers[i-1] || numbers[i] < numbers[i-1] != desc {
			w.T.Fatalf("a stretch (desc: %v) has the numbers %v", desc, numbers)
		}
	}
	return numbers
}

func stretchTellsWhatIsStored(w *World) {
	s := w.stage()
	for _, desc := range []bool{false, true} {
		got, err := w.Stretch(w.Ctx, s.tenant, s.user, s.conversation, core.Window{Desc: desc, Limit: everything})
		w.ok(err)
		want := core.Stretch{Blobs: []core.BlobRecord{s.blob}, Buffered: w.mustBuffered(s)}
		if desc {
			slices.Reverse(want.Buffered)
		}
		w.equal("the stretch", got, want)
	}
}

func stretchOfNothingIsEmpty(w *World) {
	s := w.freshConversation(w.stage())
	for _, window := range []core.Window{{Limit: 5}, {Limit: 5, Desc: true}, {After: 3, Limit: 1}} {
		got, err := w.Stretch(w.Ctx, s.tenant, s.user, s.conversation, window)
		w.ok(err)
		w.equal("the stretch", got, core.Stretch{})
	}
}

// stretchIsOfOneMoment reads while others append and flush: at every moment
// nothing is missing, nothing is twice, and what was acknowledged is there.
func stretchIsOfOneMoment(w *World) {
	s := w.freshConversation(w.stage())
	// Enough of both, so that reading either takes its time.
	entries := w.MustAppend(s.tenant, s.user, s.conversation, core.MaxInteractions)
	_, err := w.flush(s, entries[:core.MaxInteractions/2], 2)
	w.ok(err)
	const rounds = 40
	acked := make(chan int64, 1)
	acked <- core.MaxInteractions
	appendOne := func() error {
		got, err := w.Append(w.Ctx, s.tenant, w.Op(), w.MakeAppend(s.user, s.conversation, 3))
		if err == nil {
			<-acked
			acked <- got.First + 2
		}
		return err
	}
	flushOne := func() error {
		head, err := w.Buffered(w.Ctx, s.tenant, s.user, s.conversation, 5)
		if err != nil || len(head) == 0 {
			return err
		}
		_, err = w.flush(s, head, 2)
		return err
	}
	var writing atomic.Int32
	writing.Store(2)
	write := func(step func() error) error {
		defer writing.Add(-1)
		for range rounds {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
	w.allOK(together(4, func(i int) error {
		switch i {
		case 0:
			return write(appendOne)
		case 1:
			return write(flushOne)
		}
		for range everything {
			sure := <-acked
			acked <- sure
			if err := w.readsWhole(s, sure, i == 3); err != nil || writing.Load() == 0 {
				return err
			}
		}
		return nil
	}))
	w.Recount(s.tenant)
}

// readsWhole reads a conversation of which sure interactions are acknowledged.
func (w *World) readsWhole(at stage, sure int64, desc bool) error {
	got, err := w.Stretch(w.Ctx, at.tenant, at.user, at.conversation, core.Window{Desc: desc, Limit: everything})
	if err != nil {
		return err
	}
	numbers := numbersOf(got)
	slices.Sort(numbers)
	if !slices.Equal(numbers, upTo(len(numbers))) || int64(len(numbers)) < sure {
		return fmt.Errorf("%d were acknowledged; a stretch has %v", sure, numbers)
	}
	return nil
}
