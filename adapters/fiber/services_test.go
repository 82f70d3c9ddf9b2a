package fiberhttp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/quotas"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/ports"
)

// testClock is a clock that the test moves.
type testClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead).UTC().Truncate(time.Millisecond)
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// fullWorld is a server over real services and a store of its own.
type fullWorld struct {
	*world
	clock  *testClock
	store  *sqlite.Store
	own    *ownKeys
	seal   *sealing.Service
	memory *memory.Service
	hooks  *hookReceiver
}

// ownKeys holds tenants' own keys. refuse, when set, is asked before each is used.
type ownKeys struct {
	ports.WrappingKeys
	refuse atomic.Pointer[func(core.TenantID) error]
}

func (*ownKeys) Provider() string { return "vault" }

func (*ownKeys) KeyName(tenant core.TenantID) string { return "raven-" + string(tenant) }

func (o *ownKeys) set(refuse func(core.TenantID) error) { o.refuse.Store(&refuse) }

func (o *ownKeys) check(tenant core.TenantID) error {
	if refuse := o.refuse.Load(); refuse != nil && *refuse != nil {
		return (*refuse)(tenant)
	}
	return nil
}

func (o *ownKeys) NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error) {
	if err := o.check(tenant); err != nil {
		return nil, nil, err
	}
	return o.WrappingKeys.NewDataKey(ctx, tenant, version)
}

func (o *ownKeys) Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	if err := o.check(tenant); err != nil {
		return nil, err
	}
	return o.WrappingKeys.Unwrap(ctx, tenant, version, wrapped)
}

type forgets struct {
	keys    *keys.Service
	sealing *sealing.Service
	recall  *recall.Service
}

func (f forgets) Forget(tenant core.TenantID) {
	f.keys.Forget(tenant)
	f.sealing.Forget(tenant)
	f.recall.Forget(tenant)
}

func (f forgets) ForgetSettings(tenant core.TenantID) { f.keys.Forget(tenant) }

func (f forgets) ForgetUser(tenant core.TenantID, user core.UserID) {
	f.recall.ForgetUser(tenant, user)
}

func (f forgets) Follow(ctx context.Context, tenant core.TenantID, user core.UserID) {
	f.recall.Follow(ctx, tenant, user)
}

func newFullWorld(t *testing.T, cfg Config, quota quotas.Options) *fullWorld {
	t.Helper()
	ctx, clock, dir := t.Context(), &testClock{}, t.TempDir()
	store, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	ring, err := localkeys.Generate(dir+"/keyring", "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ids, cursors := core.NewIDs(clock.Now, rand.Reader), core.NewCursors(make([]byte, 32))
	own := &ownKeys{WrappingKeys: ring}
	seal := sealing.New(sealing.Deps{
		Providers: sealing.Providers{Platform: ring, Tenant: own}, Keys: store, Clock: clock, Random: rand.Reader,
		Rotation: store, Tenants: store, IDs: ids,
	}, sealing.Options{})
	if err := seal.Start(ctx, ids.Deployment, ring.Checks()); err != nil {
		t.Fatal(err)
	}
	apiKeys := keys.New(store, seal, clock, rand.Reader, ids, cursors)
	known := facts.New(facts.Deps{Store: store, Seal: seal, Clock: clock, IDs: ids, Cursors: cursors})
	recalls := recall.New(store, store, seal, snowball.New(), clock, recall.Options{Facts: known})
	known.Index = recalls
	memories := memory.New(memory.Deps{
		Store: store, Tenants: store, Seal: seal, Facts: known, Index: recalls, Clock: clock, IDs: ids, Cursors: cursors,
		Report: func(_ context.Context, doing string, err error) { t.Errorf("%s: %v", doing, err) },
	})
	tenants := tenancy.New(tenancy.Deps{
		Store: store, Seal: seal, Keys: apiKeys, Flush: memories, Facts: known, Forget: forgets{apiKeys, seal, recalls},
		Clock: clock, IDs: ids, Cursors: cursors,
	}, tenancy.Options{
		Defaults:   core.DefaultSettings(),
		Ceilings:   tenancy.Ceilings{MaxUsers: core.MaxQuota, MaxConversationsPerUser: core.MaxQuota, BatchSize: core.MaxBatchSize, RateLimitPerMinute: 6000},
		TenantKeys: true, FoldEmail: strings.ToLower,
	})
	if cfg.Registration == "" {
		cfg.Registration = RegistrationOpen
	}
	hooks, receiver := newHooks(t, store, tenants, clock, ids, cursors)
	w := serve(t, cfg, Services{
		Tenancy: tenants, Keys: apiKeys, Quotas: quotas.New(memlimit.New(1000), memlimit.New(1000), clock, quota),
		Memory: memories, Facts: known, Recall: recalls, Sealing: seal, Audit: newAudit(t, store, clock, ids, cursors), Webhooks: hooks,
	}, Deps{Idempotency: store, Clock: clock, IDs: ids, Checks: []Check{{"store", true, store.Ping}}})
	return &fullWorld{world: w, clock: clock, store: store, own: own, seal: seal, memory: memories, hooks: receiver}
}

// generous is a quota that no test meets by accident.
var generous = quotas.Options{PerTenant: 6000, Unauthenticated: 6000}

// do sends a request with a key, by net/http. headers are pairs.
func (w *fullWorld) do(key, method, path, body string, headers ...string) reply {
	w.t.Helper()
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.addr+path, payload)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	r := reply{resp.StatusCode, resp.Header, got}
	conforms(w.t, method, path, r)
	return r
}

