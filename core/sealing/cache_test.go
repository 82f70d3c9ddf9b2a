package sealing_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

// hold makes each unwrap wait: for a send on the channel it returns, for its
// closing, or for the caller to give up.
func (w *world) hold() chan error {
	gate := make(chan error)
	w.gate = func(ctx context.Context) error {
		select {
		case err := <-gate:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return gate
}

func TestKeyIsUsedForItsLifeAndNoLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{CacheTTL: time.Minute})
	sealed := seal(t, w.service, placeOf(ada), "x")
	w.gate = func(context.Context) error { return core.NewError(core.CodeKeyUnavailable, "disabled") }
	w.advance(time.Minute - 1)
	before := w.service.Stats()
	mustOpen(t, w.service, placeOf(ada), sealed, "x")
	if s := w.service.Stats(); s.Hits != before.Hits+1 || s.Misses != before.Misses || s.Misses == 0 {
		t.Errorf("counted %+v after %+v", s, before)
	}
	w.advance(1)
	if _, err := w.service.Open(t.Context(), placeOf(ada), sealed); !core.Is(err, core.CodeKeyUnavailable) {
		t.Errorf("opened after the key's life: %v", err)
	}
	w.gate = nil
	if _, err := w.service.Open(t.Context(), placeOf(ada), sealed); !core.Is(err, core.CodeKeyUnavailable) || w.unwraps.Load() != 2 {
		t.Errorf("a refusal a moment ago is not given again: %v, %d unwraps", err, w.unwraps.Load())
	}
	w.advance(time.Second)
	mustOpen(t, w.service, placeOf(ada), sealed, "x")
}

// A second key, unwrapped later in the set's life, does not prolong it.
func TestKeysOfATenantExpireTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{CacheTTL: time.Minute})
	seal(t, w.service, placeOf(ada), "x")
	w.advance(50 * time.Second)
	if _, err := w.service.Hash(t.Context(), ada, "d", "v"); err != nil {
		t.Fatal(err)
	}
	w.remove(ada)
	w.advance(10 * time.Second)
	if _, err := w.service.Hash(t.Context(), ada, "d", "v"); !core.Is(err, core.CodeNotFound) {
		t.Errorf("a deleted tenant's key outlived the cache: %v", err)
	}
}

// The life of a key counts from before the store was asked.
func TestTimeSpentLoadingIsPartOfAKeysLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{CacheTTL: time.Minute})
	w.slow = func() { w.advance(30 * time.Second) }
	w.gate = func(context.Context) error { w.advance(29 * time.Second); return nil }
	seal(t, w.service, placeOf(ada), "x")
	w.slow, w.gate = nil, nil
	w.remove(ada)
	w.advance(time.Second)
	if _, err := w.service.Seal(t.Context(), placeOf(ada), nil); !core.Is(err, core.CodeNotFound) {
		t.Errorf("a key was used 60 s after the store was asked: %v", err)
	}
}

func TestKeysAreLoadedAnewWhenTheClockStepsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	seal(t, w.service, placeOf(ada), "x")
	w.advance(-time.Hour)
	w.remove(ada)
	if _, err := w.service.Seal(t.Context(), placeOf(ada), nil); !core.Is(err, core.CodeNotFound) {
		t.Errorf("used a key of unknown age: %v", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{CacheKeys: 2})
	for _, step := range []struct {
		tenant core.TenantID
		loads  int64
	}{
		{ada, 1}, {bob, 2}, {ada, 2}, {bob, 2}, // both fit
		{core.DeploymentTenant, 3}, // the longest loaded goes
		{bob, 3}, {ada, 4}, {bob, 5},
	} {
		seal(t, w.service, placeOf(step.tenant), "x")
		if got := w.unwraps.Load(); got != step.loads {
			t.Errorf("%s: %d unwraps so far, want %d", step.tenant, got, step.loads)
		}
	}
}

