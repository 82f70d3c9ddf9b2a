package sealing_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/ports"
)

// wrapper is a provider whose keys come from a word. gate, when set, is called
// in each Unwrap, before it does anything.
type wrapper struct {
	name, word string
	gate       func(context.Context) error
	unwraps    atomic.Int64
	version    atomic.Uint32 // of the wrapping key, after the first
}

var _ ports.PlatformKeys = (*wrapper)(nil)

func (w *wrapper) Provider() string { return w.name }

func (w *wrapper) Health(context.Context) error { return nil }

func (w *wrapper) place(tenant core.TenantID, version uint32) ([]byte, core.Place) {
	key := sha256.Sum256([]byte(w.word))
	return key[:], core.Place{Tenant: tenant, Kind: core.KindDataKey, Record: strconv.Itoa(int(version))}
}

func (w *wrapper) NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error) {
	plain = make([]byte, 32)
	_, _ = rand.Read(plain)
	wrapped, err = w.Wrap(ctx, tenant, version, plain)
	return plain, wrapped, err
}

func (w *wrapper) Wrap(_ context.Context, tenant core.TenantID, version uint32, plain []byte) ([]byte, error) {
	key, place := w.place(tenant, version)
	return core.SealEnvelope(rand.Reader, key, max(1, w.version.Load()), "", place, plain)
}

func (w *wrapper) Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	w.unwraps.Add(1)
	if w.gate != nil {
		if err := w.gate(ctx); err != nil {
			return nil, err
		}
	}
	key, place := w.place(tenant, version)
	plain, err := core.OpenEnvelope(key, "", place, wrapped)
	if err != nil {
		return nil, core.NewError(core.CodeKeyUnavailable, "gone")
	}
	return plain, nil
}

func (w *wrapper) Rewrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	plain, err := w.Unwrap(ctx, tenant, version, wrapped)
	if err != nil || w.WrappedBy(wrapped) == max(1, w.version.Load()) {
		return slices.Clone(wrapped), err
	}
	return w.Wrap(ctx, tenant, version, plain)
}

func (*wrapper) WrappedBy(wrapped []byte) uint32 {
	version, _ := core.EnvelopeKeyVersion(wrapped)
	return version
}

// store keeps data keys in memory.
type store struct {
	mu         sync.Mutex
	tenants    map[core.TenantID][]core.WrappedKey
	deployment *core.Deployment
	down       error
	reads      int
	slow       func() // called in each DataKeys
}

var _ ports.DataKeys = (*store)(nil)

func newStore() *store { return &store{tenants: map[core.TenantID][]core.WrappedKey{}} }

func (s *store) DataKeys(_ context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.slow != nil {
		s.slow()
	}
	list, ok := s.tenants[tenant]
	switch {
	case s.down != nil:
		return nil, s.down
	case !ok:
		return nil, core.NotFound()
	}
	return slices.Clone(list), nil
}

func (s *store) InitDeployment(_ context.Context, d core.Deployment) (core.Deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deployment == nil {
		s.deployment = &d
	}
	return *s.deployment, s.down
}

func (s *store) Deployment(context.Context) (core.Deployment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down != nil:
		return core.Deployment{}, s.down
	case s.deployment == nil:
		return core.Deployment{}, core.NotFound()
	}
	d := *s.deployment
	d.KeyChecks = maps.Clone(d.KeyChecks)
	return d, nil
}

func (s *store) AddKeyChecks(_ context.Context, checks map[uint32]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deployment.KeyChecks == nil {
		s.deployment.KeyChecks = map[uint32]string{}
	}
	maps.Copy(s.deployment.KeyChecks, checks)
	return s.down
}

func (s *store) set(tenant core.TenantID, keys []core.WrappedKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants[tenant] = keys
}

func (s *store) remove(tenant core.TenantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tenants, tenant)
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

func (s *store) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

type clock struct{ ns atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(1_700_000_000, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// world is one deployment with two tenants. nodes share store and wrapping.
type world struct {
	*wrapper
	*store
	*clock
	service *sealing.Service
}

const (
	ada = core.TenantID("ten_01hadaaaaaaaaaaaaaaaaaaaaa")
	bob = core.TenantID("ten_01hbbbbbbbbbbbbbbbbbbbbbbb")
)

func newWorld(t testing.TB, opt sealing.Options) *world {
	t.Helper()
	w := &world{wrapper: &wrapper{name: "test", word: "one"}, store: newStore(), clock: &clock{}}
	w.service = w.node(t, opt)
	for _, tenant := range []core.TenantID{ada, bob} {
		keys, err := w.service.NewTenantKeys(t.Context(), tenant, core.EncryptionPlatform)
		if err != nil {
			t.Fatal(err)
		}
		w.set(tenant, keys)
	}
	w.unwraps.Store(0)
	return w
}

func deps(w *wrapper, s *store, c *clock) sealing.Deps {
	return sealing.Deps{Providers: sealing.Providers{Platform: w}, Keys: s, Clock: c, Random: rand.Reader}
}

// node starts another server on the same store.
func (w *world) node(t testing.TB, opt sealing.Options, id ...string) *sealing.Service {
	t.Helper()
	id = append(id, "dep_1")
	s := sealing.New(deps(w.wrapper, w.store, w.clock), opt)
	if err := s.Start(t.Context(), func() string { return id[0] }, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// rotate gives the tenant one more sealing key.
func (w *world) rotate(t *testing.T, tenant core.TenantID) uint32 {
	t.Helper()
	list, err := w.DataKeys(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	version := list[len(list)-1].Version + 1
	_, wrapped, err := w.NewDataKey(t.Context(), tenant, version)
	if err != nil {
		t.Fatal(err)
	}
	w.set(tenant, append(list, core.WrappedKey{Version: version, Provider: "test", Wrapped: wrapped, CreatedAt: w.Now()}))
	return version
}

func placeOf(tenant core.TenantID) core.Place {
	return core.Place{Tenant: tenant, User: "usr_1", Kind: core.KindUser, Record: "usr_1", Version: 1}
}

func seal(t *testing.T, s *sealing.Service, place core.Place, text string) []byte {
	t.Helper()
	sealed, err := s.Seal(t.Context(), place, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func mustOpen(t *testing.T, s *sealing.Service, place core.Place, sealed []byte, want string) {
	t.Helper()
	got, err := s.Open(t.Context(), place, sealed)
	if err != nil || string(got) != want {
		t.Fatalf("opened %q, %v; want %q", got, err, want)
	}
}
