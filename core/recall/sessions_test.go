package recall

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// longTalk holds one conversation of n turns a minute apart.
func longTalk(n int) *index {
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	for i := range n {
		at := time.Unix(int64(i)*60, 0)
		x.add(x.analyser.prepare(core.Interaction{
			ID: core.InteractionID(fmt.Sprintf("int_%04d", i+1)), Number: int64(i + 1), Conversation: "cnv_1", Role: core.RoleUser,
			Name: "Ann", Content: fmt.Sprint("word", i%7), OccurredAt: at, AcceptedAt: at,
		}))
	}
	return x
}

func TestTalkWithoutAPauseIsCut(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{1: 1, maxSession: 1, maxSession + 1: 2, 5*maxSession + 1: 6} {
		x := longTalk(n)
		if got := len(x.sessions) - len(x.freeSessions); got != want {
			t.Errorf("%d turns are in %d sessions; want %d", n, got, want)
		}
		for i := range x.sessions {
			if got := len(x.sessions[i].turns); got > maxSession {
				t.Errorf("a session of %d turns", got)
			}
		}
	}
}

// TestForgettingMovesOnlyItsSession: what is cut stays cut where it is when a
// turn goes, or forgetting would cost as much as building.
func TestForgettingMovesOnlyItsSession(t *testing.T) {
	t.Parallel()
	x := longTalk(10 * maxSession)
	before := slices.Clone(x.places)
	x.forget([]core.InteractionID{"int_0070"})
	moved := 0
	for slot, p := range x.places {
		if p != before[slot] {
			moved++
		}
	}
	if moved == 0 || moved > maxSession {
		t.Errorf("%d turns moved", moved)
	}
}

// TestEveryPostingIsWhereItsTurnIs over any order of arrival and forgetting.
func TestEveryPostingIsWhereItsTurnIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
		numbers := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := 1; i <= 150 && yield(i); i++ {
			}
		})).Draw(t, "numbers")
		for _, n := range numbers[:rapid.IntRange(1, len(numbers)).Draw(t, "turns")] {
			at := time.Unix(int64(n/40)*86_400, 0)
			x.add(x.analyser.prepare(core.Interaction{
				ID: core.InteractionID(fmt.Sprint("int_", n)), Number: int64(n), Conversation: "cnv_1", Role: core.RoleUser,
				Content: fmt.Sprint("word", n%5, " tea"), OccurredAt: at, AcceptedAt: at,
			}))
			if n%3 == 0 {
				x.forget([]core.InteractionID{core.InteractionID(fmt.Sprint("int_", n-1))})
			}
		}
		postings := 0
		for term, l := range x.terms {
			sessions := map[int32]bool{}
			for _, p := range l.list {
				slot := x.sessions[p.session].turns[p.at]
				if got := x.analyse(slot).of(term); got != int32(p.count) {
					t.Fatalf("%s is %d times in turn %d; the posting says %d", term, got, slot, p.count)
				}
				sessions[p.session] = true
			}
			if int(l.sessions) != len(sessions) {
				t.Fatalf("%s is in %d sessions; counted %d", term, len(sessions), l.sessions)
			}
			postings += len(l.list)
		}
		if want := 2 * x.live(); postings != want {
			t.Fatalf("%d postings; want %d", postings, want)
		}
	})
}

func TestAWeightOfNothingSwitchesASignalOff(t *testing.T) {
	t.Parallel()
	x := longTalk(30)
	alone := Weights{Answer: 1, Speaker: 1, Question: 1, Date: 1, Name: 1}
	for _, item := range x.search(Query{Text: "ann word3 in 1970", Limit: 50, Explain: true}, factFilter{}, alone) {
		if item.Score != item.Breakdown["bm25"] || item.Score == 0 {
			t.Errorf("%q scores %v by %v", item.Text, item.Score, item.Breakdown)
		}
	}
}
