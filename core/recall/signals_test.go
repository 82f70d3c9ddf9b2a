package recall_test

import (
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
)

// better checks that of two turns alike but for one thing, that thing decides.
func better(t *testing.T, w *world, query, first, second string) {
	t.Helper()
	items := w.search(recall.Query{Text: query, Limit: 50, Explain: true})
	a, b := rankOf(items, first), rankOf(items, second)
	if a < 0 || b >= 0 && b < a {
		t.Errorf("%q: %q is at %d, %q at %d; want it before", query, first, a, second, b)
		for _, item := range items {
			t.Logf("%.3f %s: %s %v", item.Score, item.Name, item.Text, item.Breakdown)
		}
	}
}

// part is what one signal gives the turn with a text.
func part(t *testing.T, w *world, query, signal, text string) float64 {
	t.Helper()
	items := w.search(recall.Query{Text: query, Limit: 50, Explain: true})
	at := rankOf(items, text)
	if at < 0 {
		t.Fatalf("%q does not find %q", query, text)
	}
	return items[at].Breakdown[signal]
}

// more checks that a signal gives one turn more than another.
func more(t *testing.T, w *world, query, signal, first, second string) {
	t.Helper()
	if a, b := part(t, w, query, signal, first), part(t, w, query, signal, second); a <= b {
		t.Errorf("%q: %s gives %q %v and %q %v; want more", query, signal, first, a, second, b)
	}
}

// Hours between lines put them into sessions of their own.
const day = 24 * time.Hour

func TestRareWordsCountMoreThanFrequentOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "garden party garden"})
	w.say("cnv_1", line{who: "Ann", text: "garden walk", after: day})
	w.say("cnv_1", line{who: "Ann", text: "zeppelin walk", after: 2 * day})
	w.say("cnv_1", line{who: "Ann", text: "garden tea", after: 3 * day})
	better(t, w, "the garden zeppelin", "zeppelin walk", "garden walk")
}

func TestShorterTurnsSayTheSameWithMoreWeight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "cactus"})
	w.say("cnv_1", line{who: "Ann", text: "cactus between lamps, chairs, tables, curtains, pictures, carpets", after: day})
	more(t, w, "cactus", "bm25", "cactus", "cactus between lamps, chairs, tables, curtains, pictures, carpets")
	better(t, w, "cactus", "cactus", "cactus between lamps, chairs, tables, curtains, pictures, carpets")
}

func TestFormsOfAWordAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1",
		line{who: "Ann", text: "We painted fences"}, line{who: "Ann", text: "I went sailing"}, line{who: "Ann", text: "Ann's mother"})
	for query, want := range map[string]string{
		"paint fence": "We painted fences", "When did she go?": "I went sailing", "mothers": "Ann's mother",
	} {
		if got := w.search(recall.Query{Text: query}); len(got) == 0 || got[0].Text != want {
			t.Errorf("%q finds %q; want %q first", query, texts(got), want)
		}
	}
}

func TestASessionAboutTheQueryLiftsItsTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	filler := []line{{who: "Ann", text: "lunch"}, {who: "Ann", text: "dinner"}, {who: "Ann", text: "breakfast"}, {who: "Ann", text: "supper"}}
	about := append([]line{{who: "Ann", text: "the violin concert"}, {who: "Ann", text: "violin concert tickets"}}, filler...)
	w.say("cnv_1", append(about, line{who: "Ann", text: "violin in session one"})...)
	other := append([]line{{who: "Ann", text: "mountains", after: day}, {who: "Ann", text: "rivers"}}, filler...)
	w.say("cnv_1", append(other, line{who: "Ann", text: "violin in session two"})...)
	more(t, w, "violin concert", "session", "violin in session one", "violin in session two")
	better(t, w, "violin concert", "violin in session one", "violin in session two")
}

