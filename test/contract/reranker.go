package contract

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Rerankers say how a reranker is opened and broken, as Embedders do.
type Rerankers struct {
	Open     func(t *testing.T) ports.Reranker
	Broken   func(t *testing.T) ports.Reranker
	Refusing func(t *testing.T) ports.Reranker
}

// Reranker is the suite of ports.Reranker. What it is asked has one text that
// answers and others that have nothing to do with the question.
func Reranker(t *testing.T, r Rerankers) {
	for _, g := range []struct {
		name string
		open func(t *testing.T) ports.Reranker
		hold func(*reranking)
	}{
		{"the text that answers is the best, wherever it stands", r.Open, answerIsBest},
		{"no scores for no texts", r.Open, noTextsNoScores},
		{"any text has a score", r.Open, anyTextHasAScore},
		{"as many texts as may be, and no more", r.Open, manyScores},
		{"the same question gives the same order", r.Open, sameOrder},
		{"a done context gets its error", r.Open, doneContextGetsNoScores},
		{"many callers at once get what one would", r.Open, rerankingAtOnce},
		{"a server that is not there is unavailable", r.Broken, brokenRerankerIsUnavailable},
		{"a server that refuses is told apart", r.Refusing, rerankerRefuses},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			t.Cleanup(cancel)
			g.hold(&reranking{Reranker: g.open(t), t: t, ctx: ctx})
		})
	}
}

type reranking struct {
	ports.Reranker
	t   *testing.T
	ctx context.Context //nolint:containedctx // of one subtest
}

const rerankQuestion = "Who is the tallest giraffe in the zoo?"

var rerankTexts = []string{"Bread is baked in an oven.", "The stock market fell on Monday.", "The tallest giraffe in the zoo is Alfred.", "My laptop needs charging."}

func (r *reranking) must(query string, texts ...string) []float64 {
	r.t.Helper()
	scores, err := r.Rerank(r.ctx, query, texts)
	if err != nil {
		r.t.Fatalf("refused: %v", err)
	}
	if len(scores) != len(texts) {
		r.t.Fatalf("%d scores for %d texts", len(scores), len(texts))
	}
	for _, s := range scores {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			r.t.Fatalf("a score is %v", s)
		}
	}
	return scores
}

func answerIsBest(r *reranking) {
	for turn := range rerankTexts {
		texts := slices.Concat(rerankTexts[turn:], rerankTexts[:turn])
		scores := r.must(rerankQuestion, texts...)
		best := slices.Index(scores, slices.Max(scores))
		if !strings.Contains(texts[best], "giraffe") {
			r.t.Errorf("the best of %q is %q, with %v", texts, texts[best], scores)
		}
	}
}

func noTextsNoScores(r *reranking) { r.must(rerankQuestion) }

func anyTextHasAScore(r *reranking) {
	r.must("?", "", " ", "🦜", strings.Repeat("語", core.MaxEmbedBytes), "a\u0000b")
	r.must(strings.Repeat("very long question ", 2000), "a")
}

func manyScores(r *reranking) {
	r.must(rerankQuestion, manyDifferent[:core.MaxRerankTexts]...)
	if _, err := r.Rerank(r.ctx, rerankQuestion, manyDifferent[:core.MaxRerankTexts+1]); !core.Is(err, core.CodeValidation) {
		r.t.Errorf("too many texts are answered with %v", err)
	}
}

func sameOrder(r *reranking) {
	if a, b := r.must(rerankQuestion, rerankTexts...), r.must(rerankQuestion, rerankTexts...); !slices.Equal(a, b) {
		r.t.Errorf("asked twice: %v and %v", a, b)
	}
}

func doneContextGetsNoScores(r *reranking) {
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	for _, texts := range [][]string{{"a"}, nil} {
		if _, err := r.Rerank(ctx, rerankQuestion, texts); !errors.Is(err, context.Canceled) || core.Is(err, core.CodeUnavailable) {
			r.t.Errorf("a done context is answered with %v", err)
		}
	}
}

func rerankingAtOnce(r *reranking) {
	want := r.must(rerankQuestion, rerankTexts...)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := r.Rerank(r.ctx, rerankQuestion, rerankTexts); err != nil || !slices.Equal(got, want) {
				r.t.Errorf("at once: %v, %v; want %v", got, err, want)
			}
		})
	}
	wg.Wait()
}

func brokenRerankerIsUnavailable(r *reranking) {
	_, err := r.Rerank(r.ctx, secretText, []string{secretText})
	mustFailQuietly(r.t, err, core.CodeUnavailable)
}

func rerankerRefuses(r *reranking) {
	_, err := r.Rerank(r.ctx, secretText, []string{secretText})
	mustFailQuietly(r.t, err, core.CodeBadRequest)
}
