package openai_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/openai"
	"github.com/raven-memory/raven/test/modelserver"
)

const testKey = "sk-test-4711"

// serve starts a stand-in for a server of models.
func serve(t *testing.T, s *modelserver.Server) openai.Server {
	t.Helper()
	s.Key = testKey
	return listen(t, http.StripPrefix("/v1", s))
}

func listen(t *testing.T, h http.Handler) openai.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return openai.Server{URL: server.URL + "/v1/", Model: "stand-in", APIKey: testKey}
}

// nowhere is a server that nobody is.
func nowhere(t *testing.T) openai.Server {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return openai.Server{URL: server.URL, Model: "stand-in", APIKey: testKey}
}

// always answers every request so.
func always(t *testing.T, f modelserver.Failure) openai.Server {
	t.Helper()
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	}))
}

const patience = 30 * time.Second

func embedder(t *testing.T, opt openai.EmbedderOptions) *openai.Embedder {
	t.Helper()
	if opt.Timeout == 0 {
		opt.Timeout = patience
	}
	if opt.QueryTimeout == 0 {
		opt.QueryTimeout = patience
	}
	if opt.Batch == 0 {
		opt.Batch = 32
	}
	e := openai.NewEmbedder(opt)
	t.Cleanup(e.Close)
	return e
}

func reranker(t *testing.T, server openai.Server, tei bool) *openai.Reranker {
	t.Helper()
	r := openai.NewReranker(openai.RerankerOptions{Server: server, Timeout: patience, TEI: tei})
	t.Cleanup(r.Close)
	return r
}
