package facts_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

func TestLearningReadsWhatIsKnownOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I love jazz.")
	w.store.reads = 0
	w.hear("int_2", "I love jazz. I love tea. I love chess. I live in Lisbon.")
	if w.store.reads != 1 {
		t.Errorf("read %d times", w.store.reads)
	}
	w.want(facts.Query{}, "I love jazz.", "I love tea.", "I love chess.", "I live in Lisbon.")
}

func TestWhatIsLearntTogetherBuildsOnEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hear("int_1", "I live in Rome.")
	var list []core.Interaction
	for i, text := range []string{
		"I live in Rome.", "I love jazz.", "I live in Lisbon.", "I really love Jazz!", "I live in Porto.", "I live in Porto.",
	} {
		at := w.now.Add(time.Duration(i+1) * time.Hour)
		list = append(list, core.Interaction{
			ID: core.InteractionID(fmt.Sprint("int_", i+2)), Role: core.RoleUser, Content: text, Conversation: talk, OccurredAt: at, AcceptedAt: at,
		})
	}
	w.store.reads = 0
	_, err := w.Learn(t.Context(), w.caller, ada, list)
	w.ok(err)
	if w.store.reads != 1 {
		t.Errorf("read %d times", w.store.reads)
	}
	w.now = w.now.AddDate(0, 0, 1)
	w.want(facts.Query{}, "I love jazz.", "I live in Porto.")
	page, err := w.List(t.Context(), w.caller, ada, facts.Query{Superseded: true}, "", 10)
	w.ok(err)
	var sources []int
	for _, f := range page.Items {
		sources = append(sources, len(f.Sources))
	}
	if !slices.Equal(sources, []int{2, 2, 1, 2}) {
		t.Errorf("the facts have %v sources: %+v", sources, page.Items)
	}
}

func TestLearningSeesWhatOthersLearnInBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.before = func() { // the first step is left alone
		w.store.before = func() { w.hear("int_2", "I live in Porto. I love tea.") }
		w.hear("int_3", "I love rain.")
	}
	w.hear("int_1", "I love jazz. I live in Lisbon. I love tea.")
	if got := w.known(facts.Query{}); len(got) != 4 {
		t.Errorf("%q hold", got)
	}
}

// BenchmarkLearn learns five things that are known already, of a user of whom
// 2,000 are.
func BenchmarkLearn(b *testing.B) {
	w := newWorld(b)
	var list []core.Interaction
	for i := range 2000 {
		list = append(list, core.Interaction{
			ID: core.InteractionID(fmt.Sprint("int_", i)), Role: core.RoleUser, Content: fmt.Sprintf("I love thing%d.", i),
			Conversation: talk, OccurredAt: w.now, AcceptedAt: w.now,
		})
	}
	_, err := w.Learn(b.Context(), w.caller, ada, list)
	w.ok(err)
	if len(w.store.facts) != len(list) {
		b.Fatalf("%d facts", len(w.store.facts))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		w.hear(core.InteractionID(fmt.Sprint("int_again_", n)), "I love thing1. I love thing500. I love thing900. I love thing1300. I love thing1900.")
	}
}
