package main

import (
	"context"
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

// ask puts a sample's questions and counts the evidence among the results.
func (f *figures) ask(ctx context.Context, m memory, user string, turns map[string]string, s sample) error {
	for _, q := range s.Questions {
		if !q.counts() {
			continue
		}
		start := time.Now()
		ids, err := m.search(ctx, user, q.Question)
		if err != nil {
			return err
		}
		found := make([]string, len(ids))
		for i, id := range ids {
			found[i] = turns[id]
		}
		f.add(q, found, time.Since(start))
	}
	return nil
}

// join adds other figures.
func (f *figures) join(other *figures) {
	for c, t := range other.categories {
		if f.categories[c] == nil {
			f.categories[c] = &tally{}
		}
		f.categories[c].join(*t)
	}
	f.latencies = append(f.latencies, other.latencies...)
}

func (t *tally) join(other tally) {
	t.questions += other.questions
	for i := range t.recall {
		t.recall[i] += other.recall[i]
	}
}

func joinedFigures(list []*figures) *figures {
	all := newFigures()
	for _, f := range list {
		all.join(f)
	}
	return all
}

// total is of all categories together.
func (f *figures) total() tally {
	var all tally
	for _, t := range f.categories {
		all.join(*t)
	}
	return all
}

// categoryNames are LoCoMo's.
var categoryNames = map[int]string{1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}

func (f *figures) print(w io.Writer) {
	all := f.total()
	_, _ = fmt.Fprintf(w, "recall@5/10/25/50 = %s over %d questions\n", all, all.questions)
	for _, c := range slices.Sorted(maps.Keys(f.categories)) {
		t := f.categories[c]
		_, _ = fmt.Fprintf(w, "  category %d (%s): %s over %d\n", c, categoryNames[c], *t, t.questions)
	}
	_, _ = fmt.Fprintf(w, "search latency p50 / p99: %s\n", f.latency())
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
