package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

// KeyName makes the wrapper one that names keys.
func (w *wrapper) KeyName(tenant core.TenantID) string { return "raven-" + string(tenant) }

var errGone = core.NewError(core.CodeKeyUnavailable, "gone")

func gone(context.Context) error { return errGone }

func down(context.Context) error { return core.NewError(core.CodeKeyManagement, "sealed") }

// changeMode does what the step that changes a tenant's mode does.
func (w *filled) changeMode(t *testing.T, n *node, tenant core.TenantID, mode core.EncryptionMode) error {
	t.Helper()
	a, err := n.ChangeMode(t.Context(), core.Caller{Tenant: tenant}, mode)
	if err != nil {
		return err
	}
	if err := w.records.AddDataKey(t.Context(), tenant, core.Op{}, *a); err != nil {
		return err
	}
	w.records.mu.Lock()
	w.records.modes[tenant] = mode
	w.records.mu.Unlock()
	n.Changed(tenant)
	return nil
}

func newOwned(t *testing.T) *filled {
	t.Helper()
	w := newFilled(t)
	if err := w.changeMode(t, w.node, ada, core.EncryptionTenant); err != nil {
		t.Fatal(err)
	}
	w.run(t, w.node)
	return w
}

func TestChangeOfModeLeavesEverythingReadableAndOneKeyInTheEnd(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	heir := w.start(t, "heir")
	for i, mode := range []core.EncryptionMode{core.EncryptionTenant, core.EncryptionPlatform, core.EncryptionTenant} {
		if err := w.changeMode(t, w.node, ada, mode); err != nil {
			t.Fatal(err)
		}
		w.readable(t, heir.Service, ada)
		if i == 1 {
			continue // the next change comes before the re-encryption
		}
		w.run(t, w.node)
		if lowest := w.readable(t, heir.Service, ada); lowest != uint32(i+2) {
			t.Errorf("%s: under version %d", mode, lowest)
		}
	}
	w.advance(time.Hour)
	w.run(t, w.node)
	keys, _ := w.DataKeys(t.Context(), ada)
	if len(keys) != 2 || keys[1].Version != 4 || keys[1].Provider != "own" || keys[0].Provider != core.ProviderDataKey {
		t.Errorf("keys %+v", keys)
	}
	w.service.Forget(ada)
	w.gate = gone // the platform's provider opens nothing of the tenant any more
	if _, err := w.service.Open(t.Context(), core.UserPlace(ada, "usr_0", 2), w.records.users[ada][0].Sealed); err != nil {
		t.Errorf("the platform's key is still needed: %v", err)
	}
	if _, err := w.service.Hash(t.Context(), ada, "user", "x"); err != nil {
		t.Errorf("the index key is under the platform's: %v", err)
	}
}

func TestChangeToAKeyThatIsNotThereChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gate func(context.Context) error
		want core.Code
	}{"refused": {gone, core.CodeKeyUnavailable}, "down": {down, core.CodeKeyManagement}} {
		w := newFilled(t)
		before, _ := w.DataKeys(t.Context(), ada)
		w.own.gate = c.gate
		err := w.changeMode(t, w.node, ada, core.EncryptionTenant)
		after, _ := w.DataKeys(t.Context(), ada)
		if !core.Is(err, c.want) || !slices.EqualFunc(before, after, sameKey) || len(w.records.events) > 0 {
			t.Errorf("%s: %v, keys %+v", name, err, after)
		}
		var e *core.Error
		if errors.As(err, &e) && name == "refused" && e.Message != `The tenant's own key "raven-`+string(ada)+`" is missing, disabled or refused.` {
			t.Errorf("the refusal does not name the key: %s", e.Message)
		}
	}
}

func sameKey(a, b core.WrappedKey) bool {
	return a.Version == b.Version && a.Provider == b.Provider && bytes.Equal(a.Wrapped, b.Wrapped)
}

