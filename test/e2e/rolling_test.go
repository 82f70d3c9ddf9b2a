package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

const (
	rollingWorkers  = 8
	rollingRestarts = 4
	rollingDrain    = 5 * time.Second // much more than the balancer needs to see it
)

// TestRollingRestartOfTwoNodesDropsNoRequest restarts two nodes on one Redis in
// turn, again and again, under load that repeats nothing: what a balancer of
// requests sends, and what one of connections does, which leaves those open that
// there are.
func TestRollingRestartOfTwoNodesDropsNoRequest(t *testing.T) {
	t.Parallel()
	r := newRolling(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range rollingWorkers {
		w := rollingWorker{rolling: r, id: i, balancer: r.perRequest()}
		if i%2 == 1 {
			w.balancer = r.perConnection()
		}
		wg.Go(func() { w.run(ctx) })
	}
	restarts := kills(rollingRestarts)
	for i := range restarts {
		before := r.sent.Load()
		r.restart(i % len(r.nodes))
		waitFor(t, "requests to go on", func() bool { return r.sent.Load() > before+rollingWorkers })
	}
	cancel()
	wg.Wait()
	t.Logf("restarts %d, requests %d, failures %d", restarts, r.sent.Load(), r.failed.Load())
	r.checkAcknowledged()
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// rolling is two nodes, what balances requests over them, and what was sent.
type rolling struct {
	t     *testing.T
	dir   string
	env   []string
	owner *client
	nodes [2]rollingNode
	turn  atomic.Int64

	sent, failed atomic.Int64
	mu           sync.Mutex
	acknowledged []string
}

type rollingNode struct {
	server *process.Server
	url    atomic.Pointer[string]
	ready  atomic.Bool
}

func newRolling(t *testing.T) *rolling {
	t.Helper()
	r := &rolling{t: t, dir: t.TempDir()}
	r.env = append(onRedis(backend.Redis(t).URL()), "RAVEN_HTTP_DRAIN="+rollingDrain.String(),
		"RAVEN_HTTP_REQUEST_TIMEOUT=60s", "RAVEN_HTTP_SHUTDOWN_TIMEOUT=60s")
	for i := range r.nodes {
		r.start(i)
		go r.probe(&r.nodes[i])
	}
	r.owner = register(t, *r.nodes[0].url.Load(), "rolling", object{"batch_size": 7})
	r.owner.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	for i := range rollingWorkers {
		r.owner.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": fmt.Sprint("c", i)})
	}
	return r
}

func (r *rolling) start(i int) {
	r.t.Helper()
	n := &r.nodes[i]
	n.server = start(r.t, r.dir, r.env...)
	n.url.Store(&n.server.URL)
}

// probe asks a node as a load balancer does whether it is ready.
func (r *rolling) probe(n *rollingNode) {
	client := http.Client{Timeout: patience}
	for r.t.Context().Err() == nil {
		answer, err := client.Get(*n.url.Load() + "/readyz")
		if err == nil {
			answer.Body.Close()
		}
		n.ready.Store(err == nil && answer.StatusCode == http.StatusOK)
		time.Sleep(50 * time.Millisecond)
	}
}

func (r *rolling) restart(i int) {
	r.t.Helper()
	n := &r.nodes[i]
	waitFor(r.t, "both nodes", func() bool { return r.nodes[0].ready.Load() && r.nodes[1].ready.Load() })
	if code := n.server.Stop(); code != 0 {
		r.t.Errorf("the node ended with %d; it said:\n%s", code, n.server.Log())
	}
	r.start(i)
}

// pick gives the ready nodes' addresses in turn.
func (r *rolling) pick(ctx context.Context) (string, error) {
	for ctx.Err() == nil {
		if n := &r.nodes[r.turn.Add(1)%int64(len(r.nodes))]; n.ready.Load() {
			return strings.TrimPrefix(*n.url.Load(), "http://"), nil
		}
		time.Sleep(time.Millisecond)
	}
	return "", ctx.Err()
}

// balancer sends one request and never a second time.
type balancer func(ctx context.Context, r *http.Request) (*http.Response, error)

// perRequest chooses a node for each request, and keeps connections.
func (r *rolling) perRequest() balancer {
	transport := &http.Transport{IdleConnTimeout: rollingDrain / 2}
	return func(ctx context.Context, q *http.Request) (*http.Response, error) {
		var err error
		if q.URL.Host, err = r.pick(ctx); err != nil {
			return nil, err
		}
		return transport.RoundTrip(q)
	}
}

// perConnection chooses a node for each connection, and keeps it.
func (r *rolling) perConnection() balancer {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		address, err := r.pick(ctx)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	transport := &http.Transport{DialContext: dial, IdleConnTimeout: rollingDrain / 2}
	return func(_ context.Context, q *http.Request) (*http.Response, error) {
		q.URL.Host = "raven"
		return transport.RoundTrip(q)
	}
}

type rollingWorker struct {
	*rolling
	id       int
	balancer balancer
}

func (w rollingWorker) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		content := fmt.Sprintf("worker %d part %d", w.id, n)
		ingest := fmt.Sprintf("/conversations/ext:c%d/memory", w.id)
		if w.ask(ctx, ingest, object{"interactions": []object{interaction(content)}}, http.StatusCreated) {
			w.mu.Lock()
			w.acknowledged = append(w.acknowledged, content)
			w.mu.Unlock()
		}
		w.ask(ctx, "/context", object{"query": content, "max_tokens": 64}, http.StatusOK)
	}
}

// ask reports whether a request got the answer that it should.
func (w rollingWorker) ask(ctx context.Context, path string, body object, want int) bool {
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Error(err)
		return false
	}
	q, err := http.NewRequest(http.MethodPost, "http://raven/api/v1/users/ext:u"+path, bytes.NewReader(raw))
	if err != nil {
		w.t.Error(err)
		return false
	}
	q.GetBody = nil // so that the library repeats nothing either
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+w.owner.key)
	answer, err := w.balancer(ctx, q)
	if errors.Is(err, context.Canceled) {
		return false // before it was sent
	}
	w.sent.Add(1)
	if err == nil {
		defer answer.Body.Close()
		if raw, err = io.ReadAll(answer.Body); err == nil && answer.StatusCode != want {
			err = fmt.Errorf("%d: %s", answer.StatusCode, raw)
		}
	}
	if err != nil {
		w.failed.Add(1)
		w.t.Errorf("%s: %v", path, err)
	}
	return err == nil
}

// checkAcknowledged looks for everything that was acknowledged, once each.
func (r *rolling) checkAcknowledged() {
	r.t.Helper()
	r.owner.url = *r.nodes[0].url.Load()
	got := map[string]int{}
	for i := range rollingWorkers {
		for _, in := range r.owner.pages(r.t, fmt.Sprintf("/api/v1/users/ext:u/conversations/ext:c%d/memory", i)) {
			got[fmt.Sprint(in["content"])]++
		}
	}
	for _, content := range r.acknowledged {
		if got[content] != 1 {
			r.t.Errorf("%s is there %d times", content, got[content])
		}
	}
	if len(got) != len(r.acknowledged) {
		r.t.Errorf("%d interactions are there, %d were acknowledged", len(got), len(r.acknowledged))
	}
}
