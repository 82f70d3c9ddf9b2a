package recall_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

// meanings is an embedder by a table: texts with one meaning have one vector.
type meanings struct {
	mu    sync.Mutex
	model core.EmbeddingModel
	fail  error
	bad   string // texts that hold it are refused
	texts []string

	failAt string // a text that it can't be reached for
}

var meaningOf = map[string]int{"physician": 0, "doctor": 0, "tea": 1, "brew": 1, "ship": 2, "vessel": 2}

func (m *meanings) Model() core.EmbeddingModel { return core.EmbeddingModel{Name: m.model.Name} }

func (m *meanings) Embed(_ context.Context, texts []string, _ core.EmbedPurpose) ([][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	if m.bad != "" && slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, m.bad) }) {
		return nil, core.NewError(core.CodeBadRequest, "refused")
	}
	if m.failAt != "" && slices.Contains(texts, m.failAt) {
		return nil, core.Unavailable(errors.New("down"))
	}
	m.texts = append(m.texts, texts...)
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = make([]float32, m.model.Dimensions)
		out[i][m.model.Dimensions-1] = 0.1
		for _, word := range strings.Fields(strings.ToLower(text)) {
			if at, known := meaningOf[word]; known {
				out[i][at]++
			}
		}
	}
	return out, nil
}

// taken are the texts that were embedded since the last call.
func (m *meanings) taken() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.texts
	m.texts = nil
	return list
}

func (m *meanings) set(fail error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// vectorWorld is a world whose services have an embedder.
type vectorWorld struct {
	*world
	derived  *derivedStore
	embedder *meanings
	wanted   int
}

func newVectorWorld(t *testing.T) *vectorWorld {
	t.Helper()
	w := &vectorWorld{world: newWorld(t), embedder: &meanings{model: core.EmbeddingModel{Name: "m", Dimensions: 5}}}
	w.derived = &derivedStore{fakeStore: w.store}
	w.restart()
	return w
}

// restart makes another service, as another process would.
func (w *vectorWorld) restart() {
	w.service = recall.New(w.store, w.store, w.derived, suffixStemmer{}, w, recall.Options{Vectors: &recall.Vectors{
		Embedder: w.embedder, Derived: w.derived, Sealer: w.derived, IDs: core.NewIDs(time.Now, rand.Reader),
		Wanted: func(core.TenantID, core.UserID) { w.wanted++ },
	}})
}

func (w *vectorWorld) embedMissing() {
	w.t.Helper()
	if err := w.service.EmbedMissing(context.Background(), testTenant, testUser); err != nil {
		w.t.Fatal(err)
	}
}

// finds searches, and asks for the text to be found, by its vector or not.
func (w *vectorWorld) finds(query, text string) {
	w.t.Helper()
	items := w.search(recall.Query{Text: query, Explain: true})
	at := rankOf(items, text)
	if at != 0 {
		w.t.Errorf("%q is at %d of %q for %q", text, at, texts(items), query)
		return
	}
	if items[0].Breakdown["vector"] == 0 {
		w.t.Errorf("its vector did not count: %v", items[0].Breakdown)
	}
}

func TestAParaphraseWithoutACommonWordIsFound(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"}, line{who: "Ann", text: "I like a brew"}, line{who: "Ann", text: "The vessel sank"})
	if items := w.search(recall.Query{Text: "doctor", Explain: true}); len(items) != 0 || w.wanted != 1 {
		t.Errorf("before there are vectors %q, wanted %d times", texts(items), w.wanted)
	}
	w.embedMissing()
	w.finds("doctor", "My physician was kind")
	w.finds("the ship", "The vessel sank")
	if block := w.context(recall.ContextQuery{Text: "tea", Include: []recall.Include{recall.IncludeEpisodes}}); !strings.Contains(block.Text, "I like a brew") {
		t.Errorf("the context is %s", block.Text)
	}
	wanted := w.wanted
	w.search(recall.Query{Text: "doctor"})
	if w.wanted != wanted {
		t.Error("vectors are wanted though all are there")
	}
}

func TestAnEmbedderThatIsDownLeavesTheWords(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"}, line{who: "Ann", text: "A doctor of letters"})
	w.search(recall.Query{Text: "x"})
	w.embedMissing()
	w.embedder.set(core.Unavailable(errors.New("down")))
	items := w.search(recall.Query{Text: "the doctor", Explain: true})
	if rankOf(items, "A doctor of letters") != 0 {
		t.Fatalf("found %q", texts(items))
	}
	for _, item := range items {
		if _, there := item.Breakdown["vector"]; there {
			t.Errorf("%q is explained by a vector: %v", item.Text, item.Breakdown)
		}
	}
	w.say("cnv_1", line{who: "Ann", text: "The vessel sank"})
	if err := w.service.EmbedMissing(context.Background(), testTenant, testUser); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("with the embedder down: %v", err)
	}
	w.embedder.set(nil)
	w.embedMissing()
	w.finds("ship", "The vessel sank")
}

