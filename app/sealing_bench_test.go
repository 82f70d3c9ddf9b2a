package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/recall"
)

// clearText seals nothing, so that the cost of sealing shows.
type clearText struct{}

func (clearText) Seal(_ context.Context, _ core.Place, plaintext []byte) ([]byte, error) {
	return bytes.Clone(plaintext), nil
}

func (clearText) Open(_ context.Context, _ core.Place, sealed []byte) ([]byte, error) {
	return bytes.Clone(sealed), nil
}

// sealer is what memory and recall seal by.
type sealer interface {
	Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
}

// sealBy wires memory and recall anew, without facts.
func sealBy(a *App, by sealer) {
	a.recall = recall.New(a.store, a.store, by, snowball.New(), a.clock, recall.Options{MaxBytes: a.cfg.Recall.MaxBytes})
	deps := a.memory.Deps
	deps.Seal, deps.Heard = by, nil
	a.memory = memory.New(deps)
}

// newBenchOf is newBench with sealing, or without.
func newBenchOf(b *testing.B, sealed bool) (*bench, *App) {
	b.Helper()
	cfg, err := config.Load(config.LoadOptions{Flags: map[string]string{
		"http.addr": "127.0.0.1:0", "data_dir": b.TempDir(), "limits.rate_per_minute": "0", "extractor.provider": "none",
	}, Serve: true})
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(b.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	sealBy(a, a.sealing)
	if !sealed {
		sealBy(a, clearText{})
	}
	server, err := a.server()
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(context.WithoutCancel(b.Context()), ln) }()
	b.Cleanup(func() { _, _ = server.Shutdown(context.Background()), a.Close() })
	s := &bench{url: "http://" + ln.Addr().String() + "/api/v1"}
	var made struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	if err := json.Unmarshal(s.must(b, "POST", "/tenants", `{"name":"b","email":"b@example.com"}`), &made); err != nil {
		b.Fatal(err)
	}
	s.key = made.APIKey.Key
	return s, a
}

// BenchmarkSealing is ingest of 1 KiB, and context with an index that is built
// anew each time and so opens 1000 interactions, with sealing and without.
func BenchmarkSealing(b *testing.B) {
	for _, on := range []bool{true, false} {
		b.Run(fmt.Sprint("ingest/sealed=", on), func(b *testing.B) {
			s, _ := newBenchOf(b, on)
			for i := range 64 {
				s.conversation(b, fmt.Sprint("u", i))
			}
			content := bytes.Repeat([]byte("All is well on board. "), 46)
			body := fmt.Appendf(nil, `{"interactions":[{"role":"user","content":"%s"}]}`, content)
			s.run(b, func(worker, _ int64, r *fasthttp.Request) {
				s.build(r, "POST", fmt.Sprintf("/users/ext:u%d/conversations/ext:c/memory", worker%64), body)
			})
		})
		b.Run(fmt.Sprint("context-cold/sealed=", on), func(b *testing.B) {
			s, a := newBenchOf(b, on)
			s.conversation(b, "u")
			s.fill(b, 1000)
			ids, err := a.store.TenantIDs(b.Context(), "", 1)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				a.recall.Forget(ids[0])
				s.must(b, "POST", "/users/ext:u/context", `{"query":"Which parcel went to the port of Antwerp?","max_tokens":1000}`)
			}
		})
	}
}
