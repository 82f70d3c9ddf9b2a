package openai_test

import (
	"net/http"
	"testing"

	"github.com/raven-memory/raven/adapters/openai"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/contract"
	"github.com/raven-memory/raven/test/modelserver"
)

var refusal = modelserver.Failure{Status: http.StatusBadRequest, Body: `{"error":{"message":"input is too long: Geheimnis-4711"}}`}

func TestEmbedderContract(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]openai.EmbedderOptions{
		"plain": {}, "one a request": {Batch: 1}, "dimensions and prefixes": {Dimensions: 32, QueryPrefix: "query: ", PassagePrefix: "passage: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func(t *testing.T, s openai.Server) ports.Embedder {
				own := opt
				own.Server = s
				return embedder(t, own)
			}
			contract.Embedder(t, contract.Embedders{
				Open:     func(t *testing.T) ports.Embedder { return open(t, serve(t, &modelserver.Server{})) },
				Broken:   func(t *testing.T) ports.Embedder { return open(t, nowhere(t)) },
				Refusing: func(t *testing.T) ports.Embedder { return open(t, always(t, refusal)) },
			})
		})
	}
}

func TestRerankerContract(t *testing.T) {
	t.Parallel()
	for name, tei := range map[string]bool{"common": false, "TEI": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract.Reranker(t, contract.Rerankers{
				Open:     func(t *testing.T) ports.Reranker { return reranker(t, serve(t, &modelserver.Server{}), tei) },
				Broken:   func(t *testing.T) ports.Reranker { return reranker(t, nowhere(t), tei) },
				Refusing: func(t *testing.T) ports.Reranker { return reranker(t, always(t, refusal), tei) },
			})
		})
	}
}