func TestVectorsAreReadAfterARestartAndComputedOnce(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	for range 150 {
		w.say("cnv_1", line{who: "Ann", text: "nothing"})
	}
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"})
	if _, err := w.service.EmbedStretch(context.Background(), testTenant, testUser, "cnv_1", 1, 151); err != nil {
		t.Fatal(err)
	}
	if n := len(w.embedder.taken()); n != 151 || w.derived.kept() != 3 {
		t.Errorf("%d texts embedded, %d records", n, w.derived.kept())
	}
	w.restart()
	w.finds("doctor", "My physician was kind")
	if list := w.embedder.taken(); !slices.Equal(list, []string{"doctor"}) || w.wanted != 0 {
		t.Errorf("embedded again: %q; wanted %d times", list, w.wanted)
	}
	w.finds("doctor", "My physician was kind")
	if list := w.embedder.taken(); len(list) != 0 {
		t.Errorf("a query that was just asked is embedded again: %q", list)
	}
}

func TestAQueryIsRememberedForItsTenantAlone(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"})
	ask := func(tenant core.TenantID) int {
		c := caller()
		c.Tenant = tenant
		_, _ = w.service.Search(context.Background(), c, testUser, recall.Query{Text: "doctor"})
		return len(w.embedder.taken())
	}
	if a, b, c := ask(testTenant), ask("ten_other"), ask(testTenant); a != 1 || b != 1 || c != 0 {
		t.Errorf("embedded %d, %d, %d times", a, b, c)
	}
	w.service.Forget(testTenant)
	if a, b := ask(testTenant), ask("ten_other"); a != 1 || b != 0 {
		t.Errorf("after a tenant was forgotten: %d, %d", a, b)
	}
}

func TestAnotherModelEmbedsAnewAndLeavesNothingOfTheOld(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*meanings){
		"name":       func(m *meanings) { m.model.Name = "other" },
		"dimensions": func(m *meanings) { m.model.Dimensions = 9 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newVectorWorld(t)
			w.say("cnv_1", line{who: "Ann", text: "My physician was kind"})
			w.say("cnv_2", line{who: "Ann", text: "The vessel sank"})
			w.search(recall.Query{Text: "x"})
			w.embedMissing()
			w.embedder.taken()
			change(w.embedder)
			w.restart()
			if items := w.search(recall.Query{Text: "doctor", Explain: true}); len(items) != 0 {
				t.Errorf("found by vectors of two models: %v", items)
			}
			// A model whose dimensions changed under its name is noticed with the next text.
			w.say("cnv_3", line{who: "Ann", text: "I like a brew"})
			w.search(recall.Query{Text: "x"})
			w.embedMissing()
			w.search(recall.Query{Text: "x"})
			w.embedMissing()
			w.finds("doctor", "My physician was kind")
			w.finds("ship", "The vessel sank")
			if w.derived.kept() != 3 {
				t.Errorf("%d records are kept", w.derived.kept())
			}
			w.restart()
			w.embedder.taken()
			w.finds("ship", "The vessel sank")
			if list := w.embedder.taken(); !slices.Equal(list, []string{"ship"}) {
				t.Errorf("embedded again: %q", list)
			}
		})
	}
}

