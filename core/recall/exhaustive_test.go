package recall

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// TestSkippingFindsWhatScoringAllFinds compares the ranking, which leaves out
// what cannot be among the best, with the formula written down plainly and
// worked out for every turn.
func TestSkippingFindsWhatScoringAllFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := randomIndex(t)
		w := randomWeights(t)
		text := fmt.Sprint(rapid.SliceOfN(rapid.SampledFrom(randomWords), 0, 6).Draw(t, "question"))
		f := randomFilter(t)
		limit := rapid.IntRange(1, 30).Draw(t, "limit")
		floor := rapid.SampledFrom([]float64{0, 0.25, 0.9}).Draw(t, "floor")
		r := x.rank(text, w)
		addKin(t, r)
		addNear(t, r)
		got := r.best(limit, floor, f.compile())
		want := plainBest(r, limit, floor, f.compile())
		if len(got) != len(want) && !onFloor(got, want, floor) {
			t.Fatalf("%q: %d hits, %d when all are scored", text, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if math.Abs(got[i].score-want[i].score) > 1e-9 {
				t.Fatalf("%q: hit %d scores %v, %v when all are scored\n%v\n%v", text, i, got[i].score, want[i].score, got, want)
			}
			if exact := plainScore(r, got[i].slot); math.Abs(got[i].score-exact) > 1e-9 {
				t.Fatalf("%q: hit %d scores %v; its score is %v", text, i, got[i].score, exact)
			}
			if !f.compile().pass(&x.turns[got[i].slot]) {
				t.Fatalf("%q: hit %d is filtered out", text, i)
			}
		}
		if !slices.IsSortedFunc(got, r.compare) {
			t.Fatalf("not in order: %v", got)
		}
		r.release()
	})
}

// addKin lets words that are related to the question's count, as far as anybody
// said them.
func addKin(t *rapid.T, r *ranking) {
	for range rapid.IntRange(0, 2).Draw(t, "kin") {
		c := concept{weight: 1, field: kin}
		for _, word := range rapid.SliceOfNDistinct(rapid.SampledFrom(randomWords), 1, 3, rapid.ID).Draw(t, "related") {
			if l, ok := r.index.terms[word]; ok {
				c.variants = append(c.variants, variant{l, rapid.SampledFrom([]float64{0.3, 0.7, 1}).Draw(t, "weight")})
			}
		}
		if c.variants != nil {
			r.question.concepts = append(r.question.concepts, c)
		}
	}
	r.ready()
}

func addNear(t *rapid.T, r *ranking) {
	if rapid.Bool().Draw(t, "vector") {
		for id := range r.index.sessions {
			for at := range r.index.sessions[id].turns {
				if rapid.IntRange(0, 3).Draw(t, "near") == 0 {
					r.near = append(r.near, dense{int32(id), uint8(at), rapid.Float64Range(0, 1).Draw(t, "nearness")})
				}
			}
		}
	}
}

// onFloor reports whether two answers differ in length only by hits that lie on
// the floor.
func onFloor(a, b []hit, floor float64) bool {
	longer := a
	if len(b) > len(a) {
		longer = b
	}
	return floor > 0 && longer[len(longer)-1].score-floor*longer[0].score < 1e-9
}

// TestSkippingKeepsTiesInOrder: scores that are the same to the last bit come
// newest first, whether sessions were left out or not.
func TestSkippingKeepsTiesInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := randomIndex(t)
		text := fmt.Sprint(rapid.SliceOfN(rapid.SampledFrom(randomWords), 0, 3).Draw(t, "question"))
		f := filter{}
		r := x.rank(text, DefaultWeights())
		all := r.best(len(x.turns)+1, 0, f.compile())
		for limit := 1; limit < len(all); limit++ {
			if got := r.best(limit, 0, f.compile()); !slices.Equal(got, all[:limit]) {
				t.Fatalf("%q: the best %d are %v of %v", text, limit, got, all)
			}
		}
		r.release()
	})
}

var randomWords = []string{
	"tea", "milk?", "milk", "lisbon", "accordion", "gato", "june", "2024", "ann", "bob", "two", "tea?", "the", "zebra", "ship", "snow", "unheard",
}

