package sqlite_test

import (
	"bytes"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
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
	for name, destroy := range map[string]func(w *world, n core.NewTenant) (gone core.NewTenant){
		"of a tenant": func(w *world, n core.NewTenant) core.NewTenant {
			w.deleteTenant(n)
			return n
		},
		"of a data key": func(w *world, n core.NewTenant) core.NewTenant {
			w.rotate(n.Record.ID, n.DataKeys)
			w.ok(w.DestroyDataKey(w.ctx, n.Record.ID, 1))
			return keysOf(n.DataKeys...)
		},
		"of a wrapped form": func(w *world, n core.NewTenant) core.NewTenant {
			now := n.DataKeys[1]
			now.Wrapped = random(132)
			w.ok(w.RewrapDataKey(w.ctx, n.Record.ID, n.DataKeys[1], now))
			return keysOf(n.DataKeys[1])
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.createTenant()
			// What a crash between commit and shredding leaves: the overwriting commit
			// is in the log, behind the pages as they were.
			release, err := w.Hold(w.ctx)
			w.ok(err)
			gone := []core.NewTenant{destroy(w, n)}
			copied := t.TempDir()
			for _, name := range []string{"raven.db", "raven.db-wal"} {
				b, err := os.ReadFile(filepath.Join(w.dir, name))
				w.ok(err)
				w.ok(os.WriteFile(filepath.Join(copied, name), b, 0o600))
			}
			w.ok(release())
			w.dir = copied
			if w.found(gone) == 0 {
				t.Fatal("nothing was left to make up for")
			}
			w.Store = open(t, copied)
			if w.found(gone) != 0 {
				t.Fatal("the wrapped keys are still there")
			}
			list, err := w.DataKeys(w.ctx, n.Record.ID)
			if name == "of a tenant" {
				w.refused(err, core.CodeNotFound)
			} else if err != nil || len(list) != 2 {
				t.Fatalf("of its data keys, there are %v, %v", list, err)
			}
		})
	}
}

// keysOf makes something to look for of wrapped keys.
func keysOf(keys ...core.WrappedKey) core.NewTenant { return core.NewTenant{DataKeys: keys} }

// rotate adds a data key to the owner's, and returns what is in its place no more.
func (w *world) rotate(owner core.TenantID, keys []core.WrappedKey) (now []core.WrappedKey, gone core.WrappedKey) {
	w.t.Helper()
	a := core.DataKeyAddition{
		Key:      core.WrappedKey{Version: keys[len(keys)-1].Version + 1, Provider: "test", Wrapped: random(70 + rand.IntN(90)), CreatedAt: w.now},
		Index:    core.WrappedKey{Provider: core.ProviderDataKey, Wrapped: random(70 + rand.IntN(90)), CreatedAt: w.now},
		IndexWas: keys[0].Wrapped,
	}
	w.ok(w.AddDataKey(w.ctx, owner, core.Op{}, a))
	return append([]core.WrappedKey{a.Index}, append(keys[1:len(keys):len(keys)], a.Key)...), keys[0]
}

// Keys come and go in any order and size, among those of others, which stay.
func TestWrappedKeysThatWereReplacedAreInNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deployment := w.createTenant().DataKeys // as good as any
	for i := range deployment {
		deployment[i].Wrapped = random(132)
	}
	_, err := w.InitDeployment(w.ctx, core.Deployment{ID: "dep", DataKeys: deployment, CreatedAt: w.now})
	w.ok(err)
	owners := []core.TenantID{core.DeploymentTenant}
	keys := map[core.TenantID][]core.WrappedKey{core.DeploymentTenant: deployment}
	for range 40 {
		n := w.createTenant()
		owners, keys[n.Record.ID] = append(owners, n.Record.ID), n.DataKeys
	}
	var gone []core.NewTenant
	for range 200 {
		owner := owners[rand.IntN(len(owners))]
		list := keys[owner]
		switch i := rand.IntN(len(list)); {
		case rand.IntN(3) == 0:
			now := list[i]
			now.Provider, now.Wrapped = "another", random(70+rand.IntN(90))
			w.ok(w.RewrapDataKey(w.ctx, owner, list[i], now))
			gone = append(gone, keysOf(list[i]))
			list = slices.Clone(list)
			list[i] = now
		case len(list) > 2 && i > 0 && i < len(list)-1:
			w.ok(w.DestroyDataKey(w.ctx, owner, list[i].Version))
			gone = append(gone, keysOf(list[i]))
			list = slices.Delete(slices.Clone(list), i, i+1)
		default:
			var was core.WrappedKey
			list, was = w.rotate(owner, list)
			gone = append(gone, keysOf(was))
		}
		keys[owner] = list
		if got := w.found(gone); got != 0 {
			t.Fatalf("%d of %d keys that are there no more are found", got, len(gone))
		}
	}
	for owner, list := range keys {
		for _, k := range list {
			if w.found([]core.NewTenant{keysOf(k)}) != 1 {
				t.Errorf("key %d of %s, which stays, is not found", k.Version, owner)
			}
		}
	}
}

