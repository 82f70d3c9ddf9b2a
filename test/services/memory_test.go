package services

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/tenancy"
)

func TestInteractionsAreReadInOrderOverBlobsAndBuffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("order", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](4)})
	user, c := w.conversation(caller)
	var expect []string
	for i := 1; i <= 23; i += 3 {
		some := numbered("thing", i, min(i+2, 23))
		w.ingest(caller, user, c, some...)
		expect = append(expect, some...)
		if got := w.contents(caller, user, c, false); !slices.Equal(got, expect) {
			t.Fatalf("after %d: %v", i, got)
		}
	}
	slices.Reverse(expect)
	if got := w.contents(caller, user, c, true); !slices.Equal(got, expect) {
		t.Errorf("backwards: %v", got)
	}
}

func TestBufferIsSealedInBatchesAndOnDemand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("batches", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	if done := w.ingest(caller, user, c, numbered("n", 1, 9)...); done.Buffered != 9 || len(done.Flushed) != 0 {
		t.Errorf("nine: %+v", done)
	}
	if done := w.ingest(caller, user, c, numbered("n", 10, 34)...); done.Buffered != 4 || len(done.Flushed) != 3 {
		t.Errorf("thirty-four: %+v", done)
	}
	blobs, err := w.memory.Flush(w.ctx, caller, core.Op{}, user, c)
	if err != nil || len(blobs) != 1 {
		t.Errorf("flush: %v, %v", blobs, err)
	}
	blobs, err = w.memory.Flush(w.ctx, caller, core.Op{}, user, c)
	if err != nil || len(blobs) != 0 {
		t.Errorf("a second flush: %v, %v", blobs, err)
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, numbered("n", 1, 34)) {
		t.Errorf("read back: %v", got)
	}
	usage, err := w.tenancy.Usage(w.ctx, caller)
	if err != nil || usage.Interactions != 34 || usage.Buffered != 0 || usage.Blobs != 4 {
		t.Errorf("usage %+v, %v", usage, err)
	}
}

// TestFullBatchesOfTwoNodesStayInOrder has each of two nodes be wrong about where
// the conversation ends, time and again.
func TestFullBatchesOfTwoNodesStayInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("nodes", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](4)})
	user, c := w.conversation(caller)
	nodes := []*memory.Service{w.memory, memory.New(w.memory.Deps)}
	last, blobs := 0, 0
	for i, n := range []int{4, 8, 4, 5, 4, 3, 4, 12, 1, 4, 9, 4} {
		list := said(numbered("n", last+1, last+n)...)
		last += n
		done, err := nodes[i%2].Ingest(w.ctx, caller, core.Op{}, user, c, list)
		blobs += len(done.Flushed)
		if err != nil || len(done.IDs) != n || done.Buffered != int64(last%4) || blobs != last/4 {
			t.Fatalf("after %d: %+v, %v; %d blobs", last, done, err, blobs)
		}
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, numbered("n", 1, last)) {
		t.Errorf("read back: %v", got)
	}
}

func TestSmallerBatchesSealWhatIsBuffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("smaller", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](100)})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, numbered("n", 1, 10)...)
	caller.Settings.BatchSize = 4
	if done := w.ingest(caller, user, c, "n 11"); done.Buffered != 3 || len(done.Flushed) != 2 {
		t.Errorf("eleven: %+v", done)
	}
	if done := w.ingest(caller, user, c, "n 12"); done.Buffered != 0 || len(done.Flushed) != 1 {
		t.Errorf("twelve: %+v", done)
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, numbered("n", 1, 12)) {
		t.Errorf("read back: %v", got)
	}
}

