package facts_test

import (
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

func TestWhatSomebodyStatedStaysWithoutItsSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love tea. I live in Rome.")
	w.state("I love jazz.", 2020)
	w.state("I love tea.", 2024) // known, from an interaction
	first := w.now
	w.now = w.now.AddDate(0, 0, 10)
	w.hear("int_2", "I love jazz. I love tea.")
	w.ok(w.Unlearn(t.Context(), w.caller, ada, func(s core.FactSource) bool { return s.Conversation == talk }))
	w.want(facts.Query{Superseded: true}, "I love tea.", "I love jazz.")
	for _, text := range []string{"I love tea.", "I love jazz."} {
		if f := w.all()[text]; len(f.Sources) != 0 {
			t.Errorf("%s has sources that are gone: %v", text, f.Sources)
		}
	}
	w.now = first.AddDate(0, 0, 29)
	w.want(facts.Query{}, "I love tea.", "I love jazz.")
	w.now = first.AddDate(0, 0, 30) // as long as somebody's word lasts
	w.want(facts.Query{})
}
