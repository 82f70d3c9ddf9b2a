package recall_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUnknownUserIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.service.Search(context.Background(), caller(), "usr_9", recall.Query{Text: "tea"}); !core.Is(err, core.CodeNotFound) {
		t.Errorf("Search: %v", err)
	}
	if _, err := w.service.Context(context.Background(), caller(), "usr_9", recall.ContextQuery{Text: "tea"}); !core.Is(err, core.CodeNotFound) {
		t.Errorf("Context: %v", err)
	}
	if s := w.service.Stats(); s.Users != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAWarmIndexAsksForTheVersionOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.search(recall.Query{Text: "tea"})
	before := w.store.versions.Load()
	for range 5 {
		w.search(recall.Query{Text: "tea"})
	}
	if n := w.store.versions.Load() - before; n != 5 {
		t.Errorf("%d reads of the version", n)
	}
	if w.store.builds.Load() != 1 || w.store.differences.Load() != 0 {
		t.Errorf("%d builds, %d differences", w.store.builds.Load(), w.store.differences.Load())
	}
	if s := w.service.Stats(); s.Hits != 5 || s.Builds != 1 || s.Follows != 0 {
		t.Errorf("counted: %+v", s)
	}
}

func TestOnlyTheDifferenceIsLoaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.search(recall.Query{Text: "tea"})
	w.say("cnv_1", line{who: "Ann", text: "tea two", after: day})
	w.say("cnv_1", line{who: "Ann", text: "tea three", after: 2 * day})
	w.store.flush(testUser, "cnv_1", "blob_1", 2)
	items := w.search(recall.Query{Text: "tea"})
	if len(items) != 3 || items[rankOf(items, "tea")].Blob != "blob_1" || items[rankOf(items, "tea three")].Blob != "" {
		t.Errorf("found %+v", items)
	}
	if b, d, s := w.store.builds.Load(), w.store.differences.Load(), w.store.stretches.Load(); b != 1 || d != 1 || s != 1 {
		t.Errorf("%d builds, %d differences, %d stretches; want one of each", b, d, s)
	}
	if s := w.service.Stats(); s.Follows != 1 || s.Builds != 1 {
		t.Errorf("counted: %+v", s)
	}
}

func TestALongStretchIsReadInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.search(recall.Query{Text: "tea"})
	var list []core.Interaction
	for range 1201 {
		list = append(list, w.interaction(line{who: "Ann", text: "tea"}))
	}
	w.store.append(testUser, "cnv_1", list...)
	for i := range 30 {
		w.store.flush(testUser, "cnv_1", core.BlobID(fmt.Sprint("blob_", i)), 30)
	}
	warm := w.search(recall.Query{Text: "tea", Limit: 100})
	w.service = w.fresh(0)
	if !reflect.DeepEqual(warm, w.search(recall.Query{Text: "tea", Limit: 100})) {
		t.Error("the followed index is not the built one")
	}
}

func TestForgottenIsGoneFromTheIndex(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(w *world){
		"interaction":  func(w *world) { w.store.forget(testUser, "int_0002") },
		"conversation": func(w *world) { w.store.forgetConversation(testUser, "cnv_2") },
		"all":          func(w *world) { w.store.clear(testUser) },
	} {
		for _, follow := range []bool{false, true} {
			w := newWorld(t)
			w.say("cnv_1", line{who: "Ann", text: "tea"})
			w.say("cnv_2", line{who: "Ann", text: "secret tea"})
			w.search(recall.Query{Text: "tea"})
			full := w.service.Stats().Bytes
			forget(w)
			if follow {
				w.service.Follow(context.Background(), testTenant, testUser)
				if got := w.service.Stats().Bytes; got >= full {
					t.Errorf("%s: %d bytes before, %d after", name, full, got)
				}
			}
			if got := w.search(recall.Query{Text: "secret"}); len(got) > 0 {
				t.Errorf("%s, follow %v: found %q", name, follow, texts(got))
			}
			if w.store.builds.Load() != 1 {
				t.Errorf("%s: %d builds", name, w.store.builds.Load())
			}
		}
	}
}

func TestFollowBuildsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.service.Follow(context.Background(), testTenant, testUser)
	if w.store.builds.Load() != 0 || w.service.Stats().Users != 0 {
		t.Error("it built an index that nobody asked for")
	}
}

func TestFollowThatFailsDropsTheIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.search(recall.Query{Text: "tea"})
	w.say("cnv_1", line{who: "Ann", text: "milk"})
	gone := error(core.NewError(core.CodeKeyUnavailable, "gone"))
	w.store.failing.Store(&gone)
	w.service.Follow(context.Background(), testTenant, testUser)
	if s := w.service.Stats(); s.Users != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestChangesThatAreNotKeptMakeItBuildAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.kept = 2
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.search(recall.Query{Text: "tea"})
	w.say("cnv_1", line{who: "Ann", text: "a"}, line{who: "Ann", text: "b"}, line{who: "Ann", text: "coffee"})
	if got := w.search(recall.Query{Text: "coffee"}); len(got) == 0 || got[0].Text != "coffee" || w.store.builds.Load() != 2 {
		t.Errorf("found %q after %d builds", texts(got), w.store.builds.Load())
	}
}

func TestAStoreThatWentBackIsReadAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"}, line{who: "Ann", text: "coffee"})
	w.search(recall.Query{Text: "tea"})
	w.store.mu.Lock()
	u := w.store.users[testUser]
	u.buffer, u.changes = u.buffer[:1], u.changes[:1]
	w.store.mu.Unlock()
	if got := w.search(recall.Query{Text: "coffee"}); len(got) > 0 {
		t.Errorf("found %q, which the store does not have", texts(got))
	}
}

func TestKeyUnavailableIsPassedOnAndNothingKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	gone := error(core.NewError(core.CodeKeyUnavailable, "gone"))
	w.store.failing.Store(&gone)
	if _, err := w.service.Search(context.Background(), caller(), testUser, recall.Query{Text: "tea"}); !core.Is(err, core.CodeKeyUnavailable) {
		t.Errorf("err = %v", err)
	}
	if s := w.service.Stats(); s.Users != 0 {
		t.Errorf("%+v", s)
	}
	w.store.failing.Store(nil)
	if got := w.search(recall.Query{Text: "tea"}); len(got) != 1 {
		t.Errorf("found %q once the key is back", texts(got))
	}
}

func TestOneBuildForManyFirstQuestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	begun, release := make(chan struct{}, 100), make(chan struct{})
	w.store.onBuild = func() { begun <- struct{}{}; <-release }
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			items, err := w.service.Search(context.Background(), caller(), testUser, recall.Query{Text: "tea"})
			if err != nil || len(items) != 1 {
				t.Errorf("found %q, %v", texts(items), err)
			}
		})
	}
	<-begun
	close(release)
	wg.Wait()
	if n := w.store.builds.Load(); n != 1 {
		t.Errorf("%d builds", n)
	}
}

func TestWaitingForABuildEndsWithTheContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	begun, release := make(chan struct{}), make(chan struct{})
	w.store.onBuild = func() { close(begun); <-release }
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.search(recall.Query{Text: "tea"})
	}()
	<-begun
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.service.Search(ctx, caller(), testUser, recall.Query{Text: "tea"}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	close(release)
	<-done
}

