package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// depths are how far down the results evidence counts.
var depths = [...]int{5, 10, 25, 50}

// figures sums up recall per category of question, and how long answers took.
type figures struct {
	categories map[int]*tally
	latencies  []time.Duration
}

type tally struct {
	questions int
	recall    [len(depths)]float64 // sums
}

func newFigures() *figures { return &figures{categories: map[int]*tally{}} }

// add counts the share of the question's evidence among the first results.
func (f *figures) add(q question, found []string, took time.Duration) {
	evidence := map[string]bool{}
	for _, e := range q.Evidence {
		evidence[e] = true
	}
	t := f.categories[q.Category]
	if t == nil {
		t = &tally{}
		f.categories[q.Category] = t
	}
	t.questions++
	for i, depth := range depths {
		hits := map[string]bool{}
		for _, id := range found[:min(depth, len(found))] {
			if evidence[id] {
				hits[id] = true
			}
		}
		t.recall[i] += float64(len(hits)) / float64(len(evidence))
	}
	f.latencies = append(f.latencies, took)
}

// categoryNames are LoCoMo's.
var categoryNames = map[int]string{1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}

func (f *figures) print(w io.Writer) {
	var all tally
	for _, t := range f.categories {
		all.questions += t.questions
		for i := range t.recall {
			all.recall[i] += t.recall[i]
		}
	}
	_, _ = fmt.Fprintf(w, "recall@5/10/25/50 = %s over %d questions\n", all, all.questions)
	for _, c := range slices.Sorted(maps.Keys(f.categories)) {
		t := f.categories[c]
		_, _ = fmt.Fprintf(w, "  category %d (%s): %s over %d\n", c, categoryNames[c], *t, t.questions)
	}
	slices.Sort(f.latencies)
	_, _ = fmt.Fprintf(w, "search latency p50 %s, p99 %s\n", f.percentile(50), f.percentile(99))
}

func (t tally) String() string {
	parts := make([]string, len(depths))
	for i := range depths {
		parts[i] = fmt.Sprintf("%.1f", 100*t.recall[i]/float64(max(t.questions, 1)))
	}
	return strings.Join(parts, "/")
}

// percentile is of the sorted latencies, by nearest rank.
func (f *figures) percentile(p int) time.Duration {
	if len(f.latencies) == 0 {
		return 0
	}
	rank := (len(f.latencies)*p + 99) / 100
	return f.latencies[max(rank, 1)-1].Round(time.Microsecond)
}
