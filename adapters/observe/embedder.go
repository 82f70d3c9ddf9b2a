package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// NewEmbedder wraps an embedder.
func NewEmbedder(next ports.Embedder, list ...Hook) ports.Embedder {
	return embedder{next, newHooks(list)}
}

// NewReranker wraps a reranker.
func NewReranker(next ports.Reranker, list ...Hook) ports.Reranker {
	return reranker{next, newHooks(list)}
}

type embedder struct {
	next ports.Embedder
	hooks
}

func (o embedder) Model() core.EmbeddingModel { return o.next.Model() }

func (o embedder) Embed(ctx context.Context, texts []string, purpose core.EmbedPurpose) ([][]float32, error) {
	return get(ctx, o.hooks, Call{"Embedder", "Embed"}, func(ctx context.Context) ([][]float32, error) {
		return o.next.Embed(ctx, texts, purpose)
	})
}

type reranker struct {
	next ports.Reranker
	hooks
}

func (o reranker) Rerank(ctx context.Context, query string, texts []string) ([]float64, error) {
	return get(ctx, o.hooks, Call{"Reranker", "Rerank"}, func(ctx context.Context) ([]float64, error) {
		return o.next.Rerank(ctx, query, texts)
	})
}

// Extractor finds facts in interactions.
type Extractor interface {
	// Extract is core/facts' Extractor's.
	Extract(ctx context.Context, list []core.Interaction) ([]core.FactCandidate, error)
}

// NewExtractor wraps an extractor.
func NewExtractor(next Extractor, list ...Hook) Extractor { return extractor{next, newHooks(list)} }

type extractor struct {
	next Extractor
	hooks
}

func (o extractor) Extract(ctx context.Context, list []core.Interaction) ([]core.FactCandidate, error) {
	return get(ctx, o.hooks, Call{"Extractor", "Extract"}, func(ctx context.Context) ([]core.FactCandidate, error) {
		return o.next.Extract(ctx, list)
	})
}
