package sqlite_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// found counts the tenants of which a wrapped key is in any file of the store.
func (w *world) found(tenants []core.NewTenant) (n int) {
	w.t.Helper()
	entries, err := os.ReadDir(w.dir)
	w.ok(err)
	var all []byte
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(w.dir, e.Name()))
		w.ok(err)
		all = append(all, b...)
	}
	for _, t := range tenants {
		for _, key := range t.DataKeys {
			if bytes.Contains(all, key.Wrapped) {
				n++
				break
			}
		}
	}
	return n
}

func (w *world) deleteTenant(t core.NewTenant) {
	w.t.Helper()
	w.ok(w.DeleteTenant(w.ctx, t.Record.ID, core.Op{}, w.event(core.EventTenantDeleted)))
}

// Neither may keys be found that a page kept a copy of when its rows were moved,
// so tenants go in any order, and new ones come in between.
func TestWrappedKeysOfDeletedTenantsAreInNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var gone, kept []core.NewTenant
	for range 150 {
		kept = append(kept, w.createTenant())
	}
	for len(kept) > 20 {
		i := rand.IntN(len(kept))
		w.deleteTenant(kept[i])
		gone = append(gone, kept[i])
		kept = slices.Delete(kept, i, i+1)
		if len(gone)%2 == 0 {
			continue
		}
		kept = append(kept, w.createTenant())
		if done, err := w.PurgeTenants(w.ctx, 1000); err != nil || !done {
			t.Fatal(done, err)
		}
		if got := w.found(gone); got != 0 {
			t.Fatalf("keys of %d of %d deleted tenants are found", got, len(gone))
		}
	}
	if got := w.found(kept); got != len(kept) {
		t.Errorf("of the %d tenants that stay, the keys of %d are found", len(kept), got)
	}
}

func TestShreddingWaitsForReadersAndThenHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.createTenant()
	release, err := w.Hold(w.ctx)
	w.ok(err)
	w.deleteTenant(n) // answers all the same
	if w.found([]core.NewTenant{n}) == 0 {
		t.Fatal("the reader does not hold on to the log, so this test shows nothing")
	}
	w.append(1) // and writes go on
	w.ok(release())
	for deadline := time.Now().Add(30 * time.Second); w.found([]core.NewTenant{n}) != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the wrapped keys are still there")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestShreddingIsMadeUpForAfterACrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.createTenant()
	// What a crash between commit and shredding leaves: the overwriting commit
	// is in the log, behind the pages as they were.
	release, err := w.Hold(w.ctx)
	w.ok(err)
	w.deleteTenant(n)
	copied := t.TempDir()
	for _, name := range []string{"raven.db", "raven.db-wal"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		w.ok(err)
		w.ok(os.WriteFile(filepath.Join(copied, name), b, 0o600))
	}
	w.ok(release())
	w.dir = copied
	if w.found([]core.NewTenant{n}) == 0 {
		t.Fatal("nothing was left to make up for")
	}
	w.Store = open(t, copied)
	if w.found([]core.NewTenant{n}) != 0 {
		t.Fatal("the wrapped keys are still there")
	}
	if _, err := w.Tenant(w.ctx, n.Record.ID); !core.Is(err, core.CodeNotFound) {
		t.Fatalf("got %v", err)
	}
}

// There is always somebody who reads as of a moment ago: each reader takes its
// time, and holds on until the next one has begun.
func TestLogStartsAnewUnderSteadyReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := make(chan struct{})
	done := make(chan error)
	go func() {
		release, err := w.Hold(w.ctx)
		for err == nil {
			select {
			case <-stop:
				done <- release()
				return
			case <-time.After(5 * time.Millisecond):
			}
			next, failed := w.Hold(w.ctx)
			err = errors.Join(failed, release())
			release = next
		}
		done <- err
	}()
	a := w.entries(w.conversation, 64, 16<<10) // a MiB
	for range 80 {
		_, err := w.Append(w.ctx, w.id, core.Op{}, a)
		w.ok(err)
	}
	close(stop)
	w.ok(<-done)
	info, err := os.Stat(filepath.Join(w.dir, "raven.db-wal"))
	w.ok(err)
	if info.Size() > 40<<20 {
		t.Fatalf("after 80 MiB, the log has %d MiB", info.Size()>>20)
	}
}