func TestWhatIsBuiltWhileItIsForgottenIsNotKept(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*recall.Service){
		"tenant": func(s *recall.Service) { s.Forget(testTenant) },
		"user":   func(s *recall.Service) { s.ForgetUser(testTenant, testUser) },
	} {
		w := newWorld(t)
		w.say("cnv_1", line{who: "Ann", text: "tea"})
		w.store.onBuild = func() { forget(w.service) }
		w.search(recall.Query{Text: "tea"})
		if s := w.service.Stats(); s.Users != 0 || s.Bytes != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestForgetDropsTheTenantsIndexesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.search(recall.Query{Text: "tea"})
	w.service.Forget("ten_other")
	w.service.ForgetUser(testTenant, "usr_other")
	if s := w.service.Stats(); s.Users != 1 || s.Bytes <= 0 {
		t.Errorf("%+v", s)
	}
	w.service.Forget(testTenant)
	if s := w.service.Stats(); s.Users != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhatAFlushMovesWhileItIsReadIsThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.store.onBlobs = func() { w.store.flush(testUser, "cnv_1", "blob_1", 1) }
	if got := w.search(recall.Query{Text: "tea"}); len(got) != 1 || got[0].Blob != "blob_1" {
		t.Errorf("found %+v", got)
	}
}

func TestLeastRecentlyUsedIndexesGoFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := []core.UserID{"usr_a", "usr_b", "usr_c", "usr_d"}
	w.store = newFakeStore(users...)
	const maxBytes = 50_000
	w.service = w.fresh(maxBytes)
	for _, u := range users {
		for range 50 {
			w.store.append(u, "cnv_1", w.interaction(line{who: "Ann", text: "tea and biscuits"}))
		}
	}
	ask := func(u core.UserID) (built bool) {
		t.Helper()
		before := w.store.builds.Load()
		if _, err := w.service.Search(context.Background(), caller(), u, recall.Query{Text: "tea"}); err != nil {
			t.Fatal(err)
		}
		if s := w.service.Stats(); s.Bytes > maxBytes {
			t.Fatalf("%+v; at most %d bytes", s, maxBytes)
		}
		return w.store.builds.Load() > before
	}
	each := func() int64 { ask("usr_a"); return w.service.Stats().Bytes }()
	if n := maxBytes / each; n < 2 || n > 3 {
		t.Fatalf("an index takes %d bytes; the test wants two or three to fit", each)
	}
	fit := users[:maxBytes/each]
	for _, u := range fit {
		ask(u)
	}
	ask(fit[0]) // used again: the second is the oldest now
	ask("usr_d")
	if ask(fit[0]) {
		t.Error("the index used last was dropped")
	}
	if !ask(fit[1]) {
		t.Error("the index used least recently was kept")
	}
}

func TestAnIndexAboveTheBoundAnswersAndIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.service = w.fresh(10)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	if got := w.search(recall.Query{Text: "tea"}); len(got) != 1 {
		t.Errorf("found %q", texts(got))
	}
	if s := w.service.Stats(); s.Users != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestQuestionsRunBesideChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "the first tea"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for range 200 {
				if _, err := w.service.Context(ctx, caller(), testUser, recall.ContextQuery{Text: "tea"}); err != nil {
					t.Error(err)
				}
				items, err := w.service.Search(ctx, caller(), testUser, recall.Query{Text: "first tea"})
				if err != nil || rankOf(items, "the first tea") < 0 {
					t.Errorf("found %q, %v", texts(items), err)
				}
			}
		})
	}
	askers.Go(func() {
		for i := range 100 {
			w.say("cnv_2", line{who: "Bot", text: "more tea", after: day})
			switch i % 10 {
			case 3:
				w.store.flush(testUser, "cnv_2", core.BlobID(fmt.Sprint("blob_", i)), 3)
			case 5:
				w.store.forget(testUser, core.InteractionID(fmt.Sprintf("int_%04d", i)))
			case 7:
				w.service.ForgetUser(testTenant, testUser)
			case 9:
				w.store.forgetConversation(testUser, "cnv_2")
				w.service.Follow(ctx, testTenant, testUser)
			}
		}
	})
	askers.Wait()
}

