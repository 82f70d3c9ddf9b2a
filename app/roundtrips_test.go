package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/test/backend"
)

// trips notes what requests send to Redis and wait for, in words.
type trips struct {
	mu    sync.Mutex
	asked []string
}

func (t *trips) note(cmds ...goredis.Cmder) {
	name := strings.ToLower(cmds[0].Name())
	if !answering() || name == "hello" || name == "auth" || name == "select" {
		return // the last three are a new connection's
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = append(t.asked, name+strings.Repeat("+", len(cmds)-1))
}

// answering tells whether this is asked for by a handler of the HTTP server's,
// and so waited for, and not by work in the background.
func answering() bool {
	var callers [100]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "/adapters/fiber.") {
			return true
		}
		if !more {
			return false
		}
	}
}

// since gives what was noted after the call before.
func (t *trips) since() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	asked := t.asked
	t.asked = nil
	return asked
}

func (t *trips) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (t *trips) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		t.note(cmd)
		return next(ctx, cmd)
	}
}

func (t *trips) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		t.note(cmds...)
		return next(ctx, cmds)
	}
}

// running is a whole server in this process, on a Redis, with a tenant.
type running struct {
	t        *testing.T
	url, key string
	user     string // one's id
	talk     string // the id of a conversation of its
	trips    trips
}

func run(t *testing.T, settings map[string]string) *running {
	t.Helper()
	flags := map[string]string{
		"http.addr": "127.0.0.1:0", "data_dir": t.TempDir(),
		"store.backend": config.StoreRedis,
	}
	for name, value := range settings {
		flags[name] = value
	}
	env := []string{"RAVEN_STORE_REDIS_URL=" + backend.SharedRedis(t)}
	cfg, err := config.Load(config.LoadOptions{Flags: flags, Env: env, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.server()
	if err != nil {
		t.Fatal(err)
	}
	ln, base, err := a.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, url: base + "/api/v1"}
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(server.Shutdown(ctx), <-served, a.Close()); err != nil {
			t.Error(err)
		}
	})
	wrapped, _ := a.store.(interface{ Unwrap() observe.Store })
	hooked, ok := wrapped.Unwrap().(interface{ AddHook(hook goredis.Hook) })
	if !ok {
		t.Fatalf("the store is %T", a.store)
	}
	hooked.AddHook(&r.trips)
	r.key = field(t, r.must("POST", "/tenants", `{"name":"n","email":"n@example.com"}`), "api_key", "key")
	r.user = field(t, r.must("PUT", "/users/ext:u", ""), "id")
	r.talk = field(t, r.must("POST", "/users/ext:u/conversations", `{"external_ref":"c"}`), "id")
	return r
}

// field is a text in a JSON object, found by the names that lead to it.
func field(t *testing.T, raw []byte, names ...string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	text, _ := v.(string)
	return text
}

func (r *running) must(method, path, body string) []byte {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		r.t.Fatalf("%s %s: %d, %v, %s", method, path, res.StatusCode, err, said)
	}
	return said
}

// TestRoundTripsOfARequest holds how often a request waits for Redis at most,
// the rate limit's own time included, when its index is warm and its key known.
func TestRoundTripsOfARequest(t *testing.T) {
	t.Parallel()
	const (
		one      = `{"interactions":[{"role":"user","content":"The parcel left the port of Antwerp."}]}`
		question = `{"query":"Where is the parcel?"}`
	)
	for _, c := range []struct {
		name               string
		method, path, body string
		batch              int // of the tenant; with 1 each ingest flushes
		most               int
		newKey             bool
	}{
		{name: "usage", method: "GET", path: "/tenant/usage", batch: 10, most: 2},
		{name: "a user, by id", method: "GET", path: "/users/USER", batch: 10, most: 2},
		{name: "a user, by reference", method: "GET", path: "/users/ext:u", batch: 10, most: 4},
		{name: "a user, by id, with a key not met before", method: "GET", path: "/users/USER", batch: 10, most: 4, newKey: true},
		{name: "ingest, no flush, by id", method: "POST", path: "/users/USER/conversations/TALK/memory", body: one, batch: 500, most: 2},
		{name: "ingest, no flush, by reference", method: "POST", path: "/users/ext:u/conversations/ext:c/memory", body: one, batch: 500, most: 2},
		{name: "ingest, of a full batch, by id", method: "POST", path: "/users/USER/conversations/TALK/memory", body: one, batch: 1, most: 2},
		{name: "ingest, of a full batch, by reference", method: "POST", path: "/users/ext:u/conversations/ext:c/memory", body: one, batch: 1, most: 2},
		{name: "ingest, that fills a batch, by id", method: "POST", path: "/users/USER/conversations/TALK/memory", body: one, batch: 3, most: 3},
		{name: "context, warm, by id", method: "POST", path: "/users/USER/context", body: question, batch: 500, most: 2},
		{name: "context, warm, by reference", method: "POST", path: "/users/ext:u/context", body: question, batch: 500, most: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, map[string]string{"tenants.defaults.batch_size": fmt.Sprint(c.batch)})
			path := strings.NewReplacer("USER", r.user, "TALK", r.talk).Replace(c.path)
			r.must("POST", "/users/ext:u/conversations/ext:c/memory", one)
			r.must("POST", "/users/ext:u/context", question)
			r.must(c.method, path, c.body)
			if c.newKey {
				r.key = field(t, r.must("POST", "/tenant/keys", `{"name":"new","scopes":"full_access"}`), "key")
			}
			var asked []string
			for range 5 { // a machine that halts for a moment makes the key be looked up anew
				r.trips.since()
				r.must(c.method, path, c.body)
				if asked = r.trips.since(); len(asked) <= c.most {
					break
				}
			}
			t.Logf("%s: %d round trips: %s", c.name, len(asked), strings.Join(asked, " "))
			if len(asked) > c.most || len(asked) == 0 {
				t.Errorf("%s takes %d round trips, at most %d were to be", c.name, len(asked), c.most)
			}
		})
	}
}