func TestWhatIsForgottenLosesItsVectorAndOthersKeepTheirs(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"}, line{who: "Ann", text: "The vessel sank"})
	w.search(recall.Query{Text: "x"})
	w.embedMissing()
	w.embedder.taken()
	w.store.forget(testUser, "int_0001")
	if items := w.search(recall.Query{Text: "doctor"}); rankOf(items, "My physician was kind") >= 0 {
		t.Errorf("found %q", texts(items))
	}
	if w.derived.kept() != 0 {
		t.Fatal("the record holds a vector of what was forgotten")
	}
	w.embedMissing()
	w.finds("ship", "The vessel sank")
	if list := w.embedder.taken(); slices.Contains(list, "The vessel sank") || w.derived.kept() != 1 {
		t.Errorf("embedded %q, %d records", list, w.derived.kept())
	}
	w.store.clear(testUser)
	if items := w.search(recall.Query{Text: "ship"}); len(items) != 0 {
		t.Errorf("found %q", texts(items))
	}
}

func TestATurnIsEmbeddedOnce(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.search(recall.Query{Text: "x"}) // there is an index, and it does not know of what follows
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"})
	if _, err := w.service.EmbedStretch(context.Background(), testTenant, testUser, "cnv_1", 1, 1); err != nil {
		t.Fatal(err)
	}
	w.search(recall.Query{Text: "x"})
	w.embedMissing()
	w.finds("doctor", "My physician was kind")
	once := slices.DeleteFunc(w.embedder.taken(), func(text string) bool { return text != "My physician was kind" })
	if len(once) != 1 {
		t.Errorf("it was embedded %d times", len(once))
	}
}

func TestAStretchGoesOnWhereItFailed(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	lines := slices.Repeat([]line{{who: "Ann", text: "vessel"}}, 130)
	w.say("cnv_1", lines...)
	w.embedder.failAt = "last vessel"
	w.say("cnv_1", line{who: "Ann", text: "last vessel"})
	done, err := w.service.EmbedStretch(context.Background(), testTenant, testUser, "cnv_1", 1, 131)
	if done != 128 || !core.Is(err, core.CodeUnavailable) {
		t.Fatalf("done up to %d, %v", done, err)
	}
	w.embedder.failAt = ""
	w.embedder.taken()
	if done, err = w.service.EmbedStretch(context.Background(), testTenant, testUser, "cnv_1", done+1, 131); done != 131 || err != nil {
		t.Errorf("then up to %d, %v", done, err)
	}
	if n, k := len(w.embedder.taken()), w.derived.kept(); n != 3 || k != 3 {
		t.Errorf("%d texts in another try, %d records", n, k)
	}
}

func TestSmallRecordsAreJoined(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.search(recall.Query{Text: "x"})
	for i := range int64(9) {
		w.say("cnv_1", line{who: "Ann", text: "My physician was kind"})
		w.search(recall.Query{Text: "x"})
		if _, err := w.service.EmbedStretch(context.Background(), testTenant, testUser, "cnv_1", i+1, i+1); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.derived.kept(); n != 9 {
		t.Errorf("%d records", n)
	}
	w.embedder.taken()
	w.embedMissing()
	if n := w.derived.kept(); n != 1 || len(w.embedder.taken()) != 0 {
		t.Errorf("%d records after they were joined", n)
	}
}

func TestARefusedTextLeavesTheOthers(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.embedder.bad = "poison"
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"}, line{who: "Ann", text: "poison"},
		line{who: "Ann", text: "vessel " + strings.Repeat("and so on ", 100) + "poison"})
	w.search(recall.Query{Text: "x"})
	w.embedMissing()
	w.finds("doctor", "My physician was kind")
	if items := w.search(recall.Query{Text: "ship", Explain: true}); len(items) == 0 || !strings.HasPrefix(items[0].Text, "vessel") {
		t.Errorf("a long text was not shortened: found %q", texts(items))
	}
	w.embedder.taken()
	w.restart()
	w.search(recall.Query{Text: "x"})
	w.embedMissing()
	if list := w.embedder.taken(); !slices.Equal(list, []string{"x"}) {
		t.Errorf("asked again for %q", list)
	}
	w.embedder.bad = " "
	w.say("cnv_2", line{who: "Ann", text: "all is refused"})
	w.search(recall.Query{Text: "x"})
	if err := w.service.EmbedMissing(context.Background(), testTenant, testUser); !core.Is(err, core.CodeBadRequest) {
		t.Errorf("where all is refused: %v", err)
	}
}

