package failpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core/audit"
)

// patience is how long anything here may take on a machine that does much else.
const patience = 2 * time.Minute

// shortTime is a request's in worlds in which it is to run out.
const shortTime = 100 * time.Millisecond

// clock is moved by the test, and stands still otherwise.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a process of Raven's, and what it stores.
type world struct {
	*testing.T
	place    place
	clock    *clock
	auditKey audit.PublicKey

	gate     *gate
	starting func(*gate) // is told of the gate of each process; nil for nobody
	app      *app.App
	jobs     []app.Job
	handle   fasthttp.RequestHandler
	made     map[string]string // ids and secrets that came with answers, by a name
	moved    bool              // from another store
}

func (w *world) config(requestTime time.Duration) (config.Config, error) {
	return config.Load(config.LoadOptions{Flags: w.place.settings(map[string]string{
		"http.addr": "127.0.0.1:0", "http.request_timeout": requestTime.String(),
		"limits.rate_per_minute": "1000000", "tenants.defaults.batch_size": strconv.Itoa(batch),
		"webhooks.allow_http": "true", "webhooks.allow_networks": "127.0.0.0/8", "keys.rotate_after": "2400h",
	}), Env: w.place.env(), Serve: true})
}

// start opens the application. It may be one after another over one store.
func (w *world) start(requestTime time.Duration) error {
	cfg, err := w.config(requestTime)
	if err != nil {
		return err
	}
	w.gate = &gate{}
	if w.starting != nil {
		w.starting(w.gate)
	}
	w.app, err = app.OpenPaused(w.Context(), cfg, slog.New(slog.DiscardHandler), app.Outside{Clock: w.clock, Hooks: []observe.Hook{w.gate}})
	if err != nil {
		return err
	}
	w.jobs = w.app.Jobs()
	w.handle, err = w.app.Handler()
	return err
}

func (w *world) mustStart(requestTime time.Duration) {
	w.Helper()
	if err := w.start(requestTime); err != nil {
		w.Fatal(err)
	}
}

// stop ends the process, in good order unless it is dead.
func (w *world) stop() {
	w.Helper()
	if err := w.app.Close(); err != nil && !errors.Is(err, errDead) {
		w.Errorf("closing: %v", err)
	}
}

// again is a new process over what the one before left.
func (w *world) again(requestTime time.Duration) {
	w.Helper()
	w.stop()
	w.mustStart(requestTime)
}

// answer is one of the API's.
type answer struct {
	status int
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

func (a answer) good() bool { return a.status >= 200 && a.status < 300 }

// field is a text or number of the answer, found by the names that lead to it.
func (a answer) field(names ...string) string {
	var v any
	if json.Unmarshal(a.body, &v) != nil {
		return ""
	}
	for _, name := range names {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			if len(in) == 0 {
				return ""
			}
			v = in[0]
		}
	}
	text, _ := v.(string)
	return text
}

// request is one to the API: "{name}" stands for what was made by that name.
type request struct {
	method, path, body string
	key                string // who asks; "" is the tenant's administrator
	once               string // Idempotency-Key
}

func (w *world) do(r request) answer {
	var h fasthttp.RequestCtx
	var req fasthttp.Request
	req.Header.SetMethod(r.method)
	req.SetRequestURI("http://localhost/api/v1" + w.fill(r.path))
	req.Header.Set("X-Request-Id", "one")
	if r.key == "" {
		r.key = "{key}"
	}
	if r.key != "nobody" {
		req.Header.Set("Authorization", "Bearer "+w.fill(r.key))
	}
	if r.body != "" {
		req.Header.SetContentType("application/json")
		req.SetBodyString(w.fill(r.body))
	}
	if r.once != "" {
		req.Header.Set("Idempotency-Key", r.once)
	}
	h.Init(&req, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, nil)
	w.handle(&h)
	return answer{h.Response.StatusCode(), append([]byte(nil), h.Response.Body()...)}
}

// fill puts what was made in the places of its names.
func (w *world) fill(text string) string {
	for name, value := range w.made {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func (w *world) must(r request) answer {
	w.Helper()
	a := w.do(r)
	if !a.good() {
		w.Fatalf("%s %s: %s", r.method, w.fill(r.path), a)
	}
	return a
}

// job runs one kind of background work.
func (w *world) job(ctx context.Context, doing string) error {
	for _, j := range w.jobs {
		if j.Doing == doing {
			return observe.Work(ctx, []observe.Hook{w.gate}, doing, j.Run)
		}
	}
	return fmt.Errorf("there is no work called %q", doing)
}

// settle lets time pass and all background work be done.
func (w *world) settle() {
	w.Helper()
	for range 2 {
		w.clock.advance(20 * time.Minute)
		for _, j := range w.jobs {
			if err := j.Run(w.Context()); err != nil {
				w.Errorf("%s: %v", j.Doing, err)
			}
		}
	}
}