// A change of mode replaces the index key in the step of the settings.
func TestIndexKeyOfAChangedModeIsInNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.createTenant()
	a := core.DataKeyAddition{
		Key:      core.WrappedKey{Version: 2, Provider: "vault", Wrapped: random(90), CreatedAt: w.now},
		Index:    core.WrappedKey{Provider: core.ProviderDataKey, Wrapped: random(160), CreatedAt: w.now},
		IndexWas: n.DataKeys[0].Wrapped,
	}
	_, err := w.UpdateTenant(w.ctx, n.Record.ID, core.Op{}, core.TenantUpdate{
		Settings: n.Record.Settings, IfVersion: 1, At: w.now, Event: w.event(core.EventSettingsUpdated), Key: &a,
	})
	w.ok(err)
	if w.found([]core.NewTenant{keysOf(n.DataKeys[0])}) != 0 {
		t.Error("the index key as it was is found")
	}
	w.deleteTenant(n)
	if w.found([]core.NewTenant{keysOf(a.Key), keysOf(a.Index), keysOf(n.DataKeys[1])}) != 0 {
		t.Error("keys of the deleted tenant are found")
	}
}

// The table that the keys were in before has left nothing behind.
func TestWrappedKeysOfTheFirstSchemaCanBeShredded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := connect(t, filepath.Join(dir, "raven.db"))
	if err := sqlite.Migrate(t.Context(), first, sqlite.Migrations()[:1]); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: t.Context(), dir: dir, ids: core.NewIDs(time.Now, crand.Reader), now: time.UnixMilli(1_700_000_000_123).UTC()}
	var all []core.NewTenant
	for id := range 120 {
		n := core.NewTenant{Record: core.TenantRecord{ID: w.ids.Tenant()}}
		_, err := first.ExecContext(w.ctx, `INSERT INTO tenants (id, tenant, profile, retention_days, max_users, max_conversations,
			batch_size, encryption_mode, rate_per_minute, version, created_at, updated_at)
			VALUES (?, ?, x'', 0, 1, 1, 1, 'platform', 0, 1, 0, 0)`, id+1, n.Record.ID)
		w.ok(err)
		for version := range uint32(2) {
			k := core.WrappedKey{Version: version, Provider: "test", Wrapped: random(132), CreatedAt: w.now}
			_, err := first.ExecContext(w.ctx, `INSERT INTO data_keys (tenant, version, provider, wrapped, created_at) VALUES (?, ?, ?, ?, ?)`,
				id+1, version, k.Provider, k.Wrapped, k.CreatedAt.UnixMilli())
			w.ok(err)
			n.DataKeys = append(n.DataKeys, k)
		}
		all = append(all, n)
	}
	w.ok(first.Close())
	w.Store = open(t, dir)
	for i, n := range all {
		keys, err := w.DataKeys(w.ctx, n.Record.ID)
		w.ok(err)
		if len(keys) != 2 || !bytes.Equal(keys[1].Wrapped, n.DataKeys[1].Wrapped) {
			t.Fatalf("after the migration, there are %v", keys)
		}
		if i%3 != 0 {
			w.deleteTenant(n)
			if w.found(all[i:i+1]) != 0 {
				t.Fatalf("keys of the deleted tenant %d are found", i)
			}
		}
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