// TestAFollowedIndexIsTheBuiltOne compares, over any sequence of steps, an index
// that followed the changes with one that is built from what is stored.
func TestAFollowedIndexIsTheBuiltOne(t *testing.T) {
	t.Parallel()
	vocabulary := []string{"tea", "milk", "Lisbon", "accordion", "the", "gato", "¿qué", "es", "June", "Ann?", "two"}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		conversations := rapid.SampledFrom([]core.ConversationID{"cnv_1", "cnv_2", "cnv_3"})
		blobs := 0
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			c := conversations.Draw(rt, "conversation")
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				blobs++
				w.store.flush(testUser, c, core.BlobID(fmt.Sprint("blob_", blobs)), rapid.IntRange(1, 5).Draw(rt, "n"))
			case 1:
				id := core.InteractionID(fmt.Sprintf("int_%04d", rapid.IntRange(1, w.made+1).Draw(rt, "id")))
				w.store.forget(testUser, id, "int_none")
			case 2:
				if rapid.IntRange(0, 3).Draw(rt, "all") == 0 {
					w.store.clear(testUser)
				} else {
					w.store.forgetConversation(testUser, c)
				}
			case 3:
				ask(rt, w, w.service)
			default:
				var list []core.Interaction
				for range rapid.IntRange(1, 4).Draw(rt, "n") {
					list = append(list, w.interaction(line{
						who:   rapid.SampledFrom([]string{"Ann", "Bot", ""}).Draw(rt, "who"),
						text:  fmt.Sprint(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 1, 6).Draw(rt, "text")),
						after: time.Duration(rapid.IntRange(0, 200).Draw(rt, "after")) * time.Hour,
					}))
				}
				w.store.append(testUser, c, list...)
			}
		}
		warm, cold := ask(rt, w, w.service), ask(rt, w, w.fresh(0))
		if !reflect.DeepEqual(warm, cold) {
			rt.Fatalf("followed:\n%+v\nbuilt:\n%+v", warm, cold)
		}
		checkBytes(rt, w)
	})
}

// ask puts questions that touch every signal.
func ask(t *rapid.T, w *world, s *recall.Service) []any {
	t.Helper()
	var all []any
	for _, text := range []string{"When did Ann drink tea in June?", "gato accordion", "milk Lisbon two"} {
		items, err := s.Search(context.Background(), caller(), testUser, recall.Query{Text: text, Limit: 100, Explain: true})
		if err != nil {
			t.Fatal(err)
		}
		block, err := s.Context(context.Background(), caller(), testUser, recall.ContextQuery{Text: text, MaxTokens: 200})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items, block)
	}
	return all
}

// checkBytes checks that what is counted does not drift.
func checkBytes(t *rapid.T, w *world) {
	t.Helper()
	fresh := w.fresh(0)
	ask(t, w, fresh)
	if got, want := w.service.Stats().Bytes, fresh.Stats().Bytes; got != want {
		t.Fatalf("%d bytes counted by the followed index, %d by the built one", got, want)
	}
}

func TestSomethingGoneBeforeItIsLoadedIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.search(recall.Query{Text: "tea"})
	w.say("cnv_1", line{who: "Ann", text: "tea one"}, line{who: "Ann", text: "tea two"}, line{who: "Ann", text: "tea three"})
	w.say("cnv_2", line{who: "Ann", text: "tea four"})
	// The store has forgotten, and its changes do not say so yet.
	w.store.mu.Lock()
	u := w.store.users[testUser]
	u.buffer = slices.DeleteFunc(u.buffer, func(e core.BufferEntry) bool { return e.ID == "int_0002" || e.Conversation == "cnv_2" })
	delete(u.numbers, "cnv_2")
	w.store.mu.Unlock()
	got := texts(w.search(recall.Query{Text: "tea"}))
	slices.Sort(got)
	if !slices.Equal(got, []string{"tea one", "tea three"}) {
		t.Errorf("found %q", got)
	}
}
