package redis_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// BenchmarkAppend appends one or 20 interactions a step, from so many callers at
// once, each with a conversation of its own. Beside it, the floor: the same bytes
// by a bare XADD and a bare RPUSH, on the same server.
func BenchmarkAppend(b *testing.B) {
	const size = 400
	server := backend.Redis(b)
	for _, c := range []struct{ callers, entries int }{{1, 1}, {32, 1}, {32, 20}} {
		callers := c.callers
		b.Run(fmt.Sprintf("callers=%d/entries=%d", callers, c.entries), func(b *testing.B) {
			s := open(b, redis.Options{URL: server.URL()})
			w := newBench(b, s)
			appends := make([]core.Append, callers)
			for i := range appends {
				appends[i] = w.appendTo(c.entries, size)
			}
			o, err := goredis.ParseURL(server.URL())
			if err != nil {
				b.Fatal(err)
			}
			o.Protocol = 2
			bare := goredis.NewClient(o)
			b.Cleanup(func() { _ = bare.Close() })
			b.ResetTimer()
			took := inParallel(b, callers, func(caller int) error {
				a := appends[caller]
				a.Entries = slices.Clone(a.Entries)
				for i := range a.Entries {
					a.Entries[i].ID = w.ids.Interaction()
				}
				_, err := s.Append(w.ctx, w.tenant, core.Op{}, a)
				return err
			})
			b.StopTimer()
			sealed := random(size * c.entries)
			xadd := inParallel(b, callers, func(caller int) error {
				return bare.XAdd(w.ctx, &goredis.XAddArgs{Stream: fmt.Sprint("xadd", caller), Values: []any{"sealed", sealed}}).Err()
			})
			rpush := inParallel(b, callers, func(caller int) error {
				return bare.RPush(w.ctx, fmt.Sprint("rpush", caller), sealed).Err()
			})
			b.ReportMetric(float64(took)/float64(xadd), "×xadd")
			b.ReportMetric(float64(took)/float64(rpush), "×rpush")
			b.ReportMetric(float64(rpush.Nanoseconds())/float64(b.N), "rpush-ns/op")
		})
	}
}

// inParallel calls do b.N times from so many goroutines and tells how long it
// took.
func inParallel(b *testing.B, callers int, do func(caller int) error) time.Duration {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	start := time.Now()
	for caller := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(caller); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// bench makes what a benchmark works on.
type bench struct {
	*redis.Store
	b      *testing.B
	ctx    context.Context
	ids    *core.IDs
	tenant core.TenantID
	user   core.UserID
}

func newBench(b *testing.B, s *redis.Store) *bench {
	b.Helper()
	w := &bench{Store: s, b: b, ctx: context.Background(), ids: core.NewIDs(time.Now, rand.Reader)}
	w.tenant, w.user = w.ids.Tenant(), w.ids.User()
	n := core.NewTenant{
		Record:   core.TenantRecord{ID: w.tenant, Settings: core.DefaultSettings()},
		EmailKey: string(w.tenant), Key: core.KeyRecord{APIKey: core.APIKey{ID: w.ids.Key()}},
	}
	_, _ = rand.Read(n.Key.Hash[:])
	_, err := s.CreateTenant(w.ctx, core.Op{}, n)
	w.ok(err)
	_, err = s.CreateUser(w.ctx, w.tenant, core.Op{}, core.NewUser{Record: core.UserRecord{ID: w.user}})
	w.ok(err)
	return w
}

func (w *bench) ok(err error) {
	w.b.Helper()
	if err != nil {
		w.b.Fatal(err)
	}
}

// appendTo is so many interactions of that size for a new conversation.
func (w *bench) appendTo(entries, size int) core.Append {
	w.b.Helper()
	id := w.ids.Conversation()
	_, err := w.CreateConversation(w.ctx, w.tenant, core.Op{}, core.NewConversation{
		Record: core.ConversationRecord{ID: id, User: w.user},
	})
	w.ok(err)
	a := core.Append{User: w.user, Conversation: id, At: time.Now()}
	for range entries {
		a.Entries = append(a.Entries, core.BufferEntry{ID: w.ids.Interaction(), Sealed: random(size), AcceptedAt: time.Now()})
	}
	return a
}

// BenchmarkTake charges a tenant's limit, from so many callers at once.
func BenchmarkTake(b *testing.B) {
	server := backend.Redis(b)
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, redis.Options{URL: server.URL()})
			rate := core.Rate{Key: "tenant:" + string(newBench(b, s).tenant), PerMinute: core.MaxRatePerMinute, Burst: core.MaxRatePerMinute, Cost: 1}
			b.ResetTimer()
			inParallel(b, callers, func(int) error {
				_, err := s.Take(b.Context(), time.Now(), rate)
				return err
			})
		})
	}
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

func BenchmarkEvents(b *testing.B) {
	contract.BenchmarkEvents(b, open(b, redis.Options{URL: backend.Redis(b).URL()}))
}