// TestWhatIsForgottenWhileItIsEmbeddedIsNotStored has something go between the
// model's answer and the store.
func TestWhatIsForgottenWhileItIsEmbeddedIsNotStored(t *testing.T) {
	t.Parallel()
	w := newVectorWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "My physician was kind"}, line{who: "Ann", text: "The vessel sank"})
	once := sync.OnceFunc(func() { w.store.forget(testUser, "int_0001") })
	w.derived.onPut = func() error { once(); return nil }
	if _, err := w.service.EmbedStretch(context.Background(), testTenant, testUser, "cnv_1", 1, 2); err != nil {
		t.Fatal(err)
	}
	w.embedder.taken()
	w.restart()
	w.finds("ship", "The vessel sank")
	if list := w.embedder.taken(); !slices.Equal(list, []string{"ship"}) || w.wanted != 0 {
		t.Errorf("embedded %q; wanted %d times", list, w.wanted)
	}
}

// order is a reranker by how often a text holds a word.
type order struct {
	word string
	fail bool
	got  []string
}

func (o *order) Rerank(_ context.Context, _ string, list []string) ([]float64, error) {
	o.got = list
	if o.fail {
		return nil, core.Unavailable(errors.New("down"))
	}
	scores := make([]float64, len(list))
	for i, text := range list {
		scores[i] = float64(strings.Count(text, o.word))
	}
	return scores, nil
}

func TestTheBestAreOrderedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea and tea for tea"}, line{who: "Ann", text: "tea with milk", after: day}, line{who: "Ann", text: "tea, milk and milk", after: 2 * day},
		line{who: "Ann", text: "we had a long talk and then some tea at last milk and milk for milk", after: 3 * day})
	plain := w.search(recall.Query{Text: "tea"})
	o := &order{word: "milk"}
	w.service = recall.New(w.store, w.store, w.store, suffixStemmer{}, w, recall.Options{Reranking: &recall.Reranking{Reranker: o, Top: 3}})
	items := w.search(recall.Query{Text: "tea", Explain: true})
	if want := texts(plain)[:3]; !slices.Equal(o.got, want) {
		t.Errorf("asked of %q, want %q", o.got, want)
	}
	if items[0].Text != "tea, milk and milk" || texts(items)[3] != texts(plain)[3] {
		t.Errorf("the order is %q", texts(items))
	}
	for i := range items {
		_, there := items[i].Breakdown["rerank"]
		if items[i].Score != plain[i].Score || there != (i < 3) {
			t.Errorf("item %d: %v %v", i, items[i].Score, items[i].Breakdown)
		}
	}
	if items := w.search(recall.Query{Text: "tea", Limit: 1}); len(items) != 1 || items[0].Text != "tea, milk and milk" {
		t.Errorf("the best of three is %q", texts(items))
	}
	block := w.context(recall.ContextQuery{Text: "tea", MaxTokens: 50, Include: []recall.Include{recall.IncludeEpisodes}})
	if !strings.Contains(block.Text, "tea, milk and milk") || strings.Contains(block.Text, "tea and tea for tea") && len(block.Items) == 1 {
		t.Errorf("a small block is %s", block.Text)
	}
	o.fail = true
	if got := w.search(recall.Query{Text: "tea", Explain: true}); !slices.Equal(texts(got), texts(plain)) || got[0].Breakdown["rerank"] != 0 {
		t.Errorf("with the reranker down: %q", texts(got))
	}
}
