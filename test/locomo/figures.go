package locomo

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Depths are how far down the results evidence counts.
var Depths = [...]int{5, 10, 25, 50}

// Limit is how many results are looked at.
const Limit = 50

// Figures sums up recall per category of question, and how long answers took. It
// is not safe for concurrent use.
type Figures struct {
	categories map[int]*Tally
	latencies  []time.Duration
}

// Tally is the recall of some questions.
type Tally struct {
	questions int
	recall    [len(Depths)]float64 // sums
}

// NewFigures gives figures of no question yet.
func NewFigures() *Figures { return &Figures{categories: map[int]*Tally{}} }

// Add counts the share of the question's evidence among the first results, which
// are ids of turns, best first; "" is none of the data's.
func (f *Figures) Add(q Question, found []string, took time.Duration) {
	evidence := map[string]bool{}
	for _, e := range q.Evidence {
		evidence[e] = true
	}
	t := f.categories[q.Category]
	if t == nil {
		t = &Tally{}
		f.categories[q.Category] = t
	}
	t.questions++
	for i, depth := range Depths {
		hits := map[string]bool{}
		for _, id := range found[:min(depth, len(found))] {
			if evidence[id] {
				hits[id] = true
			}
		}
		t.recall[i] += float64(len(hits)) / float64(len(evidence))
	}
	f.Took(took)
}

// Took notes how long an answer took.
func (f *Figures) Took(d time.Duration) { f.latencies = append(f.latencies, d) }

// Ask puts a sample's questions, one after the other, and counts the evidence
// among the ids of turns that search finds.
func (f *Figures) Ask(s Sample, search func(question string) (turns []string, err error)) error {
	for _, q := range s.Questions {
		if !q.Counts() {
			continue
		}
		start := time.Now()
		found, err := search(q.Question)
		if err != nil {
			return err
		}
		f.Add(q, found, time.Since(start))
	}
	return nil
}

// Join adds other figures.
func (f *Figures) Join(other *Figures) {
	for c, t := range other.categories {
		if f.categories[c] == nil {
			f.categories[c] = &Tally{}
		}
		f.categories[c].join(*t)
	}
	f.latencies = append(f.latencies, other.latencies...)
}

// Questions is how many were asked.
func (t Tally) Questions() int { return t.questions }

func (t *Tally) join(other Tally) {
	t.questions += other.questions
	for i := range t.recall {
		t.recall[i] += other.recall[i]
	}
}

// Joined puts figures together.
func Joined(list []*Figures) *Figures {
	all := NewFigures()
	for _, f := range list {
		all.Join(f)
	}
	return all
}

// Category is the recall of a category's questions.
func (f *Figures) Category(c int) Tally {
	if t := f.categories[c]; t != nil {
		return *t
	}
	return Tally{}
}

// Total is of all categories together.
func (f *Figures) Total() Tally {
	var all Tally
	for _, t := range f.categories {
		all.join(*t)
	}
	return all
}

// Mean is of the recalls at all depths, in points.
func (f *Figures) Mean() float64 {
	total := f.Total()
	sum := 0.0
	for _, r := range total.recall {
		sum += 100 * r / float64(len(Depths)*max(total.questions, 1))
	}
	return sum
}

var categoryNames = map[int]string{1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}

// Print writes the figures for a reader.
func (f *Figures) Print(w io.Writer) {
	all := f.Total()
	_, _ = fmt.Fprintf(w, "recall@5/10/25/50 = %s over %d questions\n", all, all.questions)
	for _, c := range slices.Sorted(maps.Keys(f.categories)) {
		t := f.categories[c]
		_, _ = fmt.Fprintf(w, "  category %d (%s): %s over %d\n", c, categoryNames[c], *t, t.questions)
	}
	_, _ = fmt.Fprintf(w, "search latency p50 / p99: %s\n", f.Latency())
}

// String gives the recall at each depth, in percent.
func (t Tally) String() string {
	parts := make([]string, len(Depths))
	for i := range Depths {
		parts[i] = fmt.Sprintf("%.1f", 100*t.recall[i]/float64(max(t.questions, 1)))
	}
	return strings.Join(parts, "/")
}

// Latency gives the 50th and 99th percentile.
func (f *Figures) Latency() string {
	return fmt.Sprintf("%s / %s", f.Percentile(50), f.Percentile(99))
}

// Percentile is of the latencies, by nearest rank; 0 where there are none.
func (f *Figures) Percentile(p int) time.Duration {
	if len(f.latencies) == 0 {
		return 0
	}
	slices.Sort(f.latencies)
	rank := (len(f.latencies)*p + 99) / 100
	return f.latencies[max(rank, 1)-1].Round(time.Microsecond)
}