// must sends a request that has to be answered with the status, in JSON.
func (w *fullWorld) must(key string, status int, method, path, body string, headers ...string) map[string]any {
	w.t.Helper()
	r := w.do(key, method, path, body, headers...)
	if r.status != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, status, r.body)
	}
	expectCommonHeaders(w.t, r)
	if len(r.body) == 0 {
		return nil
	}
	return r.json(w.t)
}

// refuses sends a request that has to be refused with the code.
func (w *fullWorld) refuses(key string, status int, code, method, path, body string, headers ...string) map[string]any {
	w.t.Helper()
	return expectProblem(w.t, w.do(key, method, path, body, headers...), status, code)
}

// register makes a tenant and gives its id and key.
func (w *fullWorld) register(name, settings string) (id, key string) {
	w.t.Helper()
	body := `{"name":"` + name + `","email":"` + name + `@example.com"`
	if settings != "" {
		body += `,"settings":` + settings
	}
	out := w.must("", 201, "POST", "/api/v1/tenants", body+"}")
	return text(out, "tenant", "id"), text(out, "api_key", "key")
}

// key makes a key with a preset or a list of scopes, in JSON.
func (w *fullWorld) key(admin, scopes string) string {
	w.t.Helper()
	return text(w.must(admin, 201, "POST", "/api/v1/tenant/keys", `{"name":"k","scopes":`+scopes+`}`), "key")
}

// at walks into JSON by names and indexes.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func text(v any, path ...any) string { s, _ := at(v, path...).(string); return s }

func items(v any, path ...any) []any { l, _ := at(v, path...).([]any); return l }

// expectMembers checks that an object has exactly these members.
func expectMembers(t *testing.T, v any, names string) {
	t.Helper()
	m, _ := v.(map[string]any)
	for _, name := range strings.Fields(names) {
		if _, ok := m[name]; !ok {
			t.Errorf("no %s in %v", name, v)
		}
	}
	if len(m) != len(strings.Fields(names)) {
		t.Errorf("members of %v, want %s", v, names)
	}
}

func expectTime(t *testing.T, v any) {
	t.Helper()
	s, _ := v.(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", s); err != nil {
		t.Errorf("%q is not a time in UTC with milliseconds", s)
	}
}

func toJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}
