package openai

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

const (
	passageTries = 4
	// bytesPerNumber bounds an answer: a float32 as text takes about 13 bytes.
	bytesPerNumber = 40
	answerOverhead = 64 << 10
)

// EmbedderOptions say how to ask for vectors.
type EmbedderOptions struct {
	Server
	Dimensions   int           // asked for; 0 for the model's own
	Batch        int           // texts of one request; 1 to core.MaxEmbedTexts
	Timeout      time.Duration // of one request for passages
	QueryTimeout time.Duration // of a request for a query, which is tried once
	// QueryPrefix and PassagePrefix come before each text of a purpose, for
	// models that were trained so.
	QueryPrefix   string
	PassagePrefix string
	Concurrency   int // requests for passages under way; 0 for 2
}

// queryConcurrency is the requests for queries under way: each has somebody who
// waits for it, and no longer than QueryTimeout.
const queryConcurrency = 32

// Embedder is a ports.Embedder.
type Embedder struct {
	opt               EmbedderOptions
	queries, passages *client // apart, so that neither waits for the other
}

var _ ports.Embedder = (*Embedder)(nil)

// NewEmbedder makes one. Nothing is asked before the first text.
func NewEmbedder(opt EmbedderOptions) *Embedder {
	if opt.Concurrency <= 0 {
		opt.Concurrency = 2
	}
	opt.Batch = min(max(opt.Batch, 1), core.MaxEmbedTexts)
	answer := int64(opt.Batch)*core.MaxEmbedDimensions*bytesPerNumber + answerOverhead
	return &Embedder{
		opt:      opt,
		passages: newClient(opt.Server, limits{timeout: opt.Timeout, tries: passageTries, concurrency: opt.Concurrency, answer: answer}),
		queries:  newClient(opt.Server, limits{timeout: opt.QueryTimeout, tries: 1, concurrency: queryConcurrency, answer: answer}),
	}
}

// Model names the model, and a prefix of passages with it: vectors made with
// another do not compare.
func (e *Embedder) Model() core.EmbeddingModel {
	name := e.opt.Model
	if e.opt.PassagePrefix != "" {
		name += " " + strconv.Quote(e.opt.PassagePrefix)
	}
	return core.EmbeddingModel{Name: name, Dimensions: e.opt.Dimensions}
}

// Stats counts the requests of both purposes.
func (e *Embedder) Stats() Stats {
	p, q := e.passages.stats(), e.queries.stats()
	return Stats{Calls: p.Calls + q.Calls, Failures: p.Failures + q.Failures}
}

// Close closes idle connections.
func (e *Embedder) Close() {
	e.passages.close()
	e.queries.close()
}

// Embed computes vectors, batch by batch.
func (e *Embedder) Embed(ctx context.Context, texts []string, purpose core.EmbedPurpose) ([][]float32, error) {
	if len(texts) > core.MaxEmbedTexts {
		return nil, core.Invalid("texts", fmt.Sprintf("must be at most %d", core.MaxEmbedTexts), len(texts))
	}
	c, prefix := e.passages, e.opt.PassagePrefix
	if purpose == core.EmbedQuery {
		c, prefix = e.queries, e.opt.QueryPrefix
	}
	input := make([]string, len(texts))
	for i, text := range texts {
		input[i] = prefix + cut(text, core.MaxEmbedBytes)
	}
	vectors := make([][]float32, 0, len(texts))
	dimensions := e.opt.Dimensions
	for len(input) > 0 {
		n := min(len(input), e.opt.Batch)
		batch, err := e.embed(ctx, c, input[:n], dimensions)
		if err != nil {
			return nil, err
		}
		vectors, input, dimensions = append(vectors, batch...), input[n:], len(batch[0])
	}
	return vectors, ctx.Err()
}

type embeddingsRequest struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Dimensions int      `json:"dimensions,omitempty"`
	// EncodingFormat is said because not every server's default is the same.
	EncodingFormat string `json:"encoding_format"`
}

type embeddingsAnswer struct {
	Data []struct {
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	} `json:"data"`
}

// embed makes one request. dimensions is what is expected, 0 for any.
func (e *Embedder) embed(ctx context.Context, c *client, input []string, dimensions int) ([][]float32, error) {
	var answer embeddingsAnswer
	var vectors [][]float32
	request := embeddingsRequest{Model: e.opt.Model, Input: input, Dimensions: e.opt.Dimensions, EncodingFormat: "float"}
	err := c.ask(ctx, pathEmbeddings, request, &answer, func() (err error) {
		vectors, err = answer.vectors(len(input), dimensions)
		return err
	})
	return vectors, err
}

// vectors puts an answer in order. All must be there once, of one length.
func (a *embeddingsAnswer) vectors(n, dimensions int) ([][]float32, error) {
	if len(a.Data) != n {
		return nil, fmt.Errorf("%d vectors for %d texts", len(a.Data), n)
	}
	out := make([][]float32, n)
	for _, d := range a.Data {
		if d.Index < 0 || d.Index >= n || out[d.Index] != nil {
			return nil, errors.New("vectors have no order")
		}
		if dimensions == 0 {
			dimensions = len(d.Embedding)
		}
		if len(d.Embedding) == 0 || len(d.Embedding) != dimensions || dimensions > core.MaxEmbedDimensions {
			return nil, fmt.Errorf("a vector of %d dimensions, not %d", len(d.Embedding), dimensions)
		}
		for _, v := range d.Embedding {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, errors.New("a number that is none")
			}
		}
		out[d.Index] = d.Embedding
	}
	return out, nil
}

// cut shortens text to at most so many bytes, between characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