func TestTenantsKeyThatIsGoneLocksThatTenantOnly(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	w.readable(t, w.service, ada)
	w.own.gate = gone
	w.advance(cacheLife - 1)
	if err := w.service.Available(t.Context(), ada); err != nil {
		t.Errorf("locked before the cache ran out: %v", err)
	}
	w.advance(1)
	for range 3 {
		if err := w.service.Available(t.Context(), ada); !core.Is(err, core.CodeKeyUnavailable) {
			t.Fatalf("usable after the cache ran out: %v", err)
		}
		_, hashing := w.service.Hash(t.Context(), ada, "user", "x")
		_, sealing := w.service.Seal(t.Context(), core.Place{Tenant: ada, Kind: core.KindReplay}, nil)
		if !core.Is(hashing, core.CodeKeyUnavailable) || !core.Is(sealing, core.CodeKeyUnavailable) {
			t.Errorf("look-ups and kept answers go on: %v, %v", hashing, sealing)
		}
		w.advance(10 * time.Second)
	}
	if err := w.service.Available(t.Context(), bob); err != nil {
		t.Errorf("another tenant is locked: %v", err)
	}
	if got := w.records.recorded(ada); !slices.Equal(got, []core.EventType{core.EventEncryptionRotated, core.EventKeyUnavailable}) {
		t.Errorf("recorded %v", got)
	}
	if !slices.Contains(w.node.forgotten, ada) || slices.Contains(w.node.forgotten, bob) {
		t.Errorf("dropped from memory: %v", w.node.forgotten)
	}
	w.own.gate = nil
	w.advance(time.Second)
	w.readable(t, w.service, ada)
	w.own.gate = gone
	w.advance(cacheLife)
	_ = w.service.Available(t.Context(), ada)
	if got := w.records.recorded(ada); len(got) != 3 {
		t.Errorf("a second outage: recorded %v", got)
	}
}

func TestProviderThatIsDownIsNoOutageOfTheKey(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	w.own.gate = down
	w.advance(cacheLife)
	for range 3 {
		if err := w.service.Available(t.Context(), ada); !core.Is(err, core.CodeKeyManagement) {
			t.Errorf("got %v", err)
		}
	}
	if got := w.records.recorded(ada); len(got) != 1 || len(w.node.forgotten) > 0 {
		t.Errorf("recorded %v, dropped %v", got, w.node.forgotten)
	}
	w.own.gate = nil
	w.advance(time.Second)
	if err := w.service.Available(t.Context(), ada); err != nil {
		t.Errorf("it is back: %v", err)
	}
}

func TestNodesRecordOneOutageTogether(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	nodes := []*node{w.node, w.start(t, "b"), w.start(t, "c")}
	w.own.gate = gone
	w.advance(cacheLife)
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { _ = n.Available(t.Context(), ada) })
	}
	wg.Wait()
	if got := w.records.recorded(ada); len(got) != 2 {
		t.Errorf("recorded %v", got)
	}
}

// What nobody asks for is not kept in the clear on the word of a key that nobody
// has looked for.
func TestMemoryOfAnIdleTenantWithItsOwnKeyIsDropped(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	w.readable(t, w.service, ada)
	w.readable(t, w.service, bob)
	w.advance(cacheLife)
	w.service.Sweep()
	if len(w.node.forgotten) > 0 {
		t.Errorf("dropped %v while the cache's life is not over", w.node.forgotten)
	}
	w.advance(time.Second)
	w.service.Sweep()
	w.service.Sweep()
	if !slices.Equal(w.node.forgotten, []core.TenantID{ada}) {
		t.Errorf("dropped %v", w.node.forgotten)
	}
}

func TestOutageIsRecordedWhenTheStoreIsBack(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	w.own.gate = gone
	w.advance(cacheLife)
	w.records.step = func(string) error { return core.Unavailable(nil) }
	_ = w.service.Available(t.Context(), ada)
	w.records.step = nil
	w.advance(time.Second)
	_ = w.service.Available(t.Context(), ada)
	if got := w.records.recorded(ada); len(got) != 2 {
		t.Errorf("recorded %v", got)
	}
}

// A key that another node had rewrapped is asked for anew before it counts as gone.
func TestRewrappedKeyIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	if err := w.service.Available(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	w.rotateNow(t, w.start(t, "b"), ada) // version 3; this node knows 2
	keys, _ := w.DataKeys(t.Context(), ada)
	sealed := w.records.users[ada][0].Sealed
	w.service.Forget(ada)
	seal(t, w.service, placeOf(ada), "loads the newest")
	first := true
	w.own.gate = func(context.Context) error { // the stored form that was read first is stale
		if first {
			first = false
			return errGone
		}
		return nil
	}
	mustOpen(t, w.service, core.UserPlace(ada, "usr_0", 2), sealed, "usr_0")
	if got := w.records.recorded(ada); slices.Contains(got, core.EventKeyUnavailable) || len(keys) != 4 {
		t.Errorf("recorded %v, keys %d", got, len(keys))
	}
}

