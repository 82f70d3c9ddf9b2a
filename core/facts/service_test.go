package facts_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

// store keeps facts in memory, as ports.Facts says.
type store struct {
	mu       sync.Mutex
	facts    map[core.BlobID]core.BlobRecord
	holders  map[string]core.BlobID
	position int64
	events   []core.EventType
	before   func() // called once, before the next step
	reads    int    // of lists
}

func (s *store) WriteFacts(_ context.Context, _ core.TenantID, _ core.Op, step core.FactStep) error {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	conflict := core.NewError(core.CodeVersionConflict, "")
	for _, k := range step.Keys {
		if s.holders[k.Key] != k.Was {
			return conflict
		}
	}
	for _, r := range step.Rewritten {
		if s.facts[r.New.ID].Version != r.IfVersion {
			return conflict
		}
	}
	for _, d := range step.Deleted {
		if s.facts[d.ID].Version != d.IfVersion {
			return conflict
		}
	}
	for _, d := range step.Deleted {
		delete(s.facts, d.ID)
		maps.DeleteFunc(s.holders, func(_ string, id core.BlobID) bool { return id == d.ID })
	}
	for _, r := range step.Rewritten {
		r.New.Position = s.facts[r.New.ID].Position
		s.facts[r.New.ID] = r.New
	}
	for _, r := range step.Added {
		s.position++
		r.Position = s.position
		s.facts[r.ID] = r
	}
	for _, k := range step.Keys {
		if s.holders[k.Key] = k.Now; k.Now == "" {
			delete(s.holders, k.Key)
		}
	}
	for _, e := range step.Events {
		s.events = append(s.events, e.Type)
	}
	return nil
}

func (s *store) Facts(_ context.Context, _ core.TenantID, _ core.UserID, page core.Page) ([]core.BlobRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	list := slices.SortedFunc(maps.Values(s.facts), func(a, b core.BlobRecord) int { return cmp.Compare(a.Position, b.Position) })
	list = slices.DeleteFunc(list, func(r core.BlobRecord) bool { return r.Position <= page.After })
	return list[:min(len(list), page.Limit)], nil
}

type world struct {
	*facts.Service
	store  *store
	now    time.Time
	caller core.Caller
	t      testing.TB
}

func (w *world) Now() time.Time { return w.now }

// Seal, Open and Hash leave things as they are.
func (w *world) Seal(_ context.Context, _ core.Place, plain []byte) ([]byte, error) {
	return plain, nil
}
func (w *world) Open(_ context.Context, _ core.Place, sealed []byte) ([]byte, error) {
	return sealed, nil
}
func (w *world) Hash(_ context.Context, _ core.TenantID, _, value string) (string, error) {
	return value, nil
}

func (w *world) Follow(context.Context, core.TenantID, core.UserID) {}

func (w *world) Extract(_ context.Context, list []core.Interaction) (found []core.FactCandidate, err error) {
	for _, in := range list {
		found = append(found, facts.Rules{}.Extract(in)...)
	}
	return found, nil
}

const (
	ada  = core.UserID("usr_01hadaaaaaaaaaaaaaaaaaaaaa")
	talk = core.ConversationID("cnv_01htaaaaaaaaaaaaaaaaaaaaaa")
)

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, now: time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC),
		store: &store{facts: map[core.BlobID]core.BlobRecord{}, holders: map[string]core.BlobID{}},
	}
	ids := core.NewIDs(func() time.Time { return w.now }, rand.Reader)
	w.caller = core.Caller{Tenant: ids.Tenant(), Scopes: core.FullAccess, Settings: core.Settings{RetentionDays: 30}}
	w.Service = facts.New(facts.Deps{
		Store: w.store, Seal: w, Index: w, Extract: w, Clock: w, IDs: ids, Cursors: core.NewCursors(make([]byte, 32)),
	})
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) hear(id core.InteractionID, text string) {
	w.t.Helper()
	_, err := w.Learn(w.t.Context(), w.caller, ada, []core.Interaction{{
		ID: id, Role: core.RoleUser, Content: text, Conversation: talk, OccurredAt: w.now, AcceptedAt: w.now,
	}})
	w.ok(err)
}

func TestLearningTellsWhetherThereWasSomething(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, want := range map[string]bool{"I live in Lisbon.": true, "All is well on board.": false} {
		some, err := w.Learn(t.Context(), w.caller, ada, []core.Interaction{{
			ID: "int_1", Role: core.RoleUser, Content: text, Conversation: talk, OccurredAt: w.now, AcceptedAt: w.now,
		}})
		w.ok(err)
		if some != want {
			t.Errorf("%q: %v", text, some)
		}
	}
}

