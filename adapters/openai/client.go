// Package openai asks models on any server that speaks OpenAI's HTTP API, as
// Ollama, vLLM, llama.cpp, TEI, LiteLLM and OpenAI do: for vectors of texts, for
// an order of texts by a question, and for facts.
//
// It speaks through net/http. OpenAI's own library takes its key, address and
// organisation from the environment, tells the machine's platform in headers,
// reads answers without a bound, and knows no /rerank.
package openai

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	dialTimeout    = 5 * time.Second
	maxHeaderBytes = 64 << 10
	userAgent      = "Raven/1"
	// breakAfter is how many failures in a row open the breaker, and breakFor how
	// long it then stays open before one request may try.
	breakAfter = 5
	breakFor   = 5 * time.Second
	// firstPause is before the second try; each further one is twice as long. A
	// server that asks for more is given it up to longestPause.
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// Server is where a model answers.
type Server struct {
	URL    string // with the path that comes before /embeddings and the others: https://api.openai.com/v1
	Model  string
	APIKey string // sent as a bearer token; "" for none

	// Through wraps what requests go through; nil for nothing.
	Through func(http.RoundTripper) http.RoundTripper
}

// Stats counts requests since the start, each try by itself.
type Stats struct {
	Calls    int64
	Failures int64
}

// client makes requests to one server. Safe for concurrent use.
type client struct {
	server  Server
	http    *http.Client
	breaker *gobreaker.CircuitBreaker[[]byte]
	slots   chan struct{} // one for each request that may be under way
	timeout time.Duration // of one try
	tries   int
	most    int64 // bytes of an answer

	calls, failures atomic.Int64
}

// limits are what a client keeps to.
type limits struct {
	timeout     time.Duration
	tries       int
	concurrency int
	answer      int64 // bytes
}

func newClient(server Server, l limits) *client {
	server.URL = strings.TrimRight(server.URL, "/")
	c := &client{
		server: server, timeout: l.timeout, tries: l.tries, most: l.answer,
		slots: make(chan struct{}, l.concurrency),
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:                  nil, // none of the environment's
				DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    dialTimeout,
				ForceAttemptHTTP2:      true,
				MaxConnsPerHost:        l.concurrency,
				MaxIdleConnsPerHost:    l.concurrency,
				IdleConnTimeout:        time.Minute,
				MaxResponseHeaderBytes: maxHeaderBytes,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		breaker: gobreaker.NewCircuitBreaker[[]byte](gobreaker.Settings{
			Timeout:      breakFor,
			ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= breakAfter },
			IsSuccessful: func(err error) bool { return err == nil || refused(err) },
			IsExcluded:   func(err error) bool { return errors.Is(err, errGivenUp) },
		}),
	}
	if server.Through != nil {
		c.http.Transport = server.Through(c.http.Transport)
	}
	return c
}

// stats gives the figures of the moment.
func (c *client) stats() Stats { return Stats{Calls: c.calls.Load(), Failures: c.failures.Load()} }

func (c *client) close() { c.http.CloseIdleConnections() }

// ask posts a request and reads the answer, which check then looks at. It tries
// again what may go better in a moment.
func (c *client) ask(ctx context.Context, path string, request, answer any, check func() error) error {
	body, err := json.Marshal(request)
	if err != nil {
		return translate(ctx, err)
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		_, err := c.breaker.Execute(func() ([]byte, error) { return nil, c.try(ctx, path, body, answer, check) })
		if err == nil || try >= c.tries || !passing(err) || !pause(ctx, try, err) {
			return translate(ctx, err)
		}
	}
}

// try makes one request.
func (c *client) try(ctx context.Context, path string, body []byte, answer any, check func() error) error {
	c.calls.Add(1)
	raw, err := c.post(ctx, path, body)
	if err == nil {
		if err = json.Unmarshal(raw, answer); err == nil {
			err = check()
		}
		if err != nil {
			err = &malformedError{err}
		}
	}
	if err == nil {
		return nil
	}
	c.failures.Add(1)
	if ctx.Err() != nil { // the caller's doing, which says nothing about the server
		return errors.Join(errGivenUp, err)
	}
	return err
}

func (c *client) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if c.server.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.server.APIKey)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxHeaderBytes)) // so that the connection serves again
		return nil, &statusError{
			status: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After"), time.Now()),
			long: path == pathEmbeddings && len(body) > longBody,
		}
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, c.most+1))
	if err == nil && int64(len(raw)) > c.most {
		err = errTooLong
	}
	return raw, err
}

// pause waits before the next try, and reports whether there may be one.
func pause(ctx context.Context, try int, err error) bool {
	wait := firstPause << (try - 1)
	wait += rand.N(wait / 4) //nolint:gosec // only to come at different times
	var said *statusError
	if errors.As(err, &said) {
		wait = max(wait, said.after)
	}
	if wait > longestPause {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
