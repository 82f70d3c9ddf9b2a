package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/config"
)

// bench is a server in this process, with a tenant and users.
type bench struct {
	url, key string
}

func newBench(b *testing.B) *bench {
	b.Helper()
	cfg, err := config.Load(config.LoadOptions{Flags: map[string]string{
		"http.addr": "127.0.0.1:0", "data_dir": b.TempDir(), "limits.rate_per_minute": "0",
	}, Serve: true})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ready, done := make(chan string), make(chan error, 1)
	go func() {
		done <- serve(ctx, cfg, slog.New(slog.DiscardHandler), func(_ context.Context, url string) error {
			ready <- url
			return nil
		})
	}()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	s := &bench{url: <-ready + "/api/v1"}
	var made struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	if err := json.Unmarshal(s.must(b, "POST", "/tenants", `{"name":"b","email":"b@example.com"}`), &made); err != nil {
		b.Fatal(err)
	}
	s.key = made.APIKey.Key
	return s
}

func (s *bench) must(b *testing.B, method, path, body string) []byte {
	b.Helper()
	var req fasthttp.Request
	var res fasthttp.Response
	s.build(&req, method, path, []byte(body))
	if err := fasthttp.Do(&req, &res); err != nil || res.StatusCode() >= http.StatusMultipleChoices {
		b.Fatalf("%s %s: %v, %s", method, path, err, res.Body())
	}
	return bytes.Clone(res.Body())
}

func (s *bench) build(r *fasthttp.Request, method, path string, body []byte) {
	r.SetRequestURI(s.url + path)
	r.Header.SetMethod(method)
	r.Header.SetContentType("application/json")
	if s.key != "" {
		r.Header.Set("Authorization", "Bearer "+s.key)
	}
	r.SetBody(body)
}

// run sends requests from 32 connections and reports their rate.
func (s *bench) run(b *testing.B, build func(worker, n int64, r *fasthttp.Request)) {
	b.Helper()
	client := &fasthttp.Client{MaxConnsPerHost: 64}
	var workers, failed atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		worker := workers.Add(1)
		var req fasthttp.Request
		var res fasthttp.Response
		for n := int64(0); pb.Next(); n++ {
			req.Reset()
			build(worker, n, &req)
			if err := client.Do(&req, &res); err != nil || res.StatusCode() >= http.StatusMultipleChoices {
				failed.Add(1)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	if failed.Load() > 0 {
		b.Errorf("%d requests failed", failed.Load())
	}
}

// conversation makes a user with one conversation, "c".
func (s *bench) conversation(b *testing.B, user string) {
	b.Helper()
	s.must(b, "PUT", "/users/ext:"+user, "")
	s.must(b, "POST", "/users/ext:"+user+"/conversations", `{"external_ref":"c"}`)
}

func BenchmarkBareEcho(b *testing.B) {
	echo := fiber.New(fiber.Config{DisableStartupMessage: true})
	echo.Post("/*", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	ready := make(chan string, 1)
	echo.Hooks().OnListen(func(d fiber.ListenData) error {
		ready <- "http://" + d.Host + ":" + d.Port
		return nil
	})
	go func() { _ = echo.Listen("127.0.0.1:0") }()
	b.Cleanup(func() { _ = echo.Shutdown() })
	s := &bench{url: <-ready}
	body := []byte(`{"interactions":[{"role":"user","content":"All is well on board."}]}`)
	s.run(b, func(_, _ int64, r *fasthttp.Request) { s.build(r, "POST", "/", body) })
}

func BenchmarkIngest(b *testing.B) {
	s := newBench(b)
	for i := range 64 {
		s.conversation(b, fmt.Sprint("u", i))
	}
	for _, n := range []int{1, 20} {
		one := `{"role":"user","content":"All is well on board."}`
		body := []byte(`{"interactions":[` + strings.Repeat(one+",", n-1) + one + `]}`)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s.run(b, func(worker, _ int64, r *fasthttp.Request) {
				s.build(r, "POST", fmt.Sprintf("/users/ext:u%d/conversations/ext:c/memory", worker%64), body)
			})
		})
	}
}

func BenchmarkContextWarm(b *testing.B) {
	for _, history := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(history), func(b *testing.B) {
			s := newBench(b)
			s.conversation(b, "u")
			s.fill(b, history)
			body := []byte(`{"query":"Which parcel went to the port of Antwerp?","max_tokens":1000}`)
			s.must(b, "POST", "/users/ext:u/context", string(body))
			s.run(b, func(_, _ int64, r *fasthttp.Request) { s.build(r, "POST", "/users/ext:u/context", body) })
		})
	}
}

func (s *bench) fill(b *testing.B, history int) {
	b.Helper()
	ports := []string{"Antwerp", "Bergen", "Cadiz", "Durban", "Esbjerg"}
	for n := 0; n < history; n += 100 {
		var list []map[string]any
		for i := n; i < n+100; i++ {
			list = append(list, map[string]any{"role": "user", "content": fmt.Sprintf(
				"Parcel %d left the port of %s on day %d with %d crates of instruments.", i, ports[i%5], i%365, i%17)})
		}
		body, err := json.Marshal(map[string]any{"interactions": list})
		if err != nil {
			b.Fatal(err)
		}
		s.must(b, "POST", "/users/ext:u/conversations/ext:c/memory", string(body))
	}
}