// known lists the texts of facts.
func (w *world) known(q facts.Query) []string {
	w.t.Helper()
	texts := []string{}
	for cursor := ""; ; {
		page, err := w.List(w.t.Context(), w.caller, ada, q, cursor, 2)
		w.ok(err)
		for _, f := range page.Items {
			texts = append(texts, f.Text)
		}
		if cursor = page.Next; cursor == "" {
			return texts
		}
	}
}

func (w *world) want(q facts.Query, texts ...string) {
	w.t.Helper()
	if got := w.known(q); !slices.Equal(got, texts) {
		w.t.Errorf("known %q, want %q", got, texts)
	}
}

func TestNewerFactSupersedesTheOlderWhichStaysReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I live in Lisbon.")
	before := w.now
	w.now = w.now.Add(24 * time.Hour)
	w.hear("int_2", "I live in Porto now.")
	w.want(facts.Query{}, "I live in Porto now.")
	w.want(facts.Query{Superseded: true}, "I live in Lisbon.", "I live in Porto now.")
	w.want(facts.Query{AsOf: &before}, "I live in Lisbon.")
	page, err := w.List(t.Context(), w.caller, ada, facts.Query{Superseded: true}, "", 10)
	w.ok(err)
	old, young := page.Items[0], page.Items[1]
	if old.SupersededBy != young.ID || old.ValidTo == nil || !old.ValidTo.Equal(young.ValidFrom) || young.ValidTo != nil {
		t.Errorf("old %+v, young %+v", old, young)
	}
	if want := []core.EventType{core.EventFactCreated, core.EventFactCreated, core.EventFactSuperseded}; !slices.Equal(w.store.events, want) {
		t.Errorf("events %v", w.store.events)
	}
}

func TestWhatIsSaidAgainIsKeptOnceWithBothSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love jazz.")
	w.hear("int_2", "I really love Jazz!")
	w.hear("int_2", "I really love Jazz!")
	page, err := w.List(t.Context(), w.caller, ada, facts.Query{Superseded: true}, "", 10)
	w.ok(err)
	if len(page.Items) != 1 || len(page.Items[0].Sources) != 2 {
		t.Errorf("got %+v", page.Items)
	}
}

func TestTasteThatTurnsSupersedes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love olives.")
	w.now = w.now.Add(time.Hour)
	w.hear("int_2", "I hate olives.")
	w.hear("int_3", "I love jazz.")
	w.want(facts.Query{}, "I hate olives.", "I love jazz.")
}

func TestBackDatedFactIsHistoryAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I live in Lisbon.")
	then := w.now.AddDate(-2, 0, 0)
	f, err := w.Add(t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: "I live in Rome.", ValidFrom: &then})
	w.ok(err)
	if f.ValidTo == nil || !f.ValidTo.Equal(w.now) || f.SupersededBy == "" {
		t.Errorf("got %+v", f)
	}
	w.want(facts.Query{}, "I live in Lisbon.")
	w.want(facts.Query{AsOf: &then}, "I live in Rome.")
}

func TestForgettingTheSourceForgetsWhatRestsOnItAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love jazz. I live in Lisbon.")
	w.hear("int_2", "I love jazz.")
	_, err := w.Add(t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: "Prefers short answers"})
	w.ok(err)
	w.ok(w.Unlearn(t.Context(), w.caller, ada, func(s core.FactSource) bool { return s.Interaction == "int_1" }))
	w.want(facts.Query{Superseded: true}, "I love jazz.", "Prefers short answers")
	w.ok(w.Unlearn(t.Context(), w.caller, ada, func(s core.FactSource) bool { return s.Conversation == talk }))
	w.want(facts.Query{Superseded: true}, "Prefers short answers")
	if len(w.store.holders) != 1 {
		t.Errorf("keys are held by what is gone: %v", w.store.holders)
	}
}

func TestFactsExpireWithTheirLatestSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love jazz.")
	w.hear("int_2", "I love tea.")
	w.now = w.now.AddDate(0, 0, 20)
	w.hear("int_3", "I love tea.")
	w.now = w.now.AddDate(0, 0, 15)
	w.want(facts.Query{}, "I love tea.")
	w.ok(w.Expire(t.Context(), w.caller, ada, w.caller.Settings.RetentionCutoff(w.now)))
	if len(w.store.facts) != 1 {
		t.Errorf("%d facts are kept", len(w.store.facts))
	}
}

func TestFactsExpireWithTheLatestSourceThatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love jazz.")
	w.hear("int_1", "I love tea.")
	w.now = w.now.AddDate(0, 0, 10)
	w.hear("int_2", "I love tea.")
	w.now = w.now.AddDate(0, 0, 19)
	w.hear("int_3", "I love jazz. I love tea.")
	w.ok(w.Unlearn(t.Context(), w.caller, ada, func(s core.FactSource) bool { return s.Interaction == "int_3" }))
	w.want(facts.Query{}, "I love jazz.", "I love tea.")
	w.now = w.now.AddDate(0, 0, 1)
	w.want(facts.Query{}, "I love tea.")
	w.ok(w.Expire(t.Context(), w.caller, ada, w.caller.Settings.RetentionCutoff(w.now)))
	if len(w.store.facts) != 1 {
		t.Errorf("%d facts are kept", len(w.store.facts))
	}
	w.now = w.now.AddDate(0, 0, 10)
	w.want(facts.Query{})
}

func TestSourcesKeptWithoutATimeCountAsTheFactDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love jazz.")
	w.hear("int_2", "I love jazz.")
	w.forgetTimes()
	w.now = w.now.AddDate(0, 0, 20)
	w.hear("int_3", "I love jazz.")
	for _, id := range []core.InteractionID{"int_3", "int_2"} {
		w.ok(w.Unlearn(t.Context(), w.caller, ada, func(s core.FactSource) bool { return s.Interaction == id }))
	}
	w.now = w.now.AddDate(0, 0, 9)
	w.want(facts.Query{}, "I love jazz.")
	w.now = w.now.AddDate(0, 0, 1)
	w.want(facts.Query{})
}

// forgetTimes makes the facts such as were sealed before each source had its time.
func (w *world) forgetTimes() {
	w.t.Helper()
	taken := regexp.MustCompile(`,"taken_at":"[^"]*"`)
	for id, r := range w.store.facts {
		if !taken.Match(r.Sealed) {
			w.t.Errorf("%s has no times", r.Sealed)
		}
		r.Sealed = taken.ReplaceAll(r.Sealed, nil)
		w.store.facts[id] = r
	}
}

func TestFactsAreCorrectedEndedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f, err := w.Add(t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: "I live in Lisbn."})
	w.ok(err)
	text := "I live in Lisbon."
	f, err = w.Update(t.Context(), w.caller, ada, f.ID, facts.Patch{Text: &text})
	w.ok(err)
	if f.Value != "Lisbon" || f.Version != 2 {
		t.Errorf("corrected to %+v", f)
	}
	early := f.ValidFrom.Add(-time.Hour)
	_, err = w.Update(t.Context(), w.caller, ada, f.ID, facts.Patch{ValidTo: core.Patch[time.Time]{Set: true, Value: &early}})
	if !core.Is(err, core.CodeValidation) {
		t.Errorf("an end before the beginning: %v", err)
	}
	end := w.now.Add(time.Hour)
	_, err = w.Update(t.Context(), w.caller, ada, f.ID, facts.Patch{ValidTo: core.Patch[time.Time]{Set: true, Value: &end}})
	w.ok(err)
	w.want(facts.Query{}, text)
	w.now = end
	w.want(facts.Query{})
	w.hear("int_1", "I live in Rome.") // the key is free
	w.want(facts.Query{}, "I live in Rome.")
	w.ok(w.Delete(t.Context(), w.caller, ada, f.ID))
	if err := w.Delete(t.Context(), w.caller, ada, f.ID); !core.Is(err, core.CodeNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	w.want(facts.Query{Superseded: true}, "I live in Rome.")
}

func TestFactsOfOneTopicAtOnceLeaveOneThatHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.before = func() { w.hear("int_2", "I live in Porto.") }
	w.hear("int_1", "I live in Lisbon.")
	if got := w.known(facts.Query{}); len(got) != 1 {
		t.Errorf("%q hold at once", got)
	}
}

func TestFactsNeedTheirScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.caller.Scopes = core.ScopeMemoryRead
	if _, err := w.Add(t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: "x"}); !core.Is(err, core.CodeInsufficientScope) {
		t.Errorf("add: %v", err)
	}
	w.caller.Scopes = core.ScopeMemoryWrite
	if _, err := w.List(t.Context(), w.caller, ada, facts.Query{}, "", 1); !core.Is(err, core.CodeInsufficientScope) {
		t.Errorf("list: %v", err)
	}
}