// randomIndex holds talk of a few words, some of it forgotten again.
func randomIndex(t *rapid.T) *index {
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	numbers := map[core.ConversationID]int64{}
	at := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	n := rapid.IntRange(0, 150).Draw(t, "turns")
	few := rapid.IntRange(2, len(randomWords)-1).Draw(t, "vocabulary")
	for i := range n {
		c := rapid.SampledFrom([]core.ConversationID{"cnv_1", "cnv_2", "cnv_3"}).Draw(t, "conversation")
		numbers[c] += int64(rapid.SampledFrom([]int{1, 1, 1, 1, 30}).Draw(t, "step"))
		at = at.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Minute, time.Minute, 5 * time.Hour}).Draw(t, "pause"))
		x.add(x.analyser.prepare(core.Interaction{
			ID: core.InteractionID(fmt.Sprintf("int_%04d", i)), Number: numbers[c], Conversation: c,
			Role:    rapid.SampledFrom([]core.Role{core.RoleUser, core.RoleAssistant}).Draw(t, "role"),
			Name:    rapid.SampledFrom([]string{"", "Ann", "Bob", "Ann Bob"}).Draw(t, "name"),
			Content: strings.Join(rapid.SliceOfN(rapid.SampledFrom(randomWords[:few]), 0, 6).Draw(t, "content"), " "),
			// Some are of one time, so that scores and times tie.
			OccurredAt: at, AcceptedAt: at,
		}))
	}
	var gone []core.InteractionID
	for range rapid.IntRange(0, n/3).Draw(t, "forgotten") {
		gone = append(gone, core.InteractionID(fmt.Sprintf("int_%04d", rapid.IntRange(0, n).Draw(t, "id"))))
	}
	x.forget(gone)
	return x
}

func randomWeights(t *rapid.T) Weights {
	switch rapid.IntRange(0, 2).Draw(t, "weights") {
	case 0:
		return DefaultWeights()
	case 1: // nothing that hides what is wrong with the rest
		return Weights{Neighbour: 0.3, Answer: rapid.SampledFrom([]float64{1, 2, 5}).Draw(t, "answer"), Speaker: 1, Question: 1, Date: 1, Name: 1}
	}
	draw := func(name string) float64 {
		return rapid.SampledFrom([]float64{0, 0.2, 0.5, 0.8, 1, 1.5, 3}).Draw(t, name)
	}
	return Weights{
		Window: draw("window"), Session: draw("session"), Neighbour: draw("neighbour"), Answer: draw("answer"),
		Speaker: draw("speaker"), Question: draw("question factor"), Date: draw("date"), Name: draw("name"),
		Kin: draw("kin weight"), Vector: draw("vector weight"),
	}
}

func randomFilter(t *rapid.T) filter {
	f := filter{}
	if rapid.Bool().Draw(t, "since") {
		since := time.Date(2024, 5, 1, rapid.IntRange(0, 48).Draw(t, "hours"), 0, 0, 0, time.UTC)
		f.since = &since
	}
	if rapid.Bool().Draw(t, "until") {
		until := time.Date(2024, 5, 1, rapid.IntRange(0, 300).Draw(t, "hours"), 0, 0, 0, time.UTC)
		f.until = &until
	}
	if rapid.Bool().Draw(t, "roles") {
		f.roles = []core.Role{core.RoleAssistant}
	}
	f.conversation = rapid.SampledFrom([]core.ConversationID{"", "", "cnv_1"}).Draw(t, "in")
	return f
}

// plainBest ranks every turn of the index.
func plainBest(r *ranking, limit int, floor float64, f *turnFilter) []hit {
	var all []hit
	for slot := range r.index.turns {
		t := &r.index.turns[slot]
		if t.id == "" || !f.pass(t) {
			continue
		}
		if score := plainScore(r, int32(slot)); score > 0 {
			all = append(all, hit{int32(slot), score})
		}
	}
	slices.SortFunc(all, r.compare)
	all = all[:min(limit, len(all))]
	return slices.DeleteFunc(slices.Clone(all), func(h hit) bool { return h.score < floor*all[0].score })
}

