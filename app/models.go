package app

import (
	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/adapters/openai"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core/facts"
	"github.com/raven-memory/raven/core/recall"
)

// models are who does a model's work; nil for nobody.
type models struct {
	embedder  *openai.Embedder
	reranker  *openai.Reranker
	extractor *openai.Extractor
}

// openModels makes what asks models, as it is configured. None is asked yet.
func (a *App) openModels() {
	if e := a.cfg.Embedder; e.Provider == config.ModelsOpenAI {
		a.models.embedder = openai.NewEmbedder(openai.EmbedderOptions{
			Server: a.modelServer(e.Model), Dimensions: int(e.Dimensions), Batch: int(e.Batch),
			Timeout: e.Timeout, QueryTimeout: e.QueryTimeout, QueryPrefix: e.QueryPrefix, PassagePrefix: e.PassagePrefix,
			Concurrency: embedWorkers,
		})
	}
	if r := a.cfg.Reranker; r.Provider != config.ModelsNone {
		a.models.reranker = openai.NewReranker(openai.RerankerOptions{
			Server: a.modelServer(r.Model), Timeout: r.Timeout, TEI: r.Provider == config.RerankerTEI,
		})
	}
	if x := a.cfg.Extractor; x.Provider == config.ModelsOpenAI {
		a.models.extractor = openai.NewExtractor(openai.ExtractorOptions{Server: a.modelServer(x.Model), Timeout: x.Timeout})
	}
}

func (a *App) modelServer(m config.Model) openai.Server {
	return openai.Server{URL: m.URL, Model: m.Model, APIKey: m.APIKey.Reveal(), Through: a.transport()}
}

// extractor is what finds facts, as it is configured; nil for nothing.
func (a *App) extractor() facts.Extractor {
	switch a.cfg.Extractor.Provider {
	case config.ExtractorRules:
		return rules{}
	case config.ModelsOpenAI:
		return observe.NewExtractor(a.models.extractor, a.hooks...)
	}
	return nil
}

func (a *App) vectors() *recall.Vectors {
	if a.models.embedder == nil {
		return nil
	}
	return &recall.Vectors{
		Embedder: observe.NewEmbedder(a.models.embedder, a.hooks...), Derived: a.store, Sealer: a.sealing, IDs: a.ids, Wanted: a.embedding.want,
	}
}

func (a *App) reranking() *recall.Reranking {
	if a.models.reranker == nil {
		return nil
	}
	return &recall.Reranking{Reranker: observe.NewReranker(a.models.reranker, a.hooks...), Top: int(a.cfg.Reranker.Top)}
}

// close closes connections.
func (m models) close() {
	if m.embedder != nil {
		m.embedder.Close()
	}
	if m.reranker != nil {
		m.reranker.Close()
	}
	if m.extractor != nil {
		m.extractor.Close()
	}
}

// addModelFigures tells of each model that is asked.
func (a *App) addModelFigures() {
	add := func(model string, stats func() openai.Stats) {
		label := map[string]string{"model": model}
		a.metrics.Counter("raven_model_requests_total", "Requests to a server of models, each try by itself.", label,
			func() uint64 { return uint64(stats().Calls) }) //nolint:gosec // never negative
		a.metrics.Counter("raven_model_failures_total", "Requests to a server of models that failed.", label,
			func() uint64 { return uint64(stats().Failures) }) //nolint:gosec // never negative
	}
	if m := a.models.embedder; m != nil {
		add("embedder", m.Stats)
		a.metrics.Gauge("raven_embedding_waiting", "Users some of whose memory is still to be embedded.", nil,
			func() float64 { return float64(a.embedding.waiting()) })
	}
	if m := a.models.reranker; m != nil {
		add("reranker", m.Stats)
	}
	if m := a.models.extractor; m != nil {
		add("extractor", m.Stats)
	}
}