func TestServiceWorksWhenNoKeyCanBeHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{CacheKeys: 1})
	for range 3 {
		mustOpen(t, w.service, placeOf(ada), seal(t, w.service, placeOf(ada), "x"), "x")
		if _, err := w.service.Hash(t.Context(), ada, "d", "v"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConcurrentCallersUnwrapOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	sealed := seal(t, w.service, placeOf(ada), "x")
	w.service.Forget(ada)
	w.unwraps.Store(0)
	before := w.asked()
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		var opened atomic.Int64
		for range 50 {
			go func() {
				if plain, err := w.service.Open(t.Context(), placeOf(ada), sealed); err == nil && string(plain) == "x" {
					opened.Add(1)
				}
			}()
		}
		synctest.Wait() // one is in the provider, the rest wait for it
		close(gate)
		synctest.Wait()
		if opened.Load() != 50 || w.unwraps.Load() != 1 || w.asked()-before != 1 {
			t.Errorf("%d of 50 opened, by %d unwraps and %d reads", opened.Load(), w.unwraps.Load(), w.asked()-before)
		}
	})
}

// A provider that fails slowly is asked once for all who wait, not by each in turn.
func TestConcurrentCallersShareAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		var failed atomic.Int64
		for range 20 {
			go func() {
				if _, err := w.service.Seal(t.Context(), placeOf(ada), nil); core.Is(err, core.CodeKeyManagement) {
					failed.Add(1)
				}
			}()
		}
		synctest.Wait()
		gate <- core.NewError(core.CodeKeyManagement, "down")
		synctest.Wait()
		if failed.Load() != 20 || w.unwraps.Load() != 1 {
			t.Errorf("%d of 20 failed, by %d unwraps", failed.Load(), w.unwraps.Load())
		}
		close(gate)
		w.advance(time.Second)
		seal(t, w.service, placeOf(ada), "x") // and a failure is not kept for longer
	})
}

// A caller who waits for one key is not told of the failure of another.
func TestFailureOfOneVersionIsNotAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		var hashing, sealing error
		go func() { _, hashing = w.service.Hash(t.Context(), ada, "d", "v") }()
		synctest.Wait()
		go func() { _, sealing = w.service.Seal(t.Context(), placeOf(ada), nil) }()
		synctest.Wait()
		gate <- core.NewError(core.CodeKeyUnavailable, "damaged")
		close(gate)
		synctest.Wait()
		if !core.Is(hashing, core.CodeKeyUnavailable) || sealing != nil {
			t.Errorf("hashing: %v; sealing: %v", hashing, sealing)
		}
	})
}

func TestCallerWhoGivesUpFailsNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		ctx, leave := context.WithCancel(t.Context())
		var first, second, third error
		go func() { _, first = w.service.Seal(ctx, placeOf(ada), nil) }()
		synctest.Wait()
		impatient, leaveToo := context.WithCancel(t.Context())
		go func() { _, second = w.service.Seal(t.Context(), placeOf(ada), nil) }()
		go func() { _, third = w.service.Seal(impatient, placeOf(ada), nil) }()
		synctest.Wait()
		leaveToo() // who waits may leave before the load is done
		synctest.Wait()
		if !errors.Is(third, context.Canceled) {
			t.Errorf("the impatient got %v", third)
		}
		leave()
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if !errors.Is(first, context.Canceled) || second != nil {
			t.Errorf("who left got %v, who stayed %v", first, second)
		}
	})
}

func TestCancelledContextIsRefusedWithACachedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	seal(t, w.service, placeOf(ada), "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.service.Seal(ctx, placeOf(ada), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestForgottenKeyIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	sealed := seal(t, w.service, placeOf(ada), "x")
	seal(t, w.service, placeOf(bob), "x")
	w.remove(ada)
	mustOpen(t, w.service, placeOf(ada), sealed, "x")
	w.service.Forget(ada)
	if _, err := w.service.Open(t.Context(), placeOf(ada), sealed); !core.Is(err, core.CodeNotFound) {
		t.Errorf("opened after Forget: %v", err)
	}
	before := w.unwraps.Load()
	seal(t, w.service, placeOf(bob), "x")
	if w.unwraps.Load() != before {
		t.Error("another tenant's key was forgotten too")
	}
}

