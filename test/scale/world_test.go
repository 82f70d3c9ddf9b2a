package scale

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"
	_ "modernc.org/sqlite" // to look into the embedded store

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/test/backend"
)

// sizes is how many records, or tenants, are measured with.
func sizes(t *testing.T, least int) (list []int) {
	t.Helper()
	text := os.Getenv("RAVEN_TEST_SCALE")
	if text == "" {
		return []int{least}
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			t.Fatalf("RAVEN_TEST_SCALE: %q is no number above 0", part)
		}
		list = append(list, n)
	}
	return list
}

// world is a process of Raven's on a store of its own, in which nothing works by
// itself.
type world struct {
	*testing.T
	app    *app.App
	handle fasthttp.RequestHandler
	key    string
	store  store
	clock  clock
}

// clock is the machine's, and goes ahead of it by what the test says.
type clock struct{ ahead atomic.Int64 }

// Now implements ports.Clock.
func (c *clock) Now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load())).UTC().Truncate(time.Millisecond)
}

// store is what the world keeps its records in.
type store interface {
	settings() map[string]string
	env() []string
	bytes(t *testing.T) int64 // that its records take
	calls(t *testing.T) int64 // commands so far, 0 where that means nothing
}

var stores = map[string]func(t *testing.T) store{
	"embedded": func(t *testing.T) store { return embedded{t.TempDir()} },
	"redis": func(t *testing.T) store {
		// What is measured is memory; who waits for a disk meanwhile waits in vain.
		server := backend.Redis(t, backend.Set("appendfsync", "no"), backend.Set("auto-aof-rewrite-percentage", "0"))
		opt, err := goredis.ParseURL(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		client := goredis.NewClient(opt)
		t.Cleanup(func() { _ = client.Close() })
		return redis{client, server.URL(), t.TempDir()}
	},
}

type embedded struct{ dir string }

func (e embedded) settings() map[string]string { return map[string]string{"data_dir": e.dir} }

func (embedded) env() []string { return nil }

// bytes are those of the pages in use, the log that is not folded in yet aside.
func (e embedded) bytes(t *testing.T) (n int64) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(e.dir, "raven.db")+"?mode=ro")
	if err == nil {
		defer db.Close() //nolint:errcheck // it was only read
		err = db.QueryRowContext(t.Context(),
			`SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`).Scan(&n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (embedded) calls(*testing.T) int64 { return 0 }

type redis struct {
	*goredis.Client
	url, dir string
}

func (r redis) settings() map[string]string {
	return map[string]string{"store.backend": "redis", "store.redis.trust_server": "true", "store.redis.relaxed": "true", "data_dir": r.dir}
}

func (r redis) env() []string { return []string{"RAVEN_STORE_REDIS_URL=" + r.url} }

func (r redis) info(t *testing.T, section, name string) (sum int64) {
	text, err := r.Info(t.Context(), section).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if value, found := strings.CutPrefix(line, name+":"); found {
			sum, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return sum
}

// bytes are those of the data set, without buffers of connections and of the
// append-only file, and scripts.
func (r redis) bytes(t *testing.T) int64 {
	n := r.info(t, "memory", "used_memory")
	for _, other := range []string{"mem_clients_normal", "mem_aof_buffer", "used_memory_scripts_eval"} {
		n -= r.info(t, "memory", other)
	}
	return n
}

func (r redis) calls(t *testing.T) int64 { return r.info(t, "stats", "total_commands_processed") }

func newWorld(t *testing.T, s store) *world {
	t.Helper()
	flags := map[string]string{
		"http.addr": "127.0.0.1:0", "limits.rate_per_minute": "0", "limits.unauthenticated_per_minute": "0",
		"tenants.defaults.max_users": "1000000000", "registration.mode": "open", "http.request_timeout": "5m",
		"memory.idle_flush": "24h",
	}
	for name, value := range s.settings() {
		flags[name] = value
	}
	cfg, err := config.Load(config.LoadOptions{Flags: flags, Env: s.env(), Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: s}
	if w.app, err = app.OpenPaused(context.WithoutCancel(t.Context()), cfg, slog.New(slog.DiscardHandler), app.Outside{Clock: &w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.app.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	if w.handle, err = w.app.Handler(); err != nil {
		t.Fatal(err)
	}
	w.key = w.register(0)
	return w
}

// register makes a tenant and gives its key.
func (w *world) register(n int) string {
	var made struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	w.call(&made, "", "POST", "/tenants", map[string]any{"name": "Measured", "email": fmt.Sprintf("measured-%d@example.com", n)})
	return made.APIKey.Key
}

// call makes a request in this process, reads the answer into out if it is not
// nil, and fails the test unless all went well.
func (w *world) call(out any, key, method, path string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.SetRequestURI("http://raven/api/v1" + path)
	req.Header.SetContentType("application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != nil {
		req.SetBody(raw)
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	w.handle(&ctx)
	if status := ctx.Response.StatusCode(); status >= 300 {
		panic(fmt.Sprintf("%s %s: %d %s", method, path, status, ctx.Response.Body()))
	}
	if out != nil {
		if err := json.NewDecoder(bytes.NewReader(ctx.Response.Body())).Decode(out); err != nil {
			panic(err)
		}
	}
}

// each runs do for 0 to n-1, some at once.
func each(n int, do func(i int)) {
	const atOnce = 16
	var wg sync.WaitGroup
	for worker := range atOnce {
		wg.Go(func() {
			for i := worker; i < n; i += atOnce {
				do(i)
			}
		})
	}
	wg.Wait()
}

// work does all there is to do in the background, once checkpoints are due.
func (w *world) work() {
	w.Helper()
	w.clock.ahead.Add(int64(2 * time.Minute))
	for _, job := range w.app.Jobs() {
		if err := job.Run(w.Context()); err != nil {
			w.Fatalf("%s: %v", job.Doing, err)
		}
	}
}
