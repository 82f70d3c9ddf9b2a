// Package services tests the domain's services together, over the embedded
// store and a clock that the tests move.
package services

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/test/backend"
)

// clock is a clock that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is all services over one fresh store.
type world struct {
	t       *testing.T
	ctx     context.Context
	clock   *clock
	store   *sqlite.Store
	own     *ownKeys
	report  func(doing string, err error) // of work without a caller; a failure unless a test expects it
	sealing *sealing.Service
	keys    *keys.Service
	facts   *facts.Service
	memory  *memory.Service
	recall  *recall.Service
	tenancy *tenancy.Service
}

func newWorld(t *testing.T, tenantKeys ...bool) *world {
	t.Helper()
	return newWorldOn(t, sqlite.Options{}, tenantKeys...)
}

func newWorldOn(t *testing.T, options sqlite.Options, tenantKeys ...bool) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), clock: &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}}
	w.report = func(doing string, err error) { t.Errorf("%s: %v", doing, err) }
	var err error
	dir := backend.Embedded(t)
	if w.store, err = sqlite.Open(w.ctx, dir, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	ring, err := localkeys.Generate(dir+"/keyring", "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ids := core.NewIDs(w.clock.Now, rand.Reader)
	w.own = &ownKeys{WrappingKeys: ring}
	w.sealing = sealing.New(sealing.Deps{
		Providers: sealing.Providers{Platform: ring, Tenant: w.own}, Keys: w.store, Clock: w.clock, Random: rand.Reader,
		Rotation: w.store, Tenants: w.store, IDs: ids,
		Report: func(_ context.Context, doing string, err error) { w.report(doing, err) },
	}, sealing.Options{})
	if err := w.sealing.Start(w.ctx, ids.Deployment, ring.Checks()); err != nil {
		t.Fatal(err)
	}
	cursors := core.NewCursors(make([]byte, 32))
	w.keys = keys.New(w.store, w.sealing, w.clock, rand.Reader, ids, cursors)
	w.facts = facts.New(facts.Deps{Store: w.store, Seal: w.sealing, Clock: w.clock, IDs: ids, Cursors: cursors})
	w.recall = recall.New(w.store, w.store, w.sealing, snowball.New(), w.clock, recall.Options{Facts: w.facts})
	w.facts.Index = w.recall
	w.memory = memory.New(memory.Deps{
		Store: w.store, Tenants: w.store, Seal: w.sealing, Facts: w.facts, Index: w.recall, Clock: w.clock, IDs: ids, Cursors: cursors,
		Report: func(_ context.Context, doing string, err error) { w.report(doing, err) },
	})
	w.tenancy = tenancy.New(tenancy.Deps{
		Store: w.store, Seal: w.sealing, Keys: w.keys, Flush: w.memory, Facts: w.facts, Forget: forgets{w},
		Clock: w.clock, IDs: ids, Cursors: cursors,
	}, tenancy.Options{
		Defaults:   core.DefaultSettings(),
		Ceilings:   tenancy.Ceilings{MaxUsers: core.MaxQuota, MaxConversationsPerUser: core.MaxQuota, BatchSize: core.MaxBatchSize, RateLimitPerMinute: 6000},
		FoldEmail:  strings.ToLower,
		TenantKeys: len(tenantKeys) > 0,
	})
	return w
}

type forgets struct{ w *world }

func (f forgets) Forget(tenant core.TenantID) {
	f.w.keys.Forget(tenant)
	f.w.sealing.Forget(tenant)
	f.w.recall.Forget(tenant)
}
func (f forgets) ForgetSettings(tenant core.TenantID) { f.w.keys.Forget(tenant) }
func (f forgets) ForgetUser(tenant core.TenantID, user core.UserID) {
	f.w.recall.ForgetUser(tenant, user)
}
func (f forgets) Follow(ctx context.Context, tenant core.TenantID, user core.UserID) {
	f.w.recall.Follow(ctx, tenant, user)
}

// tenant registers one and signs in with its first key.
func (w *world) tenant(name string, settings tenancy.SettingsPatch) (core.Caller, core.IssuedKey) {
	w.t.Helper()
	_, key, err := w.tenancy.Register(w.ctx, core.Op{}, tenancy.Registration{Name: name, Email: name + "@example.com", Settings: settings})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.signIn(key.Secret), key
}

func (w *world) signIn(secret string) core.Caller {
	w.t.Helper()
	caller, err := w.keys.Authenticate(w.ctx, secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return caller
}

// conversation makes a user with a conversation.
func (w *world) conversation(caller core.Caller) (core.UserID, core.ConversationID) {
	w.t.Helper()
	user, err := w.tenancy.CreateUser(w.ctx, caller, core.Op{}, tenancy.NewUser{})
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := w.tenancy.CreateConversation(w.ctx, caller, core.Op{}, user.ID, tenancy.NewConversation{})
	if err != nil {
		w.t.Fatal(err)
	}
	return user.ID, c.ID
}

func (w *world) ingest(caller core.Caller, user core.UserID, c core.ConversationID, contents ...string) memory.Ingested {
	w.t.Helper()
	done, err := w.memory.Ingest(w.ctx, caller, core.Op{}, user, c, said(contents...))
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// said is what a user says, one interaction each.
func said(contents ...string) (list []memory.NewInteraction) {
	for _, content := range contents {
		list = append(list, memory.NewInteraction{Role: "user", Content: content})
	}
	return list
}

// contents reads a conversation back, in order.
func (w *world) contents(caller core.Caller, user core.UserID, c core.ConversationID, desc bool) []string {
	w.t.Helper()
	got := []string{}
	cursor := ""
	for {
		page, err := w.memory.List(w.ctx, caller, user, c, cursor, 3, desc)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, in := range page.Items {
			got = append(got, in.Content)
		}
		if cursor = page.Next; cursor == "" {
			return got
		}
	}
}

// finds is what a search gives.
func (w *world) finds(caller core.Caller, user core.UserID, query string) []string {
	w.t.Helper()
	items, err := w.recall.Search(w.ctx, caller, user, recall.Query{Text: query, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	got := []string{}
	for _, item := range items {
		got = append(got, item.Text)
	}
	return got
}

func numbered(prefix string, from, to int) (list []string) {
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprintf("%s %d", prefix, i))
	}
	return list
}

func want(t *testing.T, code core.Code, err error) {
	t.Helper()
	if !core.Is(err, code) {
		t.Errorf("got %v, want %s", err, code)
	}
}
