package facts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

func day(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

// state states a fact that holds from a year on.
func (w *world) state(text string, from int) core.Fact {
	w.t.Helper()
	begins := day(from)
	f, err := w.Add(w.t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: text, ValidFrom: &begins})
	w.ok(err)
	return f
}

// end says until what time a fact holds; nil for no end.
func (w *world) end(f core.Fact, at *time.Time) (core.Fact, error) {
	return w.Update(w.t.Context(), w.caller, ada, f.ID, facts.Patch{ValidTo: core.Patch[time.Time]{Set: true, Value: at}})
}

// wantAt wants what holds at some times to be these texts, whether it is asked for
// the present or for then, and to be known to an index.
func (w *world) wantAt(want map[int][]string) {
	w.t.Helper()
	for year, texts := range want {
		w.now = day(year)
		w.want(facts.Query{}, texts...)
		w.want(facts.Query{AsOf: &w.now}, texts...)
		known, err := w.Known(w.t.Context(), w.caller.Tenant, ada)
		w.ok(err)
		var holding []string
		for _, f := range known {
			if facts.Holds(f.Fact, w.now) {
				holding = append(holding, f.Text)
			}
		}
		if len(holding) != len(texts) {
			w.t.Errorf("in %d an index knows %q", year, holding)
		}
	}
}

func newLastingWorld(t *testing.T) *world {
	w := newWorld(t)
	w.caller.Settings.RetentionDays = 0 // for good
	return w
}

func TestFactThatBeginsLaterLeavesThePresentAlone(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	w.state("I live in Berlin.", 2020)
	w.state("I live in Oslo.", 2030)
	w.want(facts.Query{Superseded: true}, "I live in Berlin.", "I live in Oslo.")
	w.hear("int_1", "I live in Berlin.") // known
	w.wantAt(map[int][]string{2019: {}, 2024: {"I live in Berlin."}, 2029: {"I live in Berlin."}, 2030: {"I live in Oslo."}})
	w.now = day(2025)
	w.state("I live in Rome.", 2025)
	w.state("I live in Oslo.", 2028) // earlier than was thought
	w.wantAt(map[int][]string{2024: {"I live in Berlin."}, 2025: {"I live in Rome."}, 2028: {"I live in Oslo."}, 2031: {"I live in Oslo."}})
}

func TestFactWithAnEndMakesRoomForTheNext(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	berlin, later := w.state("I live in Berlin.", 2020), day(2090)
	_, err := w.end(berlin, &later)
	w.ok(err)
	w.now = day(2024)
	w.state("I live in Oslo.", 2024)
	w.wantAt(map[int][]string{2023: {"I live in Berlin."}, 2024: {"I live in Oslo."}, 2091: {"I live in Oslo."}})
	w.now = day(2025)
	begins, ends := day(2025), day(2026)
	_, err = w.Add(t.Context(), w.caller, core.Op{}, ada, facts.NewFact{Text: "I live in Rome.", ValidFrom: &begins, ValidTo: &ends})
	w.ok(err)
	w.wantAt(map[int][]string{2024: {"I live in Oslo."}, 2025: {"I live in Rome."}, 2026: {}})
	w.now = ends
	w.state("I live in Oslo.", 2026) // nobody has the key
	w.wantAt(map[int][]string{2026: {"I live in Oslo."}})
}

func TestWhatIsLearntBeginsNoLaterThanItWasHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Learn(t.Context(), w.caller, ada, []core.Interaction{{
		ID: "int_1", Role: core.RoleUser, Content: "I live in Lisbon.", Conversation: talk,
		OccurredAt: w.now.Add(time.Minute), AcceptedAt: w.now,
	}})
	w.ok(err)
	w.want(facts.Query{}, "I live in Lisbon.")
}

func TestChangeThatMeetsAnotherFactNamesIt(t *testing.T) {
	t.Parallel()
	w := newLastingWorld(t)
	lisbon, jazz := w.state("I live in Lisbon.", 2010), w.state("I love jazz.", 2010)
	porto := w.state("I live in Porto.", 2020)
	refused := func(f core.Fact, p facts.Patch, by core.Fact) {
		t.Helper()
		_, err := w.Update(t.Context(), w.caller, ada, f.ID, p)
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeVersionConflict || e.ExistingID != string(by.ID) || !strings.Contains(e.Message, string(by.ID)) {
			t.Errorf("got %v", err)
		}
	}
	until := func(at *time.Time) facts.Patch {
		return facts.Patch{ValidTo: core.Patch[time.Time]{Set: true, Value: at}}
	}
	text, far := "I live in Rome.", day(2040)
	refused(jazz, facts.Patch{Text: &text}, porto)
	refused(lisbon, until(nil), porto)
	refused(lisbon, until(&far), porto)
	w.want(facts.Query{}, "I love jazz.", "I live in Porto.")
	end := day(2022)
	_, err := w.end(porto, &end)
	w.ok(err)
	oslo := w.state("I live in Oslo.", 2030)
	refused(lisbon, until(&far), oslo)
	soon := day(2030)
	_, err = w.end(lisbon, &soon)
	w.ok(err)
	refused(jazz, facts.Patch{Text: &text}, lisbon)
	w.drop("I live in Lisbon.")
	w.drop("I live in Oslo.")
	_, err = w.Update(t.Context(), w.caller, ada, jazz.ID, facts.Patch{Text: &text})
	w.ok(err)
	w.wantAt(map[int][]string{2024: {text}, 2041: {text}})
}
