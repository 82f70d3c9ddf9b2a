package main

import (
	"context"
	"crypto/rand"
	"net/http/httptest"
	"time"

	"github.com/raven-memory/raven/adapters/openai"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/test/modelserver"
)

// embedder asks averaged word vectors of a stand-in for a server of models, over
// real HTTP.
func embedder(path string) (e *openai.Embedder, stop func(), err error) {
	words, err := modelserver.NewWithWordVectors(path)
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(words)
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