func TestAPauseEndsASessionLikeANewConversation(t *testing.T) {
	t.Parallel()
	one, many := newWorld(t), newWorld(t)
	for i, text := range []string{"violin lesson", "violin bow", "mountain hut", "mountain lake", "violin teacher"} {
		l := line{who: "Ann", text: text, after: time.Duration(i) * 5 * time.Hour}
		one.say("cnv_1", l)
		many.say([]core.ConversationID{"cnv_1", "cnv_2", "cnv_3", "cnv_4", "cnv_5"}[i], l)
	}
	a := one.search(recall.Query{Text: "violin teacher"})
	b := many.search(recall.Query{Text: "violin teacher"})
	for i := range max(len(a), len(b)) {
		if a[i].Text != b[i].Text || a[i].Score != b[i].Score {
			t.Fatalf("one conversation: %v; five: %v", texts(a), texts(b))
		}
	}
}

func TestTurnsAroundAMatchRiseTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1",
		line{who: "Ann", text: "one"}, line{who: "Ann", text: "two"}, line{who: "Ann", text: "three"}, line{who: "Ann", text: "four"},
		line{who: "Ann", text: "an accordion"}, line{who: "Ann", text: "beside"})
	more(t, w, "accordion", "neighbours", "beside", "three")
	more(t, w, "accordion", "neighbours", "three", "two")
	better(t, w, "accordion", "beside", "three")
	better(t, w, "accordion", "four", "two")
}

func TestWordsSpreadOverAWindowCountTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "accordion spread"}, line{who: "Ann", text: "festival"}, line{who: "Ann", text: "Lisbon"})
	w.say("cnv_1", line{who: "Ann", text: "accordion alone", after: day}, line{who: "Ann", text: "spoon"}, line{who: "Ann", text: "fork"})
	w.say("cnv_1", line{who: "Ann", text: "Lisbon tram", after: 2 * day})
	w.say("cnv_1", line{who: "Ann", text: "festival tent", after: 3 * day})
	more(t, w, "accordion festival Lisbon", "window", "accordion spread", "accordion alone")
	better(t, w, "accordion festival Lisbon", "accordion spread", "accordion alone")
}

func TestTheAnswerToAMatchingQuestionRises(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "sooner"}, line{who: "Ann", text: "Which instrument, accordion?"}, line{who: "Ann", text: "Yes indeed"})
	w.say("cnv_1", line{who: "Ann", text: "earlier", after: day}, line{who: "Ann", text: "Which instrument, accordion."}, line{who: "Ann", text: "Sure thing"})
	more(t, w, "accordion instrument", "neighbours", "Yes indeed", "Sure thing")
	better(t, w, "accordion instrument", "Yes indeed", "Sure thing")
	more(t, w, "accordion instrument", "question", "Which instrument, accordion.", "Which instrument, accordion?")
	better(t, w, "accordion instrument", "Which instrument, accordion.", "Which instrument, accordion?")
}

func TestTheNamedSpeakersOwnTurnsRise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Bob Miller", text: "our camping trip"})
	w.say("cnv_1", line{who: "Ann", text: "our camping trip!", after: day})
	better(t, w, "When did Ann go camping?", "our camping trip!", "our camping trip")
	better(t, w, "When did Bob go camping?", "our camping trip", "our camping trip!")
	better(t, w, "When did miller's camping start?", "our camping trip", "our camping trip!")
}

func TestASpeakersNameAloneFindsWhatTheySaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "tea"})
	w.say("cnv_1", line{who: "Bob", text: "milk", after: day})
	w.say("cnv_1", line{who: "Ann", text: "coffee", after: 2 * day})
	if got := texts(w.search(recall.Query{Text: "What about Ann?"})); !slices.Equal(got, []string{"coffee", "tea"}) {
		t.Errorf("found %q", got)
	}
}

func TestBeingCalledByNameCountsLessThanAnotherWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "boat"})
	w.say("cnv_1", line{who: "Bob", text: "Ann, tea", after: day})
	w.say("cnv_1", line{who: "Bob", text: "camping tea", after: 2 * day})
	more(t, w, "Ann camping", "bm25", "camping tea", "Ann, tea")
}

