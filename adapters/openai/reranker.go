package openai

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Somebody waits for each request to a reranker.
const (
	rerankConcurrency = 16
	maxRerankAnswer   = 8 << 20 // some servers give the texts back
)

// RerankerOptions say how to ask for an order.
type RerankerOptions struct {
	Server
	Timeout time.Duration // of a request, which is tried once
	TEI     bool          // the server is Hugging Face's text-embeddings-inference
}

// Reranker is a ports.Reranker by the request that the servers of Cohere, Jina,
// vLLM, llama.cpp and others have in common, or by that of
// text-embeddings-inference.
type Reranker struct {
	client *client
	opt    RerankerOptions
}

var _ ports.Reranker = (*Reranker)(nil)

// NewReranker makes one. Nothing is asked before the first question.
func NewReranker(opt RerankerOptions) *Reranker {
	l := limits{timeout: opt.Timeout, tries: 1, concurrency: rerankConcurrency, answer: maxRerankAnswer}
	return &Reranker{client: newClient(opt.Server, l), opt: opt}
}

// Stats counts the requests.
func (r *Reranker) Stats() Stats { return r.client.stats() }

// Close closes idle connections.
func (r *Reranker) Close() { r.client.close() }

type rerankRequest struct {
	Model     string   `json:"model"`
	Query     string   `json:"query"`
	Documents []string `json:"documents"`
	TopN      int      `json:"top_n"`
}

type teiRequest struct {
	Query    string   `json:"query"`
	Texts    []string `json:"texts"`
	Truncate bool     `json:"truncate"`
}

type rerankAnswer struct {
	Results []scored `json:"results"`
}

type scored struct {
	Index int      `json:"index"`
	Score *float64 `json:"relevance_score"`
}

// teiScored is scored under other names.
type teiScored struct {
	Index int      `json:"index"`
	Score *float64 `json:"score"`
}

// Rerank scores the texts.
func (r *Reranker) Rerank(ctx context.Context, query string, texts []string) ([]float64, error) {
	if len(texts) == 0 {
		return nil, ctx.Err()
	}
	if len(texts) > core.MaxRerankTexts {
		return nil, core.Invalid("texts", fmt.Sprintf("must be at most %d", core.MaxRerankTexts), len(texts))
	}
	documents := make([]string, len(texts))
	for i, text := range texts {
		documents[i] = cut(text, core.MaxEmbedBytes)
	}
	query = cut(query, core.MaxEmbedBytes)
	var scores []float64
	if r.opt.TEI {
		var answer []teiScored
		err := r.client.ask(ctx, "/rerank", teiRequest{Query: query, Texts: documents, Truncate: true}, &answer, func() (err error) {
			list := make([]scored, len(answer))
			for i, a := range answer {
				list[i] = scored(a)
			}
			scores, err = inOrder(list, len(texts))
			return err
		})
		return scores, err
	}
	var answer rerankAnswer
	request := rerankRequest{Model: r.opt.Model, Query: query, Documents: documents, TopN: len(texts)}
	err := r.client.ask(ctx, "/rerank", request, &answer, func() (err error) {
		scores, err = inOrder(answer.Results, len(texts))
		return err
	})
	return scores, err
}

// inOrder gives n scores in the order of the texts. All must be there once.
func inOrder(list []scored, n int) ([]float64, error) {
	if len(list) != n {
		return nil, fmt.Errorf("%d scores for %d texts", len(list), n)
	}
	out := make([]float64, n)
	seen := make([]bool, n)
	for _, s := range list {
		if s.Index < 0 || s.Index >= n || seen[s.Index] || s.Score == nil {
			return nil, errors.New("scores have no order")
		}
		if math.IsNaN(*s.Score) || math.IsInf(*s.Score, 0) {
			return nil, errors.New("a score that is none")
		}
		out[s.Index], seen[s.Index] = *s.Score, true
	}
	return out, nil
}
