package recall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// TestAHostileQuestionAsksForABoundedNumberOfThings: what a question costs is
// bounded by how many words are looked at and searched for, and how many times
// its dates may mean, whatever it holds.
func TestAHostileQuestionAsksForABoundedNumberOfThings(t *testing.T) {
	t.Parallel()
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	var all strings.Builder
	for i := range 3000 { // every one a speaker and a word that was said
		word := fmt.Sprintf("word%d", i)
		all.WriteString(word + " in 2024 ")
		x.add(x.analyser.prepare(core.Interaction{
			ID: core.InteractionID(word), Number: int64(i), Conversation: "cnv_1", Role: core.RoleUser, Name: word, Content: word,
			OccurredAt: time.Unix(int64(i)*86_400, 0), AcceptedAt: time.Unix(int64(i)*86_400, 0),
		}))
	}
	for _, text := range []string{
		all.String(),
		strings.Repeat(all.String(), 5),
		strings.Repeat("on 3 june ", 10_000),
		strings.Repeat("w", 1<<20),
		strings.Repeat("京都", 1<<16),
		strings.Repeat("\xff\xfe", 1<<16),
	} {
		r := x.rank(text, DefaultWeights())
		if c, w := len(r.question.concepts), len(r.question.words); c > maxConcepts || w > maxQueryWords || len(r.intervals) > maxDates*(maxYears+2) {
			t.Errorf("%.20q: %d concepts, %d words, %d intervals", text, c, w, len(r.intervals))
		}
		if hits := r.best(contextHits, contextFloor, filter{}.compile()); len(hits) > contextHits {
			t.Errorf("%.20q: %d hits", text, len(hits))
		}
		r.release()
	}
}

// TestALongQuestionIsSearchedByItsRarestWords: what everybody says is left out
// first.
func TestALongQuestionIsSearchedByItsRarestWords(t *testing.T) {
	t.Parallel()
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	var asked strings.Builder
	for i := range maxConcepts + 10 {
		fmt.Fprintf(&asked, "often%d ", i)
	}
	for i := range 20 {
		text := asked.String()
		if i == 7 {
			text = "rare words once"
		}
		x.add(x.analyser.prepare(core.Interaction{
			ID: core.InteractionID(fmt.Sprint("int_", i)), Number: int64(i), Conversation: core.ConversationID(fmt.Sprint("cnv_", i)),
			Role: core.RoleUser, Content: text,
		}))
	}
	items := x.search(Query{Text: asked.String() + "rare words", Limit: 1}, factFilter{}, DefaultWeights())
	w := DefaultWeights()
	for _, c := range x.ask(asked.String()+"rare words", &w).concepts[:2] {
		if c.frequency() != 1 {
			t.Errorf("a concept of %d turns comes before the rare ones", c.frequency())
		}
	}
	if len(items) != 1 {
		t.Errorf("found %d", len(items))
	}
}