func TestOneForeignWordMakesNoForeignText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "Nice red car!"}) // car: for, in French
	if got := w.search(recall.Query{Text: "car"}); len(got) != 1 {
		t.Errorf("found %q", texts(got))
	}
}

func TestTurnsOfTheTimeThatIsNamedRise(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // testStart is 1 March 2024
	w.say("cnv_1", line{who: "Ann", text: "camping in the woods"})
	w.say("cnv_1", line{who: "Ann", text: "camping at the lake", after: 100 * day}) // 9 June
	w.say("cnv_1", line{who: "Ann", text: "camping on an isle", after: 400 * day})  // 5 April 2025
	better(t, w, "What about camping in March?", "camping in the woods", "camping at the lake")
	better(t, w, "What about camping on 4 June 2024?", "camping at the lake", "camping on an isle")
	better(t, w, "What about camping in 2025?", "camping on an isle", "camping in the woods")
	better(t, w, "¿Y camping en junio?", "camping at the lake", "camping on an isle")
}

func TestAQueryIsReadInTheLanguagesOfTheMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ana", text: "Tengo dos gatos y un perro en la casa"})
	w.say("cnv_1", line{who: "Ana", text: "The cats are in the house", after: day})
	for _, query := range []string{"gato", "¿Dónde está el gato?", "gatos"} {
		if got := w.search(recall.Query{Text: query}); len(got) == 0 || got[0].Text != "Tengo dos gatos y un perro en la casa" {
			t.Errorf("%q finds %q", query, texts(got))
		}
	}
}

// meaning relates what the test says.
type meaning map[string][]core.RelatedWord

func (m meaning) Related(language, word string) []core.RelatedWord {
	if language != "en" {
		return nil
	}
	return m[word]
}

func TestWordsNearInMeaningAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.service = recall.New(w.store, w.store, w.store, suffixStemmer{}, w, recall.Options{Thesaurus: meaning{
		"dog": {{Word: "puppy", Nearness: 0.8}, {Word: "cat", Nearness: 0.6}},
	}})
	w.say("cnv_1", line{who: "Ann", text: "our cat sleeps"})
	w.say("cnv_1", line{who: "Ann", text: "our puppy sleeps", after: day})
	w.say("cnv_1", line{who: "Ann", text: "our dog sleeps", after: 2 * day})
	w.say("cnv_1", line{who: "Ann", text: "our house sleeps", after: 3 * day})
	better(t, w, "the dog", "our dog sleeps", "our puppy sleeps")
	better(t, w, "the dog", "our puppy sleeps", "our cat sleeps")
	if part(t, w, "the dog", "kin", "our puppy sleeps") <= 0 {
		t.Error("what is near in meaning gives nothing")
	}
	if rankOf(w.search(recall.Query{Text: "the dog", Limit: 50}), "our house sleeps") >= 0 {
		t.Error("what has nothing of the question is found")
	}
}

func TestBreakdownGivesTheScore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say("cnv_1", line{who: "Ann", text: "Shall we go camping?"}, line{who: "Bob", text: "Camping in March, yes"}, line{who: "Ann", text: "Fine"})
	items := w.search(recall.Query{Text: "When did Bob go camping in March?", Explain: true})
	if len(items) != 3 {
		t.Fatalf("found %q", texts(items))
	}
	for _, item := range items {
		b := item.Breakdown
		sum := (b["bm25"] + b["window"] + b["session"] + b["neighbours"]) * b["speaker"] * b["question"] * b["date"]
		if d := sum - item.Score; d > 1e-9 || d < -1e-9 {
			t.Errorf("%q: score %v, breakdown %v gives %v", item.Text, item.Score, b, sum)
		}
	}
	if plain := w.search(recall.Query{Text: "camping"}); plain[0].Breakdown != nil {
		t.Error("a breakdown that nobody asked for")
	}
}
