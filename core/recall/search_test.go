package recall_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

func TestFiltersActBeforeTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 30 {
		w.say("cnv_1", line{who: "Ann", text: "tea and tea and tea"})
	}
	w.say("cnv_2", line{who: "Bot", text: "tea, once, long ago, in a far country", after: day, metadata: `{"topic":"x","deep":{"a":1}}`})
	after := testStart.Add(day)
	for name, q := range map[string]recall.Query{
		"since":        {Since: &after},
		"conversation": {Conversation: "cnv_2"},
		"roles":        {Roles: []core.Role{core.RoleAssistant, core.RoleTool}},
		"metadata":     {Metadata: `{"topic":"x"}`},
		"deep":         {Metadata: `{"deep":{"a":1}}`},
	} {
		q.Text, q.Limit = "tea", 1
		if got := w.search(q); len(got) != 1 || got[0].Conversation != "cnv_2" {
			t.Errorf("%s: found %q", name, texts(got))
		}
	}
	for name, q := range map[string]recall.Query{
		"until":        {Until: &after},
		"conversation": {Conversation: "cnv_9"},
		"roles":        {Roles: []core.Role{core.RoleSystem}},
		"metadata":     {Metadata: `{"topic":"y"}`},
		"types":        {Types: []string{"fact"}},
	} {
		q.Text = "far country"
		if got := w.search(q); rankOf(got, "tea, once, long ago, in a far country") >= 0 {
			t.Errorf("%s: found what it excludes", name)
		}
	}
}

func TestSinceIsInclusiveAndUntilExclusive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	at, later := testStart, testStart.Add(time.Nanosecond)
	for _, c := range []struct {
		q    recall.Query
		want int
	}{
		{recall.Query{Since: &at}, 1},
		{recall.Query{Since: &later}, 0},
		{recall.Query{Until: &at}, 0},
		{recall.Query{Until: &later}, 1},
	} {
		c.q.Text = "tea"
		if got := w.search(c.q); len(got) != c.want {
			t.Errorf("since %v until %v: %d found", c.q.Since, c.q.Until, len(got))
		}
	}
}

func TestExpiredIsNeverReturned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea one"})
	w.say("cnv_1", line{who: "Ann", text: "tea two", after: day})
	c := caller()
	c.Settings.RetentionDays = 7
	ask := func() (items []recall.Item, block recall.Context) {
		t.Helper()
		items, err := w.service.Search(context.Background(), c, testUser, recall.Query{Text: "tea"})
		if err != nil {
			t.Fatal(err)
		}
		block, err = w.service.Context(context.Background(), c, testUser, recall.ContextQuery{Text: "tea"})
		if err != nil {
			t.Fatal(err)
		}
		return items, block
	}
	for _, step := range []struct {
		at   time.Time
		want []string
	}{
		{testStart.Add(7*day - time.Millisecond), []string{"tea one", "tea two"}},
		{testStart.Add(7 * day), []string{"tea two"}},
		{testStart.Add(9 * day), nil},
	} {
		w.now = step.at
		items, block := ask()
		got := texts(items)
		slices.Sort(got)
		if !slices.Equal(got, step.want) {
			t.Errorf("at %v: found %q; want %q", step.at, got, step.want)
		}
		got = texts(block.Items)
		slices.Sort(got)
		if !slices.Equal(got, step.want) || len(step.want) < 2 && strings.Contains(block.Text, "tea one") {
			t.Errorf("at %v: the block holds %q; want %q", step.at, got, step.want)
		}
	}
}

func TestTheSameRequestGivesTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 40 { // all alike: only time and id tell them apart
		w.say(core.ConversationID([]string{"cnv_1", "cnv_2"}[i%2]), line{who: "Ann", text: "the same tea", after: time.Duration(10-i/4) * day})
	}
	first := w.search(recall.Query{Text: "tea", Limit: 50})
	block := w.context(recall.ContextQuery{Text: "tea"})
	if !slices.IsSortedFunc(first, func(a, b recall.Item) int {
		if a.Score != b.Score {
			return 0
		}
		if c := b.OccurredAt.Compare(a.OccurredAt); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	}) {
		t.Error("ties are not newest first, then by id")
	}
	for range 5 {
		w.service = w.fresh(0)
		if !reflect.DeepEqual(w.search(recall.Query{Text: "tea", Limit: 50}), first) {
			t.Fatal("the answers differ")
		}
		if !reflect.DeepEqual(w.context(recall.ContextQuery{Text: "tea"}), block) {
			t.Fatal("the blocks differ")
		}
	}
}

func TestStrangeQueriesAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "vitamin c and tea"}, line{who: "Ann", text: "東京タワーに行った"})
	for query, found := range map[string]bool{
		"":           false,
		" \n\t":      false,
		"🎉":          false,
		"the of and": false,
		"zzzz":       false,
		"c":          true,
		"TEA!!!":     true,
		"чай tea 茶 tè שאי ชา 👩🏽‍🚀 ٣": true,
		"ｔｅａ":                                   true, // full width
		"t\u200be\u200ba":                       false,
		strings.Repeat("e\u0301", 20_000):       false,
		strings.Repeat("京", 20_000):             true,
		strings.Repeat("\u202e🏴\U000e0067", 99): false,
		"京":                                    true,
		"タワー":                                  true,
		strings.Repeat("tea ", 10_000):         true,
		strings.Repeat("' @ < \x00 \xff", 500): false,
		strings.Repeat("in June 2024 ", 5000):  false,
		manyWords(10_000) + " tea":             false, // past what is looked at
		"tea " + manyWords(10_000):             true,
	} {
		if got := w.search(recall.Query{Text: query}); (len(got) > 0) != found {
			t.Errorf("%.40q finds %q", query, texts(got))
		}
		w.context(recall.ContextQuery{Text: query})
	}
}

// manyWords are n words that differ.
func manyWords(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString("w" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + " ")
	}
	return out.String()
}

func TestLimitIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 120 {
		w.say("cnv_1", line{who: "Ann", text: "tea"})
	}
	for limit, want := range map[int]int{-1: core.DefaultSearchLimit, 0: core.DefaultSearchLimit, 1: 1, 100: 100, 5000: core.MaxSearchLimit} {
		if got := w.search(recall.Query{Text: "tea", Limit: limit}); len(got) != want {
			t.Errorf("limit %d: %d found; want %d", limit, len(got), want)
		}
	}
}

func TestItemsSayWhereTheyAreFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"}, line{who: "Ann", text: "milk"})
	w.store.flush(testUser, "cnv_1", "blob_1", 1)
	got := w.search(recall.Query{Text: "tea milk"})
	slices.SortFunc(got, func(a, b recall.Item) int { return strings.Compare(a.ID, b.ID) })
	want := []recall.Item{
		{Type: "interaction", ID: "int_0001", Text: "tea", Role: "user", Name: "Ann", Conversation: "cnv_1", Blob: "blob_1", OccurredAt: testStart},
		{Type: "interaction", ID: "int_0002", Text: "milk", Role: "user", Name: "Ann", Conversation: "cnv_1", OccurredAt: testStart.Add(time.Minute)},
	}
	for i := range got {
		if got[i].Score <= 0 {
			t.Errorf("score %v", got[i].Score)
		}
		got[i].Score = 0
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found %+v; want %+v", got, want)
	}
}

func TestMemoryReadIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := core.Caller{Tenant: testTenant, Scopes: core.FullAccess &^ core.ScopeMemoryRead}
	if _, err := w.service.Search(context.Background(), c, testUser, recall.Query{Text: "tea"}); !core.Is(err, core.CodeInsufficientScope) {
		t.Errorf("Search: %v", err)
	}
	if _, err := w.service.Context(context.Background(), c, testUser, recall.ContextQuery{Text: "tea"}); !core.Is(err, core.CodeInsufficientScope) {
		t.Errorf("Context: %v", err)
	}
}
