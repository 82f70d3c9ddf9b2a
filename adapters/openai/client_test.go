package openai_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/openai"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/modelserver"
)

func embedOne(e *openai.Embedder, purpose core.EmbedPurpose) error {
	_, err := e.Embed(context.Background(), []string{"a text"}, purpose)
	return err
}

func TestPassagesAreTriedAgainAndQueriesAreNot(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := &modelserver.Server{}
			e := embedder(t, openai.EmbedderOptions{Server: serve(t, s)})
			s.Fail(modelserver.Failure{Status: status}, modelserver.Failure{Status: status})
			if err := embedOne(e, core.EmbedPassage); err != nil || s.Calls("/embeddings") != 3 {
				t.Errorf("after %d calls: %v", s.Calls("/embeddings"), err)
			}
			s.Fail(modelserver.Failure{Status: status})
			if err := embedOne(e, core.EmbedQuery); !core.Is(err, core.CodeUnavailable) || s.Calls("/embeddings") != 4 {
				t.Errorf("a query, after %d calls: %v", s.Calls("/embeddings"), err)
			}
			if got := e.Stats(); got != (openai.Stats{Calls: 4, Failures: 3}) {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	s := &modelserver.Server{}
	e := embedder(t, openai.EmbedderOptions{Server: serve(t, s)})
	s.Fail(modelserver.Failure{Status: http.StatusTooManyRequests, RetryAfter: "2"})
	start := time.Now()
	if err := embedOne(e, core.EmbedPassage); err != nil || time.Since(start) < 2*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	// What asks for more than anybody waits is not waited for.
	s.Fail(modelserver.Failure{Status: http.StatusServiceUnavailable, RetryAfter: "86400"})
	if err := embedOne(e, core.EmbedPassage); !core.Is(err, core.CodeUnavailable) || s.Calls("/embeddings") != 3 {
		t.Errorf("after %d calls: %v", s.Calls("/embeddings"), err)
	}
}

func TestAnswersThatAreNotWhatWasAskedAreRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no JSON": "hello", "nothing": "{}", "empty": `{"data":[]}`, "an error with 200": `{"error":{"message":"no"}}`,
		"too few":      `{"data":[{"index":0,"embedding":[1,2]}]}`,
		"index twice":  `{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`,
		"index beyond": `{"data":[{"index":0,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}`,
		"lengths":      `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1,2,3]}]}`,
		"no numbers":   `{"data":[{"index":0,"embedding":["x"]},{"index":1,"embedding":[1]}]}`,
		"too large":    `{"data":[{"index":0,"embedding":[1e39]},{"index":1,"embedding":[1]}]}`,
		"no dimension": `{"data":[{"index":0,"embedding":[]},{"index":1,"embedding":[]}]}`,
		"too many":     `{"data":[{"index":0,"embedding":[` + strings.Repeat("0,", core.MaxEmbedDimensions) + `0]},{"index":1,"embedding":[0]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := embedder(t, openai.EmbedderOptions{Server: always(t, modelserver.Failure{Status: http.StatusOK, Body: body})})
			if got, err := e.Embed(t.Context(), []string{"a", "b"}, core.EmbedPassage); !core.Is(err, core.CodeUnavailable) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	for name, body := range map[string]string{
		"no JSON": "hello", "nothing": "{}", "too few": `{"results":[{"index":0,"relevance_score":1}]}`,
		"twice":    `{"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]}`,
		"no score": `{"results":[{"index":0,"relevance_score":1},{"index":1}]}`,
	} {
		t.Run("rerank "+name, func(t *testing.T) {
			t.Parallel()
			r := reranker(t, always(t, modelserver.Failure{Status: http.StatusOK, Body: body}), false)
			if got, err := r.Rerank(t.Context(), "q", []string{"a", "b"}); !core.Is(err, core.CodeUnavailable) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestOtherDimensionsThanAskedForAreRefused(t *testing.T) {
	t.Parallel()
	body := `{"data":[{"index":0,"embedding":[1,2,3]}]}`
	e := embedder(t, openai.EmbedderOptions{Server: always(t, modelserver.Failure{Status: http.StatusOK, Body: body}), Dimensions: 4})
	if err := embedOne(e, core.EmbedPassage); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	server := listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte(" "), 1<<16)
		for {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	e := embedder(t, openai.EmbedderOptions{Server: server, Batch: 1})
	if err := embedOne(e, core.EmbedPassage); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("got %v", err)
	}
	if n := written.Load(); n > 64<<20 {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestASlowServerIsUnavailableInTime(t *testing.T) {
	t.Parallel()
	s := &modelserver.Server{}
	e := embedder(t, openai.EmbedderOptions{Server: serve(t, s), QueryTimeout: 50 * time.Millisecond})
	s.Fail(modelserver.Failure{Hang: true})
	start := time.Now()
	if err := embedOne(e, core.EmbedQuery); !core.Is(err, core.CodeUnavailable) || time.Since(start) > patience/2 {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// TestADeadServerIsSparedAndFoundAgain holds that after failures in a row nobody
// waits for the server, and that what a caller gave up counts as none.
func TestADeadServerIsSparedAndFoundAgain(t *testing.T) {
	t.Parallel()
	s := &modelserver.Server{}
	e := embedder(t, openai.EmbedderOptions{Server: serve(t, s)})
	s.Slow(time.Hour)
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := e.Embed(ctx, []string{"a"}, core.EmbedQuery)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("given up: %v", err)
		}
	}
	s.Slow(0)
	if err := embedOne(e, core.EmbedQuery); err != nil {
		t.Fatalf("after callers that gave up: %v", err)
	}
	before := s.Calls("/embeddings")
	s.Fail(make500(5)...)
	for range 50 {
		if err := embedOne(e, core.EmbedQuery); !core.Is(err, core.CodeUnavailable) {
			t.Fatalf("broken: %v", err)
		}
	}
	if n := s.Calls("/embeddings") - before; n != 5 {
		t.Errorf("a dead server was asked %d times", n)
	}
	deadline := time.Now().Add(patience)
	for embedOne(e, core.EmbedQuery) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the server is not found again")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// llama.cpp answers 500 to a text of more tokens than it takes.
func TestFailureOfALongTextIsTheTextsAlone(t *testing.T) {
	t.Parallel()
	s := &modelserver.Server{}
	e := embedder(t, openai.EmbedderOptions{Server: serve(t, s)})
	s.Fail(make500(20)...)
	for range 20 { // more than break the breaker
		if _, err := e.Embed(t.Context(), []string{strings.Repeat("long ", 500)}, core.EmbedPassage); !core.Is(err, core.CodeBadRequest) {
			t.Fatalf("a text that is too long: %v", err)
		}
	}
	if n := s.Calls("/embeddings"); n != 20 {
		t.Errorf("it was asked %d times", n)
	}
	if err := embedOne(e, core.EmbedPassage); err != nil {
		t.Errorf("a short text after it: %v", err)
	}
}

func make500(n int) []modelserver.Failure {
	list := make([]modelserver.Failure, n)
	for i := range list {
		list[i].Status = http.StatusInternalServerError
	}
	return list
}

func TestRefusalsDoNotBreakTheServerForOthers(t *testing.T) {
	t.Parallel()
	s := &modelserver.Server{}
	e := embedder(t, openai.EmbedderOptions{Server: serve(t, s)})
	for range 20 {
		s.Fail(modelserver.Failure{Status: http.StatusUnprocessableEntity})
		if err := embedOne(e, core.EmbedPassage); !core.Is(err, core.CodeBadRequest) {
			t.Fatalf("refused with %v", err)
		}
	}
	if err := embedOne(e, core.EmbedPassage); err != nil {
		t.Errorf("after refusals: %v", err)
	}
}

func TestTheKeyIsSentAndToldToNobody(t *testing.T) {
	t.Parallel()
	s := &modelserver.Server{}
	server := serve(t, s)
	if err := embedOne(embedder(t, openai.EmbedderOptions{Server: server}), core.EmbedQuery); err != nil {
		t.Errorf("with the key: %v", err)
	}
	server.APIKey = "sk-wrong-key-0815"
	err := embedOne(embedder(t, openai.EmbedderOptions{Server: server}), core.EmbedQuery)
	if !core.Is(err, core.CodeUnavailable) || strings.Contains(fmt.Sprintf("%+v %#v", err, errors.Unwrap(err)), "0815") {
		t.Errorf("with a wrong key: %v", err)
	}
	var reached atomic.Bool
	other := listen(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	from := listen(t, http.RedirectHandler(other.URL+"embeddings", http.StatusTemporaryRedirect))
	if err := embedOne(embedder(t, openai.EmbedderOptions{Server: from}), core.EmbedQuery); !core.Is(err, core.CodeUnavailable) || reached.Load() {
		t.Errorf("a redirect was followed: %v", err)
	}
}