// plainScore is (own + window + session + neighbours) × factors of one turn.
func plainScore(r *ranking, slot int32) float64 {
	x, w := r.index, r.weights
	s := &x.sessions[x.places[slot].session]
	at := slices.Index(s.turns, slot)
	total := plainSum(r, s, at)
	for d := 1; d <= neighbourRadius && !r.byName; d++ {
		share := w.Neighbour / math.Pow(2, float64(d-1))
		if before := at - d; before >= 0 {
			more := 1.0
			if d == 1 && x.places[s.turns[before]].asks {
				more = w.Answer
			}
			total += share * more * plainSum(r, s, before)
		}
		if after := at + d; after < len(s.turns) {
			total += share * plainSum(r, s, after)
		}
	}
	t := &x.turns[slot]
	for _, word := range nameWords(t.name.Value()) {
		if slices.ContainsFunc(r.question.words, func(a askedWord) bool { return a.word == word }) {
			total *= w.Speaker
			break
		}
	}
	if asks(t.content) {
		total *= w.Question
	}
	if slices.ContainsFunc(r.intervals, func(i interval) bool { return i.from <= t.occurredAt && t.occurredAt < i.until }) {
		total *= w.Date
	}
	return total
}

// plainSum is own + window + session + vector of the turn at a place.
func plainSum(r *ranking, s *session, at int) float64 {
	total, scale := 0.0, 0.0
	if speaker := r.index.places[s.turns[at]].speaker; r.byName && slices.ContainsFunc(r.question.named, func(list []int32) bool { return slices.Contains(list, speaker) }) {
		total = 1
	}
	for _, d := range r.near {
		if &r.index.sessions[d.session] == s && int(d.at) == at {
			total += d.value
		}
	}
	for i := range r.question.concepts {
		c := &r.question.concepts[i]
		scale += c.weight * r.weights.field(c.field).turn * inverseFrequency(plainFrequency(r.index, c))
	}
	for i := range r.question.concepts {
		total += plainMatch(r, &r.question.concepts[i], s, at) / cmp.Or(scale, 1)
	}
	return total
}

// plainFrequency counts the turns with a concept, once for each variant, and
// all.
func plainFrequency(x *index, c *concept) (with, all int) {
	for i := range c.variants {
		with += len(c.variants[i].list)
	}
	return min(with, x.live()), x.live()
}

// plainMatch is what a concept gives the turn at a place.
func plainMatch(r *ranking, c *concept, s *session, at int) float64 {
	x, w := r.index, r.weights.field(c.field)
	sessions := 0
	for i := range x.sessions {
		sessions += min(1, len(x.sessions[i].turns))
	}
	with := 0
	for i := range c.variants {
		in := map[int32]bool{}
		for _, p := range c.variants[i].list {
			in[p.session] = true
		}
		with += len(in)
	}
	around, in := 0.0, 0.0
	for i := range s.turns {
		n := plainCount(x, c, s, i)
		in += n
		if max(i-at, at-i) <= windowRadius {
			around += n
		}
	}
	idf := c.weight * inverseFrequency(plainFrequency(x, c))
	words, length := float64(x.length), float64(x.places[s.turns[at]].length)
	return w.turn*idf*saturate(plainCount(x, c, s, at), turnK1*(1-turnB+turnB*length*float64(x.live())/words), turnK1) +
		w.window*idf*saturate(around, windowK1, windowK1) +
		w.session*c.weight*inverseFrequency(min(with, sessions), sessions)*
			saturate(in, sessionK1*(1-sessionB+sessionB*float64(s.length)*float64(sessions)/words), sessionK1)
}

// plainCount counts a concept in the turn at a place by reading its text.
func plainCount(x *index, c *concept, s *session, at int) float64 {
	total := 0.0
	terms := x.analyse(s.turns[at])
	for i := range c.variants {
		for term, l := range x.terms {
			if len(l.list) > 0 && &l.list[0] == &c.variants[i].list[0] {
				total += c.variants[i].weight * float64(terms.of(term))
			}
		}
	}
	return total
}

func TestTheQueueGivesTheHighestBoundFirst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		for i, bound := range rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(t, "bounds") {
			q = append(q, queued{bound: float64(bound), latest: int64(i % 3), session: int32(i)})
		}
		q.order()
		var list []queued
		for len(q) > 0 {
			list = append(list, q.pop())
		}
		if !slices.IsSortedFunc(list, func(a, b queued) int {
			return cmp.Or(cmp.Compare(b.bound, a.bound), cmp.Compare(b.latest, a.latest))
		}) {
			t.Fatalf("%v", list)
		}
	})
}
