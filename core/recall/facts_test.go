package recall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

var factsDay = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)

// factsIndex holds facts, the first of Ada, and one turn.
func factsIndex() *index {
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	x.add(x.analyser.prepare(core.Interaction{
		ID: "int_1", Number: 1, Conversation: "cnv_1", Role: core.RoleUser, Content: "jazz evening", OccurredAt: factsDay, AcceptedAt: factsDay,
	}))
	until := factsDay.AddDate(0, 1, 0)
	var facts []known
	for i, f := range []core.Fact{
		{Subject: "Ada", Text: "I love jazz and tea", Sources: []core.FactSource{{Conversation: "cnv_1", Interaction: "int_1"}}},
		{Subject: "user", Text: "I live in Lisbon"},
		{Subject: "user", Text: "I drink tea", ValidTo: &until},
	} {
		f.ID, f.ValidFrom = core.FactID("fact_"+string(rune('a'+i))), factsDay.AddDate(0, 0, i)
		facts = append(facts, x.analyser.known(core.KnownFact{Fact: f, TakenAt: factsDay}))
	}
	x.setFacts(facts)
	return x
}

func foundIDs(items []Item) (ids []string) {
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

func TestFactsAreFoundBesideWhatWasSaid(t *testing.T) {
	t.Parallel()
	x := factsIndex()
	now := factFilter{now: factsDay.AddDate(0, 0, 10)}
	for _, c := range []struct {
		query Query
		f     factFilter
		want  []string
	}{
		{Query{Text: "jazz"}, now, []string{"int_1", "fact_a"}},
		{Query{Text: "jazz", Types: []string{TypeFact}}, now, []string{"fact_a"}},
		{Query{Text: "jazz", Types: []string{TypeInteraction}}, now, []string{"int_1"}},
		{Query{Text: "lisbon"}, now, []string{"fact_b"}}, // no turn has the word
		{Query{Text: "tea"}, now, []string{"fact_c", "fact_a"}},
		{Query{Text: "tea ada"}, now, []string{"fact_a", "fact_c"}},                          // who is named
		{Query{Text: "tea"}, factFilter{now: factsDay.AddDate(0, 2, 0)}, []string{"fact_a"}}, // one ended
		{Query{Text: "tea jazz"}, factFilter{filter: filter{conversation: "cnv_1"}, now: factsDay}, []string{"fact_a", "int_1"}},
		{Query{Text: "lisbon"}, factFilter{now: factsDay}, nil}, // from the next day on
		{Query{Text: "tea"}, factFilter{filter: filter{roles: []core.Role{core.RoleUser}}, now: factsDay}, nil},
		{Query{Text: "tea"}, factFilter{filter: filter{cutoff: factsDay}, now: factsDay}, nil}, // all expired
	} {
		got := foundIDs(x.search(c.query, c.f, DefaultWeights()))
		slices.Sort(got)
		want := slices.Clone(c.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q with %+v found %q, want %q", c.query.Text, c.f, got, c.want)
		}
	}
	if got := foundIDs(x.search(Query{Text: "tea ada"}, now, DefaultWeights())); got[0] != "fact_a" {
		t.Errorf("who is named comes first: %q", got)
	}
}

func TestContextBeginsWithTheFactsThatHold(t *testing.T) {
	t.Parallel()
	x := factsIndex()
	f := factFilter{now: factsDay.AddDate(0, 2, 0)}
	c := x.context(ContextQuery{Text: "where do I live, in lisbon?"}, f, DefaultWeights())
	lines := strings.Split(c.Text, "\n")
	if len(c.Items) != 3 || lines[2] != "- [fact since 2024-05-02] user: I live in Lisbon" || !strings.HasPrefix(lines[3], "- [fact since 2024-05-01] Ada: ") {
		t.Errorf("%d items:\n%s", len(c.Items), c.Text)
	}
	c = x.context(ContextQuery{Text: "lisbon", Include: []Include{IncludeEpisodes, IncludeRecent}}, f, DefaultWeights())
	if strings.Contains(c.Text, "fact since") {
		t.Errorf("facts that were not asked for:\n%s", c.Text)
	}
	c = x.context(ContextQuery{Text: "lisbon", Include: []Include{IncludeFacts}, MaxTokens: 40}, f, DefaultWeights())
	if c.TokenCount > 40 || len(c.Items) != 1 || c.Items[0].ID != "fact_b" {
		t.Errorf("a small block:\n%s", c.Text)
	}
}

// TestSentenceIsOneLineOfABlock holds for a sentence that says two things, and that
// what begins to hold later is in no block yet.
func TestSentenceIsOneLineOfABlock(t *testing.T) {
	t.Parallel()
	x := factsIndex()
	var facts []known
	for i, from := range []time.Time{factsDay, factsDay, factsDay.AddDate(1, 0, 0)} {
		f := core.Fact{ID: core.FactID("fact_" + string(rune('a'+i))), Subject: "user", Text: "I moved to Oslo, and I am allergic to peanuts", ValidFrom: from}
		facts = append(facts, x.analyser.known(core.KnownFact{Fact: f, TakenAt: factsDay}))
	}
	x.setFacts(facts)
	c := x.context(ContextQuery{Text: "peanuts", Include: []Include{IncludeFacts}}, factFilter{now: factsDay.AddDate(0, 1, 0)}, DefaultWeights())
	if len(c.Items) != 1 || strings.Count(c.Text, "peanuts") != 1 || c.Truncated {
		t.Errorf("%d items, truncated: %t:\n%s", len(c.Items), c.Truncated, c.Text)
	}
}

func TestFactsCountForTheMemoryTheyTake(t *testing.T) {
	t.Parallel()
	x := factsIndex()
	with := x.bytes
	x.setFacts(nil)
	if x.bytes >= with || x.bytes <= 0 {
		t.Errorf("%d bytes with facts, %d without", with, x.bytes)
	}
}