// The tenant is deleted and forgotten while its key is on its way: nobody may
// use the key, neither who asked for it nor who waited, nor who comes after.
func TestForgetWinsOverALoadUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		var errs [3]error
		for i := range errs {
			go func() { _, errs[i] = w.service.Seal(t.Context(), placeOf(ada), nil) }()
		}
		synctest.Wait()
		w.remove(ada)
		w.service.Forget(ada)
		close(gate)
		synctest.Wait()
		for i, err := range errs {
			if !core.Is(err, core.CodeNotFound) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	})
	if _, err := w.service.Seal(t.Context(), placeOf(ada), nil); !core.Is(err, core.CodeNotFound) {
		t.Errorf("the key was kept: %v", err)
	}
}

// Nor does anybody get the failure of a load from before Forget.
func TestForgetWinsOverAFailingLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		var errs [3]error
		for i := range errs {
			go func() { _, errs[i] = w.service.Seal(t.Context(), placeOf(ada), nil) }()
		}
		synctest.Wait()
		w.service.Forget(ada)
		gate <- core.NewError(core.CodeKeyUnavailable, "disabled")
		close(gate)
		synctest.Wait()
		if errs != [3]error{} {
			t.Errorf("got %v", errs)
		}
	})
}

// Who comes after Forget does not wait for a load from before it, and the old
// load does not push out what the new one brought.
func TestForgetLetsANewLoadBegin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	synctest.Test(t, func(t *testing.T) {
		gate := w.hold()
		var old error
		go func() { _, old = w.service.Seal(t.Context(), placeOf(ada), nil) }()
		synctest.Wait()
		w.rotate(t, ada)
		w.service.Forget(ada)
		var sealed []byte
		go func() { sealed, _ = w.service.Seal(t.Context(), placeOf(ada), nil) }()
		synctest.Wait()
		if w.unwraps.Load() != 2 {
			t.Fatalf("%d unwraps under way, want the old one and a new one", w.unwraps.Load())
		}
		close(gate)
		synctest.Wait()
		if v, _ := core.EnvelopeKeyVersion(sealed); v != 2 || old != nil {
			t.Errorf("sealed under version %d; the old caller got %v", v, old)
		}
	})
	if v, _ := core.EnvelopeKeyVersion(seal(t, w.service, placeOf(ada), "x")); v != 2 {
		t.Errorf("the key from before Forget was kept: version %d", v)
	}
}

func TestProviderThatPanicsLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	w.gate = func(context.Context) error { panic("provider") }
	func() {
		defer func() { _ = recover() }()
		_, _ = w.service.Seal(t.Context(), placeOf(ada), nil)
	}()
	w.gate = nil
	seal(t, w.service, placeOf(ada), "x")
}

// Sealing, forgetting, expiring and evicting at once: nothing sealed is ever
// sealed under a key that was being cleared.
func TestWhatIsSealedAmidChurnOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{CacheKeys: 3, CacheTTL: time.Second})
	fresh := w.node(t, sealing.Options{})
	tenants := []core.TenantID{ada, bob, core.DeploymentTenant}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				tenant := tenants[(g+i)%len(tenants)]
				sealed, err := w.service.Seal(t.Context(), placeOf(tenant), []byte("x"))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := fresh.Open(t.Context(), placeOf(tenant), sealed); err != nil {
					t.Error(err)
				}
				if _, err := w.service.Hash(t.Context(), tenant, "d", "v"); err != nil {
					t.Error(err)
				}
				switch i % 10 {
				case 3:
					w.service.Forget(tenant)
				case 7:
					w.advance(400 * time.Millisecond)
					w.service.Sweep()
				}
			}
		})
	}
	wg.Wait()
}
