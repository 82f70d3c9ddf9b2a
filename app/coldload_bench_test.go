//go:build unix

package app

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/test/backend"
)

// BenchmarkColdLoad is a process's first question to a user: the index is built
// out of segments, or out of the blobs. The store's own cache is warm.
func BenchmarkColdLoad(b *testing.B) {
	for _, of := range []string{"sqlite", "redis"} {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", of, n), func(b *testing.B) {
				w := newColdLoad(b, of)
				w.fill(b, n)
				w.settle(b, n)
				b.Run("segments", func(b *testing.B) { w.run(b, &recall.Segments{Derived: w.a.store}) })
				b.Run("blobs", func(b *testing.B) { w.run(b, nil) })
			})
		}
	}
}

type coldLoad struct {
	a      *App
	caller core.Caller
	user   core.UserID
}

func newColdLoad(b *testing.B, of string) *coldLoad {
	b.Helper()
	flags := map[string]string{
		"http.addr": "127.0.0.1:0", "data_dir": b.TempDir(), "limits.rate_per_minute": "0", "extractor.provider": "none",
		"tenants.defaults.max_conversations_per_user": "100000",
	}
	var env []string
	if of == "redis" {
		flags["store.backend"] = "redis"
		env = append(env, "RAVEN_STORE_REDIS_URL="+backend.Redis(b).URL())
	}
	cfg, err := config.Load(config.LoadOptions{Flags: flags, Env: env, Serve: true})
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(b.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.Close() })
	w := &coldLoad{a: a}
	_, key, err := a.tenancy.Register(b.Context(), core.Op{}, tenancy.Registration{Name: "b", Email: "b@example.com"})
	if err == nil {
		w.caller, err = a.keys.Authenticate(b.Context(), key.Secret)
	}
	if err != nil {
		b.Fatal(err)
	}
	u, err := a.tenancy.CreateUser(b.Context(), w.caller, core.Op{}, tenancy.NewUser{})
	if err != nil {
		b.Fatal(err)
	}
	w.user = u.ID
	return w
}

// fill stores turns of some 20 words, a hundred in each conversation.
func (w *coldLoad) fill(b *testing.B, n int) {
	b.Helper()
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 8, 20_000)
	for done := 0; done < n; done += 100 {
		c, err := w.a.tenancy.CreateConversation(b.Context(), w.caller, core.Op{}, w.user, tenancy.NewConversation{})
		if err != nil {
			b.Fatal(err)
		}
		var list []memory.NewInteraction
		for i := range 100 {
			words := make([]string, 5+(done+i*7)%30)
			for j := range words {
				words[j] = benchWord(zipf.Uint64())
			}
			list = append(list, memory.NewInteraction{Role: "user", Content: strings.Join(words, " ") + "."})
		}
		if _, err := w.a.memory.Ingest(b.Context(), w.caller, core.Op{}, w.user, c.ID, list); err != nil {
			b.Fatal(err)
		}
	}
}

// benchWord is the same for the same number, and looks like English.
func benchWord(n uint64) string {
	syllables := []string{"ta", "re", "mon", "li", "so", "pel", "ka", "dri", "ven", "ou", "sha", "ble"}
	word := ""
	for m := n + 3; m > 0; m /= 12 {
		word += syllables[m%12]
	}
	return word + []string{"", "s", "ing", "ed", "ly"}[n%5]
}

// settle waits until what a first question had written is there.
func (w *coldLoad) settle(b *testing.B, n int) {
	b.Helper()
	w.ask(b, w.a.recall)
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		list, err := w.a.store.Derived(b.Context(), w.caller.Tenant, w.user, core.DerivedIndex, core.Page{Limit: 1000}, false)
		if err != nil || time.Now().After(deadline) {
			b.Fatal("no segments: ", err)
		}
		turns, bytes := int64(0), int64(0)
		for _, d := range list {
			bytes += d.Size
			for _, p := range d.Parts {
				turns += p.Last - p.First + 1
			}
		}
		if turns == int64(n) {
			b.Logf("%d segments of %d bytes", len(list), bytes)
			return
		}
	}
}

func (w *coldLoad) ask(b *testing.B, s *recall.Service) {
	b.Helper()
	if _, err := s.Search(b.Context(), w.caller, w.user, recall.Query{Text: "talibs and monsos", Limit: 10}); err != nil {
		b.Fatal(err)
	}
}

func (w *coldLoad) run(b *testing.B, segments *recall.Segments) {
	before, least := cpuTime(b), time.Hour
	for b.Loop() {
		begun := time.Now()
		s := recall.New(w.a.store, w.a.store, w.a.sealing, snowball.New(), w.a.clock, recall.Options{Segments: segments, MaxBytes: 4 << 30})
		w.ask(b, s)
		least = min(least, time.Since(begun))
		s.Forget(w.caller.Tenant)
	}
	b.ReportMetric(float64(least.Microseconds())/1000, "min-ms")
	b.ReportMetric(float64((cpuTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// cpuTime is what this process has used, which a busy machine makes longer less.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