func TestRotationInModeTenantRewrapsTheOlderKeys(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	w.own.version.Store(5)
	e := w.rotateNow(t, w.node, ada)
	if e.Provider != "own" || e.KeyVersion != 3 {
		t.Errorf("after: %+v", e)
	}
	keys, _ := w.DataKeys(t.Context(), ada)
	for _, k := range keys {
		if k.Provider == "own" && w.own.WrappedBy(k.Wrapped) != 5 {
			t.Errorf("data key %d is wrapped by version %d", k.Version, w.own.WrappedBy(k.Wrapped))
		}
	}
	again := w.rotateNow(t, w.node, ada)
	if again.KeyVersion != 3 || again.Reencryption.State != core.ReencryptionRunning {
		t.Errorf("a rotation while one runs: %+v", again)
	}
}

func TestRewrapAllMovesKeysToTheNewestVersionAndProvider(t *testing.T) {
	t.Parallel()
	w := newOwned(t)
	moved := &wrapper{name: "moved", word: "three"}
	n := w.start(t, "b")
	n.Providers = sealing.Providers{Platform: moved, Tenant: w.own, Others: n.Providers.Others}
	n.Providers.Others = append(n.Providers.Others, w.wrapper)
	w.own.version.Store(7)
	var last [2]int
	if err := n.RewrapAll(t.Context(), func(done, total int) { last = [2]int{done, total} }); err != nil || last != [2]int{3, 3} {
		t.Fatalf("%v, progress %v", err, last)
	}
	for _, tenant := range []core.TenantID{ada, bob} {
		keys, _ := w.DataKeys(t.Context(), tenant)
		for _, k := range keys[1:] {
			if k.Provider == "test" || k.Provider == "own" && w.own.WrappedBy(k.Wrapped) != 7 {
				t.Errorf("%s: data key %d is wrapped by %s, version %d", tenant, k.Version, k.Provider, w.own.WrappedBy(k.Wrapped))
			}
		}
		w.readable(t, n.Service, tenant)
	}
	if w.deployment.DataKeys[1].Provider != "moved" {
		t.Errorf("the deployment's key is wrapped by %s", w.deployment.DataKeys[1].Provider)
	}
}

// A store made before the index key was put under a data key stays readable, and
// a rotation puts it there.
func TestIndexKeyThatAProviderWrappedGoesUnderTheDataKey(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	plain, wrapped, _ := w.NewDataKey(t.Context(), ada, core.IndexKeyVersion)
	keys, _ := w.DataKeys(t.Context(), ada)
	keys[0] = core.WrappedKey{Version: core.IndexKeyVersion, Provider: "test", Wrapped: wrapped}
	w.set(ada, keys)
	w.service.Forget(ada)
	hash, err := w.service.Hash(t.Context(), ada, "user", "x")
	if err != nil {
		t.Fatal(err)
	}
	w.rotateNow(t, w.node, ada)
	again, err := w.service.Hash(t.Context(), ada, "user", "x")
	if keys, _ = w.DataKeys(t.Context(), ada); err != nil || hash != again || keys[0].Provider != core.ProviderDataKey {
		t.Errorf("%v, the same hash: %v, provider %s", err, hash == again, keys[0].Provider)
	}
	if bytes.Contains(keys[0].Wrapped, plain) {
		t.Error("the index key lies open")
	}
}

func TestKeptAnswersStayReadableWhenTheDataKeyIsDestroyed(t *testing.T) {
	t.Parallel()
	w := newFilled(t)
	place := core.Place{Tenant: ada, Kind: core.KindReplay, Record: "r", Version: 1}
	sealed := seal(t, w.service, place, "answer")
	if v, _ := core.EnvelopeKeyVersion(sealed); v != core.IndexKeyVersion {
		t.Errorf("sealed under version %d", v)
	}
	w.rotateNow(t, w.node, ada)
	w.run(t, w.node)
	w.advance(time.Hour)
	w.run(t, w.node)
	if got := w.versions(t, ada); slices.Contains(got, 1) {
		t.Fatalf("keys %v", got)
	}
	mustOpen(t, w.start(t, "b").Service, place, sealed, "answer")
	place.Kind = core.KindUser
	if _, err := w.service.Open(t.Context(), place, sealed); !errors.Is(err, core.ErrSealed) {
		t.Errorf("opened as another kind: %v", err)
	}
}