// TestFullOutboxRefusesNoIngest has batches become full while no event can be
// recorded, on a node that knows where the conversation ends.
func TestFullOutboxRefusesNoIngest(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, sqlite.Options{MaxOutbox: 6})
	caller, _ := w.tenant("outbox", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](2)})
	user, c := w.conversation(caller)
	full := 0
	deps := w.memory.Deps
	deps.Report = func(_ context.Context, _ string, err error) {
		if errors.Is(err, core.ErrOutboxFull) {
			full++
		}
	}
	node := memory.New(deps)
	for i, text := range numbered("n", 1, 12) {
		done, err := node.Ingest(w.ctx, caller, core.Op{}, user, c, said(text))
		if err != nil || len(done.IDs) != 1 {
			t.Fatalf("ingest %d: %+v, %v", i+1, done, err)
		}
	}
	if full == 0 {
		t.Error("the outbox is not full")
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, numbered("n", 1, 12)) {
		t.Errorf("read back: %v", got)
	}
}

func TestConcurrentIngestLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("crowd", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](5)})
	user, c := w.conversation(caller)
	const writers, each = 12, 20
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				_, err := w.memory.Ingest(w.ctx, caller, core.Op{}, user, c, said(numbered("w", i*each+n, i*each+n)...))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := w.contents(caller, user, c, false)
	slices.Sort(got)
	expect := numbered("w", 0, writers*each-1)
	slices.Sort(expect)
	if !slices.Equal(got, expect) {
		t.Errorf("%d are there, want %d", len(got), len(expect))
	}
}

func TestClosingSealsAndEndsIngest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("closing", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "one", "two")
	closed, err := w.tenancy.UpdateConversation(w.ctx, caller, user, c, tenancy.ConversationPatch{Status: core.SetTo("closed")}, 0)
	if err != nil || closed.Status != core.ConversationClosed || closed.ClosedAt == nil {
		t.Errorf("closed as %+v, %v", closed, err)
	}
	_, err = w.memory.Ingest(w.ctx, caller, core.Op{}, user, c, []memory.NewInteraction{{Role: "user", Content: "three"}})
	want(t, core.CodeConversationClosed, err)
	usage, err := w.tenancy.Usage(w.ctx, caller)
	if err != nil || usage.Buffered != 0 || usage.Interactions != 2 {
		t.Errorf("usage %+v, %v", usage, err)
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("read back: %v", got)
	}
	_, err = w.tenancy.UpdateConversation(w.ctx, caller, user, c, tenancy.ConversationPatch{Status: core.SetTo("open")}, 0)
	want(t, core.CodeValidation, err)
	again, err := w.tenancy.UpdateConversation(w.ctx, caller, user, c, tenancy.ConversationPatch{Status: core.SetTo("closed")}, closed.Version)
	if err != nil || again.Version != closed.Version {
		t.Errorf("closed again: %+v, %v", again, err)
	}
	titled, err := w.tenancy.UpdateConversation(w.ctx, caller, user, c, tenancy.ConversationPatch{Status: core.SetTo("closed"), Title: core.SetTo("late title")}, 0)
	if err != nil || titled.Title == nil || *titled.Title != "late title" || titled.Status != core.ConversationClosed {
		t.Errorf("titled after it was closed: %+v, %v", titled, err)
	}
}

func TestIdleBufferIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("idle", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "left alone")
	w.clock.advance(10 * time.Minute)
	busyUser, busy := w.conversation(caller)
	w.ingest(caller, busyUser, busy, "just now")
	n, err := w.memory.FlushIdle(w.ctx, w.clock.Now().Add(-5*time.Minute), 100)
	if err != nil || n != 1 {
		t.Errorf("sealed %d idle, %v", n, err)
	}
	usage, err := w.tenancy.Usage(w.ctx, caller)
	if err != nil || usage.Buffered != 1 || usage.Blobs != 1 {
		t.Errorf("usage %+v, %v", usage, err)
	}
}

