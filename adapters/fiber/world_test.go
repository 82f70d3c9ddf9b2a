package fiberhttp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/quotas"
)

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// logs is a log that several goroutines write and a test reads.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// world is a server on a loopback port.
type world struct {
	t      *testing.T
	server *Server
	addr   string
	logs   *logs
}

// bareWorld has no store: it answers whatever needs none.
func bareWorld(t *testing.T, cfg Config, checks ...Check) *world {
	t.Helper()
	clock := wallClock{}
	ids := core.NewIDs(clock.Now, rand.Reader)
	return serve(t, cfg, Services{
		Keys:   keys.New(nil, nil, clock, rand.Reader, ids, core.NewCursors(make([]byte, 32))),
		Quotas: quotas.New(nil, nil, clock, quotas.Options{}),
	}, Deps{Clock: clock, IDs: ids, Checks: checks})
}

func serve(t *testing.T, cfg Config, services Services, deps Deps, more ...route) *world {
	t.Helper()
	w := &world{t: t, logs: &logs{}}
	deps.Log = slog.New(slog.NewJSONHandler(w.logs, nil))
	var err error
	if w.server, err = New(cfg, services, deps); err != nil {
		t.Fatal(err)
	}
	for i := range more {
		w.server.addRoute(&more[i])
	}
	w.server.app.Handler() // lets Fiber see them
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.server.Shutdown(ctx); err != nil {
			t.Errorf("shutting down: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return w
}

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatalf("the body is not a JSON object: %v: %.200q", err, r.body)
	}
	return out
}

// raw sends bytes as they are and reads one answer.
func (w *world) raw(request string) reply {
	w.t.Helper()
	c, err := net.DialTimeout("tcp", w.addr, 5*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(c, request) }() // a refused request is not read to its end
	method, _, _ := strings.Cut(request, " ")
	return w.read(bufio.NewReader(c), method)
}

func (w *world) read(r *bufio.Reader, method string) reply {
	w.t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("reading the answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("reading the body: %v", err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

// send sends a plain request with headers, "Name: value" each.
func (w *world) send(method, path, body string, headers ...string) reply {
	w.t.Helper()
	request := method + " " + path + " HTTP/1.1\r\nHost: raven\r\nConnection: close\r\n"
	for _, h := range headers {
		request += h + "\r\n"
	}
	if body != "" {
		request += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return w.raw(request + "\r\n" + body)
}

// expectProblem checks that an answer is a refusal in the one shape there is.
func expectProblem(t *testing.T, r reply, status int, code string) map[string]any {
	t.Helper()
	if r.status != status {
		t.Fatalf("status = %d, want %d: %.300s", r.status, status, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q", got)
	}
	p := r.json(t)
	if p["code"] != code || p["type"] != "https://raven.dev/problems/"+code || p["status"] != float64(status) ||
		p["title"] != http.StatusText(status) || p["detail"] == "" || p["detail"] == nil {
		t.Errorf("problem = %s", r.body)
	}
	if id := r.header.Get("X-Request-Id"); id == "" || p["instance"] != id {
		t.Errorf("instance = %v, X-Request-Id = %q", p["instance"], id)
	}
	expectCommonHeaders(t, r)
	return p
}

func expectCommonHeaders(t *testing.T, r reply) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if r.header.Get("Server") != "" {
		t.Errorf("Server = %q", r.header.Get("Server"))
	}
	if !strings.HasPrefix(r.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("Content-Security-Policy = %q", r.header.Get("Content-Security-Policy"))
	}
}
