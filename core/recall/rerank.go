package recall

import (
	"cmp"
	"context"
	"slices"
	"unicode"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Reranking has the best of what was found ordered anew, by somebody who reads
// the question and the texts together.
type Reranking struct {
	Reranker ports.Reranker
	Top      int // how many; 1 to core.MaxRerankTexts
}

// relevance scores texts; nil when there is nobody to ask, or no answer in time:
// then what was found keeps its order.
func (r *Reranking) relevance(ctx context.Context, query string, texts []string) []float64 {
	if r == nil || len(texts) == 0 || !hasWord(query) {
		return nil
	}
	scores, err := r.Reranker.Rerank(ctx, query, texts)
	if err != nil || len(scores) != len(texts) {
		return nil
	}
	return scores
}

// hasWord reports whether there is anything to read in a text.
func hasWord(text string) bool {
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return true
		}
	}
	return false
}

// wanted is how many items to find so that the best limit can be told.
func (r *Reranking) wanted(limit int) int {
	if r == nil {
		return limit
	}
	return max(limit, r.Top)
}

// items orders the best of items, given best first. Those behind stay behind. The
// scores stay the ranking's: the first has the highest.
func (r *Reranking) items(ctx context.Context, query string, items []Item, explain bool) []Item {
	if r == nil {
		return items
	}
	top := items[:min(len(items), r.Top)]
	texts := make([]string, len(top))
	for i := range top {
		texts[i] = top[i].Text
	}
	scores := r.relevance(ctx, query, texts)
	if scores == nil {
		return items
	}
	out := slices.Clone(items)
	for i, from := range byScore(scores) {
		out[i] = items[from]
		out[i].Score = items[i].Score
		if explain {
			out[i].Breakdown["rerank"] = scores[from]
		}
	}
	return out
}

// byScore lists places, that of the highest score first, of equals the first.
func byScore(scores []float64) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return order
}

// bestHits gives the hits that a block of context is made of, at most limit.
func (x *index) bestHits(q ContextQuery, f factFilter, w Weights, limit int) []Item {
	r := x.rank(q.Text, w)
	defer r.release()
	r.addVector(q.probe)
	var items []Item
	for _, h := range r.best(min(limit, contextHits), contextFloor, f.compile()) {
		items = append(items, x.turns[h.slot].item())
	}
	return items
}

// ofHits says how relevant interactions are; nil as relevance does.
func (r *Reranking) ofHits(ctx context.Context, query string, items []Item) map[core.InteractionID]float64 {
	texts := make([]string, len(items))
	for i := range items {
		texts[i] = items[i].Text
	}
	of := map[core.InteractionID]float64{}
	for i, score := range r.relevance(ctx, query, texts) {
		of[core.InteractionID(items[i].ID)] = score
	}
	return of
}

// reorder puts those hits first whose relevance is known, the most relevant
// first, and lets scores stay with their places.
func (r *ranking) reorder(hits []hit, relevance map[core.InteractionID]float64) []hit {
	if len(relevance) == 0 {
		return hits
	}
	out := slices.Clone(hits)
	slices.SortStableFunc(out, func(a, b hit) int {
		x, known := relevance[r.index.turns[a.slot].id]
		y, too := relevance[r.index.turns[b.slot].id]
		switch {
		case known && !too:
			return -1
		case too && !known:
			return 1
		}
		return cmp.Compare(y, x)
	})
	for i := range out {
		out[i].score = hits[i].score
		r.score[out[i].slot] = hits[i].score
	}
	return out
}