func TestExpiredMemoryIsHiddenAtOnceAndSweptAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, key := w.tenant("retention", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](2), RetentionDays: core.SetTo[int64](10)})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "old apple", "old pear", "old plum")
	w.clock.advance(4 * 24 * time.Hour)
	w.ingest(caller, user, c, "new apple", "new pear") // one blob holds old plum and new apple
	w.clock.advance(6*24*time.Hour - time.Millisecond)
	if got := w.contents(caller, user, c, false); len(got) != 5 {
		t.Errorf("a millisecond early: %v", got)
	}
	w.clock.advance(time.Millisecond)
	left := []string{"new apple", "new pear"}
	hidden := func(when string) {
		t.Helper()
		if got := w.contents(caller, user, c, false); !slices.Equal(got, left) {
			t.Errorf("%s: %v", when, got)
		}
		found := w.finds(caller, user, "apple pear plum")
		slices.Sort(found)
		if !slices.Equal(found, left) {
			t.Errorf("%s a search finds %v", when, found)
		}
	}
	hidden("at the moment it expires")
	if err := w.memory.Sweep(w.ctx); err != nil {
		t.Error(err)
	}
	hidden("after the sweep")
	usage, err := w.tenancy.Usage(w.ctx, caller)
	if err != nil || usage.Interactions != 2 {
		t.Errorf("usage after the sweep %+v, %v", usage, err)
	}
	// A changed setting acts on what is stored.
	_, err = w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: tenancy.SettingsPatch{RetentionDays: core.SetTo[int64](1)}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	caller, left = w.signIn(key.Secret), []string{}
	hidden("under a shorter retention")
	if err := w.memory.Sweep(w.ctx); err != nil {
		t.Error(err)
	}
	usage, err = w.tenancy.Usage(w.ctx, caller)
	if err != nil || usage.Interactions != 0 || usage.Blobs != 0 || usage.Buffered != 0 || usage.BlobBytes != 0 {
		t.Errorf("usage at the end %+v, %v", usage, err)
	}
}

// TestSweepGoesOnPastWhatDoesNotOpen has more expire than one turn removes, of a
// tenant whose key is gone: what is expired as a whole goes all the same.
func TestSweepGoesOnPastWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	const old = 250
	w := newWorld(t, true)
	caller, key := w.tenant("keyless", tenancy.SettingsPatch{
		BatchSize: core.SetTo[int64](2), RetentionDays: core.SetTo[int64](10), EncryptionMode: core.SetTo(string(core.EncryptionTenant)),
	})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "oldest of all")
	w.clock.advance(time.Hour)
	other, d := w.conversation(caller)
	for range old {
		w.ingest(caller, other, d, "old", "old")
	}
	w.clock.advance(5 * 24 * time.Hour)
	w.ingest(caller, user, c, "in a blob with the oldest of all")
	w.clock.advance(5 * 24 * time.Hour)
	w.own.gone = true
	w.sealing.Forget(caller.Tenant)
	var reported []string
	w.report = func(doing string, err error) { reported = append(reported, doing+": "+err.Error()) }
	if err := w.memory.Sweep(w.ctx); err != nil || len(reported) != 1 {
		t.Errorf("the sweep said %v, and reported %q", err, reported)
	}
	w.own.gone = false
	w.sealing.Forget(caller.Tenant)
	usage, err := w.tenancy.Usage(w.ctx, w.signIn(key.Secret))
	if err != nil || usage.Blobs != 1 || usage.Interactions != 2 {
		t.Errorf("usage after the sweep %+v, %v", usage, err)
	}
}

