package recall

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			x := benchIndex(n)
			runtime.GC()
			runtime.ReadMemStats(&after)
			heap := float64(after.HeapAlloc - before.HeapAlloc)
			questions := benchQuestions(100)
			every := factFilter{}
			b.ResetTimer()
			for i := range b.N {
				x.search(Query{Text: questions[i%len(questions)], Limit: 10}, every)
			}
			b.ReportMetric(heap/float64(n), "B/interaction")
			b.ReportMetric(float64(x.bytes)/float64(n), "counted-B/interaction")
		})
	}
}

// benchIndex holds turns of some 20 words, drawn as in language: few words
// often, most of them rarely.
func benchIndex(n int) *index {
	x := newIndex(analyser{plainStemmer{}}, 1)
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 8, 20_000)
	for i := range n {
		x.add(x.analyser.prepare(core.Interaction{
			ID: core.InteractionID(fmt.Sprintf("int_%026d", i)), Number: int64(i%50 + 1),
			Conversation: core.ConversationID(fmt.Sprintf("cnv_%026d", i/50)),
			Role:         core.RoleUser, Name: []string{"Ada", "Grace"}[i%2], Content: benchText(zipf, 5+random.IntN(30)),
			OccurredAt: time.Unix(int64(i*100), 0), AcceptedAt: time.Unix(int64(i*100), 0),
		}))
	}
	return x
}

func benchQuestions(n int) []string {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(3, 4)), 1.1, 8, 20_000)
	list := make([]string, n)
	for i := range list {
		list[i] = "What did Ada say about " + benchText(zipf, 6) + "?"
	}
	return list
}

func benchText(zipf *rand.Zipf, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("word%x", zipf.Uint64())
	}
	return strings.Join(list, " ")
}

type plainStemmer struct{}

func (plainStemmer) Stem(_, word string) string { return word }
