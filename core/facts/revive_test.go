package facts_test

import (
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

// all lists all of the user's facts by their texts.
func (w *world) all() map[string]core.Fact {
	w.t.Helper()
	page, err := w.List(w.t.Context(), w.caller, ada, facts.Query{Superseded: true}, "", 100)
	w.ok(err)
	of := map[string]core.Fact{}
	for _, f := range page.Items {
		of[f.Text] = f
	}
	return of
}

func (w *world) drop(text string) {
	w.t.Helper()
	w.ok(w.Delete(w.t.Context(), w.caller, ada, w.all()[text].ID))
}

func TestWithoutTheFactThatSupersededItTheOldOneHoldsAgain(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	w.state("My favorite food is sushi.", 2020)
	w.state("My favorite food is pizza.", 2022)
	w.drop("My favorite food is pizza.")
	w.want(facts.Query{}, "My favorite food is sushi.")
	if f := w.all()["My favorite food is sushi."]; f.ValidTo != nil || f.SupersededBy != "" {
		t.Errorf("got %+v", f)
	}
	w.state("My favorite food is rice.", 2023) // the topic is its own again
	w.want(facts.Query{}, "My favorite food is rice.")
	w.hear("int_1", "My favorite food is soup.")
	w.ok(w.Unlearn(t.Context(), w.caller, ada, func(s core.FactSource) bool { return s.Interaction == "int_1" }))
	w.want(facts.Query{}, "My favorite food is rice.")
}

func TestWithoutOneInBetweenTheOldOneHoldsUntilTheNext(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	w.state("I live in Lisbon.", 2010)
	w.state("I live in Porto.", 2012)
	w.state("I live in Rome.", 2014)
	w.state("I live in Faro.", 2011) // it was known later
	w.drop("I live in Porto.")
	w.want(facts.Query{}, "I live in Rome.")
	at := day(2013)
	w.want(facts.Query{AsOf: &at}, "I live in Faro.")
	w.drop("I live in Rome.")
	w.drop("I live in Faro.")
	w.want(facts.Query{}, "I live in Lisbon.")
	w.drop("I live in Lisbon.")
	if len(w.store.holders) != 0 {
		t.Errorf("keys are held by what is gone: %v", w.store.holders)
	}
}

func TestWhatWasEndedByHandStaysEnded(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	lisbon := w.state("I live in Lisbon.", 2010)
	w.state("I live in Porto.", 2020)
	end := day(2015)
	_, err := w.end(lisbon, &end)
	w.ok(err)
	w.drop("I live in Porto.")
	w.want(facts.Query{})
	if f := w.all()["I live in Lisbon."]; f.SupersededBy != "" || f.ValidTo == nil || !f.ValidTo.Equal(end) {
		t.Errorf("got %+v", f)
	}
	ahead := day(2030)
	_, err = w.end(w.state("I live in Rome.", 2016), &ahead)
	w.ok(err)
	w.state("I live in Oslo.", 2018)
	w.drop("I live in Oslo.")
	w.wantAt(map[int][]string{2019: {"I live in Rome."}, 2029: {"I live in Rome."}, 2030: {}})
	w.now = day(2031)
	_, err = w.end(lisbon, nil)
	w.ok(err)
	w.want(facts.Query{}, "I live in Lisbon.")
}

func TestExpiryTakesNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I live in Lisbon.")
	w.now = w.now.AddDate(0, 0, 20)
	w.state("I live in Rome.", 2020)
	w.now = w.now.AddDate(0, 0, 15)
	w.ok(w.Expire(t.Context(), w.caller, ada, w.caller.Settings.RetentionCutoff(w.now)))
	w.want(facts.Query{})
	rome, err := w.end(w.all()["I live in Rome."], nil)
	w.ok(err)
	w.want(facts.Query{}, "I live in Rome.")
	if rome.SupersededBy != "" {
		t.Errorf("got %+v", rome)
	}
}

func TestStatedFactIsSupersededByOneThatIsThere(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	begins := day(2010)
	add := func(text string, by core.FactID, ends *time.Time) core.Fact {
		t.Helper()
		f, err := w.Add(t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: text, ValidFrom: &begins, ValidTo: ends, SupersededBy: by})
		w.ok(err)
		return f
	}
	if f := add("I live in Lisbon.", "fact_01h00000000000000000000000", nil); f.SupersededBy != "" || f.ValidTo != nil {
		t.Errorf("superseded by nothing: %+v", f)
	}
	w.want(facts.Query{}, "I live in Lisbon.")
	lisbon := w.state("I live in Porto.", 2012)
	if f := add("I live in Rome.", lisbon.ID, nil); f.ValidTo == nil || !f.ValidTo.Equal(lisbon.ValidFrom) {
		t.Errorf("got %+v", f)
	}
	end := day(2011)
	add("I live in Oslo.", lisbon.ID, &end)
	w.want(facts.Query{}, "I live in Porto.")
	w.drop("I live in Porto.")
	if got := w.known(facts.Query{}); len(got) != 1 {
		t.Errorf("%q hold at once", got)
	}
}

func TestChangesOfFactsAreEvents(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	w.state("I live in Lisbn.", 2010)
	lisbon := w.state("I live in Lisbon.", 2011)
	text, end := "I live near Lisbon.", day(2020)
	w.store.events = nil
	wants := func(want ...core.EventType) {
		t.Helper()
		if !slices.Equal(w.store.events, want) {
			t.Errorf("events %v, want %v", w.store.events, want)
		}
		w.store.events = nil
	}
	for range 2 { // the second changes nothing
		_, err := w.Update(t.Context(), w.caller, ada, lisbon.ID, facts.Patch{Text: &text})
		w.ok(err)
	}
	wants(core.EventFactUpdated)
	_, err := w.end(lisbon, &end)
	w.ok(err)
	wants(core.EventFactUpdated)
	w.drop(text)
	wants(core.EventMemoryDeleted, core.EventFactUpdated) // what it had superseded holds again
}
