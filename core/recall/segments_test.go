package recall_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

// derivedStore keeps derived records beside a fakeStore, and counts what is opened.
type derivedStore struct {
	*fakeStore

	derived  sync.Mutex
	records  []core.DerivedRecord
	position int64

	blobsOpened, segmentsOpened, written atomic.Int64

	onPut func() error // called as a put begins
	keeps bool         // segments of what is forgotten, as no store may
}

func (s *derivedStore) Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error) {
	if place.Kind == core.KindBlob {
		s.blobsOpened.Add(1)
	}
	if place.Kind == core.KindDerived {
		s.segmentsOpened.Add(1)
	}
	return s.fakeStore.Open(ctx, place, sealed)
}

func (*derivedStore) Seal(_ context.Context, place core.Place, plain []byte) ([]byte, error) {
	return append(label(place), plain...), nil
}

// forgot reports whether a change after the record's version forgot something.
func (s *derivedStore) forgot(d core.DerivedRecord) bool {
	if s.keeps {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.users[testUser].changes[d.Version:], func(c core.Change) bool {
		return c.Kind == core.ChangeForgotten || c.Kind == core.ChangeConversationDeleted || c.Kind == core.ChangeCleared
	})
}

func (s *derivedStore) PutDerived(
	_ context.Context, _ core.TenantID, _ core.UserID, _ core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID,
) error {
	if s.onPut != nil {
		if err := s.onPut(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(add, s.forgot) {
		return core.NewError(core.CodeVersionConflict, "forgotten")
	}
	s.derived.Lock()
	defer s.derived.Unlock()
	s.records = slices.DeleteFunc(s.records, func(d core.DerivedRecord) bool { return slices.Contains(replaces, d.ID) })
	for _, d := range add {
		s.position++
		d.Position, d.Size = s.position, int64(len(d.Sealed))
		s.records = append(s.records, d)
	}
	s.written.Add(int64(len(add)))
	return nil
}

func (s *derivedStore) Derived(
	_ context.Context, _ core.TenantID, _ core.UserID, _ core.DerivedKind, page core.Page, payload bool,
) ([]core.DerivedRecord, error) {
	s.derived.Lock()
	defer s.derived.Unlock()
	s.records = slices.DeleteFunc(s.records, s.forgot)
	list := slices.DeleteFunc(slices.Clone(s.records), func(d core.DerivedRecord) bool { return d.Position <= page.After })
	list = list[:min(page.Limit, len(list))]
	for i := range list {
		if !payload {
			list[i].Sealed = nil
		}
	}
	return list, nil
}

// kept is how many segments there are.
func (s *derivedStore) kept() int {
	list, _ := s.Derived(context.Background(), "", "", "", core.Page{Limit: 1000}, false)
	return len(list)
}

// segmentWorld is a world whose services keep segments.
type segmentWorld struct {
	*world
	derived *derivedStore
	failed  []string
}

func newSegmentWorld(t *testing.T) *segmentWorld {
	t.Helper()
	w := &segmentWorld{world: newWorld(t)}
	w.derived = &derivedStore{fakeStore: w.store}
	w.restart(suffixStemmer{})
	return w
}

type stemmer interface {
	Stem(language, word string) string
}

// restart makes another service, as another process would.
func (w *segmentWorld) restart(by stemmer) {
	w.service = recall.New(w.store, w.store, w.derived, by, w, recall.Options{Segments: &recall.Segments{
		Derived: w.derived, Sealer: w.derived, IDs: core.NewIDs(time.Now, rand.Reader),
		Report: func(_ context.Context, doing string, err error) { w.failed = append(w.failed, doing+": "+err.Error()) },
	}})
}

// talk stores so many turns in each conversation, in blobs of ten.
func (w *segmentWorld) talk(turns int, conversations ...core.ConversationID) {
	for _, c := range conversations {
		for range turns / 10 {
			var list []core.Interaction
			for range 10 {
				list = append(list, w.interaction(line{who: "Ann", text: fmt.Sprintf("tea %d of %s", w.made, c), after: time.Duration(w.made) * time.Minute}))
			}
			w.store.append(testUser, c, list...)
			w.store.flush(testUser, c, core.BlobID(fmt.Sprint("blob_", w.made)), 10)
		}
	}
}

// write has what waits written after a question.
func (w *segmentWorld) write() {
	w.search(recall.Query{Text: "tea"})
	w.service.WriteWaitingSegments(context.Background())
}

func (w *segmentWorld) all() []recall.Item { return w.search(recall.Query{Text: "tea of", Limit: 100}) }

func TestAColdStartReadsSegmentsAndNoBlob(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(400, "cnv_1", "cnv_2")
	w.say("cnv_1", line{who: "Ann", text: "tea that is buffered", after: 3 * day})
	w.write()
	warm := w.all()
	w.restart(suffixStemmer{})
	w.derived.blobsOpened.Store(0)
	if cold := w.all(); !reflect.DeepEqual(cold, warm) {
		t.Errorf("warm %v\ncold %v", texts(warm), texts(cold))
	}
	if n := w.derived.blobsOpened.Load(); n != 0 || w.derived.segmentsOpened.Load() == 0 {
		t.Errorf("a cold start opened %d blobs", n)
	}
	w.talk(20, "cnv_2")
	w.restart(suffixStemmer{})
	w.all()
	if n := w.derived.blobsOpened.Load(); n != 2 {
		t.Errorf("a cold start opened %d blobs; two are in no segment", n)
	}
	if len(w.failed) > 0 {
		t.Error(w.failed)
	}
}

func TestASmallMemoryHasNoSegment(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(100, "cnv_1", "cnv_2")
	w.write()
	if n := w.derived.kept(); n != 0 {
		t.Errorf("%d segments", n)
	}
}

func TestAFollowedIndexHasSegmentsWrittenToo(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	for range 10 {
		w.talk(60, "cnv_1")
		w.write()
	}
	w.restart(suffixStemmer{})
	w.derived.blobsOpened.Store(0)
	w.all()
	if n := w.derived.blobsOpened.Load(); n >= 25 || w.derived.kept() == 0 {
		t.Errorf("%d segments, and %d blobs in none", w.derived.kept(), n)
	}
}

func TestForgettingTakesSegmentsAndTheyComeBack(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1", "cnv_2")
	w.write()
	gone := w.all()[0]
	w.store.forget(testUser, core.InteractionID(gone.ID))
	if n := w.derived.kept(); n != 0 {
		t.Errorf("%d segments hold what is forgotten", n)
	}
	w.restart(suffixStemmer{})
	w.write()
	if w.derived.kept() == 0 {
		t.Error("no segment came back")
	}
	w.restart(suffixStemmer{})
	if rankOf(w.all(), gone.Text) >= 0 {
		t.Error("what is forgotten was found")
	}
}

// Even a store that does not remove a segment does not bring back what it holds.
func TestOnlyWhatBlobsShowIsTakenOutOfASegment(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1", "cnv_2")
	w.write()
	w.derived.keeps = true
	w.store.forget(testUser, "int_0300")
	w.store.forgetConversation(testUser, "cnv_2")
	w.restart(suffixStemmer{})
	for _, text := range []string{"299", "599"} { // of the one interaction, and of the conversation
		if items := w.search(recall.Query{Text: text}); len(items) > 0 {
			t.Errorf("found %q, which is forgotten", texts(items))
		}
	}
	if w.derived.kept() == 0 {
		t.Error("the test needs a segment that was kept")
	}
}

func TestASegmentOfWhatIsForgottenMeanwhileIsRefused(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1")
	w.derived.onPut = func() error {
		w.store.forget(testUser, "int_0001")
		return nil
	}
	w.write()
	if n := w.derived.kept(); n != 0 || len(w.failed) > 0 {
		t.Errorf("%d segments; reported %v", n, w.failed)
	}
}

func TestFailingToWriteIsOnlyReported(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1")
	w.derived.onPut = func() error { return core.Unavailable(fmt.Errorf("full")) }
	w.write()
	if len(w.failed) != 1 || !strings.Contains(w.failed[0], "full") {
		t.Errorf("reported %v", w.failed)
	}
	w.derived.onPut = nil
	w.restart(suffixStemmer{})
	w.write()
	if w.derived.kept() == 0 {
		t.Error("it was never tried again")
	}
}

func TestSegmentsThatTwoWroteAreCleanedUp(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1")
	other := &segmentWorld{world: &world{t: t, store: w.store, now: w.now}, derived: w.derived}
	other.restart(suffixStemmer{})
	w.all()
	other.all()
	// The other one writes after this one has looked what there is.
	w.derived.onPut = func() error {
		w.derived.onPut = nil
		other.service.WriteWaitingSegments(context.Background())
		return nil
	}
	w.service.WriteWaitingSegments(context.Background())
	if n := w.derived.kept(); n != 2 {
		t.Fatalf("%d segments; this test needs the same twice", n)
	}
	want := w.all()
	w.restart(suffixStemmer{})
	if !reflect.DeepEqual(w.all(), want) {
		t.Error("what is there twice is found otherwise")
	}
	w.talk(300, "cnv_1")
	w.write()
	if n := w.derived.kept(); n != 1 {
		t.Errorf("%d segments are left", n)
	}
}

func TestSegmentsOfAnotherAnalyserAreReplaced(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1")
	w.write()
	w.restart(noStemmer{})
	w.write()
	if n := w.derived.kept(); n != 1 {
		t.Errorf("%d segments", n)
	}
	w.restart(noStemmer{})
	w.derived.blobsOpened.Store(0)
	w.all()
	if n := w.derived.blobsOpened.Load(); n != 0 {
		t.Errorf("%d blobs were opened", n)
	}
}

type noStemmer struct{}

func (noStemmer) Stem(_, word string) string { return word }

func TestSegmentsStayFewAndAreWrittenSeldom(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	const talks = 20
	for i := range talks {
		w.talk(300, core.ConversationID(fmt.Sprint("cnv_", i)))
		w.write()
	}
	if n := w.derived.kept(); n > 6 {
		t.Errorf("%d segments", n)
	}
	if n := w.derived.written.Load(); n > 2*talks {
		t.Errorf("%d segments were written after %d talks", n, talks)
	}
}

// TestSegmentsChangeNoAnswer does random things to two services over the same
// store, of which one keeps segments and begins anew at each question.
func TestSegmentsChangeNoAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newSegmentWorld(t)
		talks := []core.ConversationID{"cnv_1", "cnv_2", "cnv_3"}
		pick := func() core.ConversationID { return rapid.SampledFrom(talks).Draw(rt, "conversation") }
		rt.Repeat(map[string]func(*rapid.T){
			"talk":  func(*rapid.T) { w.talk(10*rapid.IntRange(1, 20).Draw(rt, "tens"), pick()) },
			"say":   func(*rapid.T) { w.say(pick(), line{who: "Bob", text: "tea of now"}) },
			"write": func(*rapid.T) { w.write() },
			"forget": func(*rapid.T) {
				if w.made > 0 {
					w.store.forget(testUser, core.InteractionID(fmt.Sprintf("int_%04d", rapid.IntRange(1, w.made).Draw(rt, "which"))))
				}
			},
			"forget a talk": func(*rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "really") == 0 {
					w.store.forgetConversation(testUser, pick())
				}
			},
			"": func(*rapid.T) {
				plain := w.world.service
				w.world.service = w.fresh(0)
				want := w.all()
				w.world.service = plain
				warm := w.all()
				w.restart(suffixStemmer{})
				cold := w.all()
				if !reflect.DeepEqual(want, warm) || !reflect.DeepEqual(want, cold) {
					rt.Fatalf("want %v\nwarm %v\ncold %v", texts(want), texts(warm), texts(cold))
				}
			},
		})
		if len(w.failed) > 0 {
			rt.Fatal(w.failed)
		}
	})
}

func TestSegmentsAreWrittenInTheBackground(t *testing.T) {
	t.Parallel()
	w := newSegmentWorld(t)
	w.talk(300, "cnv_1")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.service.WriteSegments(ctx)
	}()
	w.all()
	for deadline := time.Now().Add(30 * time.Second); w.derived.kept() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no segment was written")
		}
	}
	cancel()
	<-done
}
