package recall

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

var benchSizes = []int{1_000, 10_000, 100_000}

func BenchmarkSearch(b *testing.B) {
	benchRecall(b, func(x *index, question string) {
		x.search(Query{Text: question, Limit: 10}, factFilter{}, DefaultWeights())
	})
}

func BenchmarkContext(b *testing.B) {
	benchRecall(b, func(x *index, question string) {
		x.context(ContextQuery{Text: question}, factFilter{}, DefaultWeights())
	})
}

// BenchmarkContextOfOneTalk asks where most turns have most of the question's
// words and no pause parts them, so that there is little to skip.
func BenchmarkContextOfOneTalk(b *testing.B) {
	x := benchIndexOf(benchParcels(1_000))
	for b.Loop() {
		x.context(ContextQuery{Text: "Which parcel went to the port of Antwerp?"}, factFilter{}, DefaultWeights())
	}
}

// benchParcels are turns that are much alike, of one conversation.
func benchParcels(n int) []core.Interaction {
	ports := []string{"Antwerp", "Bergen", "Cadiz", "Durban", "Esbjerg"}
	list := make([]core.Interaction, n)
	for i := range list {
		at := time.UnixMilli(1_700_000_000_000 + int64(i/100))
		list[i] = core.Interaction{
			ID: core.InteractionID(fmt.Sprintf("int_%026d", i)), Number: int64(i + 1), Conversation: "cnv_00000000000000000000000001",
			Role: core.RoleUser, OccurredAt: at, AcceptedAt: at,
			Content: fmt.Sprintf("Parcel %d left the port of %s on day %d with %d crates of instruments.", i, ports[i%5], i%365, i%17),
		}
	}
	return list
}

// benchRecall measures questions to indexes of several sizes.
func benchRecall(b *testing.B, ask func(x *index, question string)) {
	for _, n := range benchSizes {
		x, heap := weighed(n)
		questions := benchQuestions(200)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				ask(x, questions[i%len(questions)])
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(heap)/float64(n), "B/interaction")
			b.ReportMetric(float64(x.bytes)/float64(n), "counted-B/interaction")
		})
		runtime.KeepAlive(x)
	}
}

// BenchmarkBuild measures making an index of interactions that are in memory.
func BenchmarkBuild(b *testing.B) {
	for _, n := range benchSizes[:2] {
		talk := benchTalk(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				benchIndexOf(talk)
			}
		})
	}
}

// weighed gives an index and the heap that it takes with its interactions.
func weighed(n int) (x *index, bytes int64) {
	before := heap()
	x = benchIndex(n)
	return x, heap() - before
}

func benchIndex(n int) *index { return benchIndexOf(benchTalk(n)) }

func benchIndexOf(talk []core.Interaction) *index {
	x := newIndex(analyser{stemmer: plainStemmer{}}, 1)
	for i := range talk {
		x.add(x.analyser.prepare(talk[i]))
	}
	return x
}

// benchTalk makes talk as people have it: words few of which are frequent and
// most rare, conversations of some twenty turns about a few subjects of their
// own, one other person of forty in each.
func benchTalk(n int) []core.Interaction {
	random := rand.New(rand.NewPCG(1, 2))
	frequent := rand.NewZipf(random, 1.1, 8, 20_000)
	list := make([]core.Interaction, 0, n)
	for c := 0; len(list) < n; c++ {
		id := core.ConversationID(fmt.Sprintf("cnv_%026d", c))
		other := fmt.Sprintf("Person%d", random.IntN(40))
		var subjects []string
		for range 6 {
			subjects = append(subjects, benchWord(frequent.Uint64()))
		}
		for turn := range min(10+random.IntN(20), n-len(list)) {
			at := time.Unix(int64(c)*86_400+int64(turn)*60, 0)
			list = append(list, core.Interaction{
				ID: core.InteractionID(fmt.Sprintf("int_%026d", len(list))), Number: int64(turn + 1), Conversation: id,
				Role: []core.Role{core.RoleUser, core.RoleAssistant}[turn%2], Name: []string{"Ada", other}[turn%2],
				Content: benchText(random, frequent, subjects), OccurredAt: at, AcceptedAt: at,
			})
		}
	}
	return list
}

func benchText(random *rand.Rand, frequent *rand.Zipf, subjects []string) string {
	list := make([]string, 5+random.IntN(25))
	for i := range list {
		if list[i] = benchWord(frequent.Uint64()); random.IntN(6) == 0 {
			list[i] = subjects[random.IntN(len(subjects))]
		}
	}
	return strings.Join(list, " ") + []string{".", ".", ".", "?"}[random.IntN(4)]
}

func benchWord(n uint64) string { return fmt.Sprintf("word%x", n) }

// benchQuestions ask about words as people do: of the talk, but not of its most
// frequent words alone.
func benchQuestions(n int) []string {
	random := rand.New(rand.NewPCG(3, 4))
	frequent := rand.NewZipf(random, 1.1, 8, 20_000)
	list := make([]string, n)
	for i := range list {
		list[i] = []string{"What did Ada say about", "When was", "Which of them liked", fmt.Sprintf("Why did Person%d go to", i%40)}[i%4]
		for range 3 + random.IntN(4) {
			list[i] += " " + benchWord(frequent.Uint64())
		}
		list[i] += "?"
	}
	return list
}

type plainStemmer struct{}

func (plainStemmer) Stem(_, word string) string { return word }