func TestFactsExpireWithTheLatestOfTheirSourcesThatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("sources", tenancy.SettingsPatch{RetentionDays: core.SetTo[int64](30)})
	user, c := w.conversation(caller)
	said := func() core.InteractionID {
		t.Helper()
		id := w.ingest(caller, user, c, "I love jazz.").IDs[0]
		from := []core.FactSource{{Conversation: c, Interaction: id}}
		if _, err := w.facts.Add(w.ctx, caller, core.Op{}, user, facts.NewFact{Text: "I love jazz.", Sources: from}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	known := func() int {
		t.Helper()
		page, err := w.facts.List(w.ctx, caller, user, facts.Query{}, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items)
	}
	said()
	w.clock.advance(29 * 24 * time.Hour)
	if err := w.memory.DeleteInteraction(w.ctx, caller, user, c, said()); err != nil {
		t.Fatal(err)
	}
	if n := known(); n != 1 {
		t.Errorf("%d facts while the first source lasts", n)
	}
	w.clock.advance(24 * time.Hour)
	if n, found := known(), w.finds(caller, user, "jazz"); n != 0 || len(found) != 0 {
		t.Errorf("%d facts, and %q found, when the source that is left has expired", n, found)
	}
	if err := w.memory.Sweep(w.ctx); err != nil {
		t.Error(err)
	}
	if usage, err := w.tenancy.Usage(w.ctx, caller); err != nil || usage.Blobs != 0 || usage.Buffered != 0 {
		t.Errorf("usage after the sweep %+v, %v", usage, err)
	}
}

func TestImportedPastDoesNotExpireOnArrival(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("import", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	long := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := w.memory.Ingest(w.ctx, caller, core.Op{}, user, c, []memory.NewInteraction{{Role: "user", Content: "long ago", OccurredAt: &long}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.memory.Sweep(w.ctx); err != nil {
		t.Error(err)
	}
	if got := w.contents(caller, user, c, false); len(got) != 1 {
		t.Errorf("read back: %v", got)
	}
}

func TestForgottenInteractionIsGoneFromBufferBlobAndIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("forget", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](3)})
	user, c := w.conversation(caller)
	done := w.ingest(caller, user, c, "red fox", "blue fox", "green fox", "white fox", "black fox")
	w.finds(caller, user, "fox") // the index is warm
	for _, i := range []int{1, 4, 0, 2} {
		if err := w.memory.DeleteInteraction(w.ctx, caller, user, c, done.IDs[i]); err != nil {
			t.Errorf("forgetting %d: %v", i, err)
		}
		want(t, core.CodeNotFound, w.memory.DeleteInteraction(w.ctx, caller, user, c, done.IDs[i]))
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, []string{"white fox"}) {
		t.Errorf("read back: %v", got)
	}
	if got := w.finds(caller, user, "fox"); !slices.Equal(got, []string{"white fox"}) {
		t.Errorf("a search finds %v", got)
	}
	usage, err := w.tenancy.Usage(w.ctx, caller)
	if err != nil || usage.Interactions != 1 || usage.Blobs != 0 || usage.Buffered != 1 {
		t.Errorf("usage %+v, %v", usage, err)
	}
}

func TestForgettingIsOfOneUserOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("two", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](2)})
	user, c := w.conversation(caller)
	other, d := w.conversation(caller)
	mine := w.ingest(caller, user, c, "one", "two", "three")
	w.ingest(caller, other, d, "one", "two", "three")
	want(t, core.CodeNotFound, w.memory.DeleteInteraction(w.ctx, caller, other, d, mine.IDs[0]))
	want(t, core.CodeNotFound, w.memory.DeleteInteraction(w.ctx, caller, other, c, mine.IDs[0]))
	want(t, core.CodeNotFound, w.memory.DeleteBlob(w.ctx, caller, other, mine.Flushed[0]))
	if err := w.memory.ClearMemory(w.ctx, caller, user); err != nil {
		t.Error(err)
	}
	if got := w.contents(caller, user, c, false); len(got) != 0 {
		t.Errorf("after clearing: %v", got)
	}
	if got := w.contents(caller, other, d, false); len(got) != 3 {
		t.Errorf("the other user has %v", got)
	}
	if err := w.tenancy.DeleteUser(w.ctx, caller, user, 0); err != nil {
		t.Error(err)
	}
	_, err := w.recall.Search(w.ctx, caller, user, recallQuery("one"))
	want(t, core.CodeNotFound, err)
	if got := w.finds(caller, other, "three"); len(got) == 0 {
		t.Error("the other user's memory is not found")
	}
}
