package redis_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// rotation changes data keys, the tenant's and the deployment's, in every way
// there is, and takes leases.
func (l *life) rotation() {
	l.t.Helper()
	for _, owner := range []core.TenantID{l.tenant, core.DeploymentTenant} {
		now := l.Now()
		_, err := l.Lease(l.Ctx, owner, "work", "ada", now, now.Add(time.Minute))
		l.ok(err)
		l.ok(l.EndLease(l.Ctx, owner, "work", "bob"))
		for version := uint32(2); version < 4; version++ {
			l.ok(l.AddDataKey(l.Ctx, owner, l.Op(), l.addition(owner, version)))
		}
		keys := l.dataKeys(owner)
		anew := keys[3]
		anew.Wrapped = l.Bytes(50)
		l.ok(l.RewrapDataKey(l.Ctx, owner, keys[3], anew))
		l.ok(l.DestroyDataKey(l.Ctx, owner, 2))
		l.ok(l.DestroyDataKey(l.Ctx, owner, 1))
		for _, state := range []core.ReencryptionState{core.ReencryptionIdle, core.ReencryptionRunning} {
			l.ok(l.SetReencryption(l.Ctx, owner, core.Reencryption{State: state, Version: 3, StartedAt: now}))
			_, err = l.Rotating(l.Ctx, "", 10)
			l.ok(err)
		}
	}
	place := core.TenantPlace(l.tenant, 2)
	r, err := l.Tenant(l.Ctx, l.tenant)
	l.ok(err)
	_, err = l.Reseal(l.Ctx, core.DeploymentTenant, []core.Resealed{{Place: place, Was: r.Profile, Now: l.envelope(place)}})
	l.ok(err)
}

// reseal gives the last user's blob an envelope of another size.
func (l *life) reseal() {
	l.t.Helper()
	b, err := l.Blob(l.Ctx, l.tenant, l.user, l.blob.ID)
	l.ok(err)
	place := core.BlobPlace(l.tenant, b)
	done, err := l.Reseal(l.Ctx, l.tenant, []core.Resealed{{Place: place, Was: b.Sealed, Now: l.envelope(place)}})
	l.ok(err)
	if done != 1 {
		l.t.Fatalf("of one blob, %d were resealed", done)
	}
}

func (l *life) dataKeys(owner core.TenantID) []core.WrappedKey {
	l.t.Helper()
	if owner == core.DeploymentTenant {
		d, err := l.Deployment(l.Ctx)
		l.ok(err)
		return d.DataKeys
	}
	keys, err := l.DataKeys(l.Ctx, owner)
	l.ok(err)
	return keys
}

func (l *life) addition(owner core.TenantID, version uint32) core.DataKeyAddition {
	l.t.Helper()
	return core.DataKeyAddition{
		Key:          core.WrappedKey{Version: version, Provider: "local", Wrapped: l.Bytes(60), CreatedAt: l.Now()},
		Index:        core.WrappedKey{Provider: core.ProviderDataKey, Wrapped: l.Bytes(60), CreatedAt: l.Now()},
		IndexWas:     l.dataKeys(owner)[0].Wrapped,
		Reencryption: core.Reencryption{State: core.ReencryptionRunning, Version: version, StartedAt: l.Now()},
		Events:       []core.Event{l.MakeEvent(owner, core.EventEncryptionRotated)},
	}
}

// envelope is a sealed thing under the third data key.
func (l *life) envelope(place core.Place) []byte {
	l.t.Helper()
	sealed, err := core.SealEnvelope(rand.Reader, make([]byte, core.EnvelopeKeySize), 3, "deployment", place, nil)
	l.ok(err)
	return sealed
}

// Whoever rotates is listed from before the step on, and no longer than it has
// something to do and may be about to.
func TestRotatingListHoldsOnlyWhoRotates(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	l := live(t, open(t, redis.Options{URL: url}))
	rested := l.MustCreateTenant().ID
	listed := func() string { return fmt.Sprint(command(t, url, "ZRANGE", "raven:{rotating}", 0, -1)) }
	rotating := func() (ids []core.TenantID) {
		ids, err := l.Rotating(l.Ctx, "", 100)
		l.ok(err)
		return ids
	}
	l.ok(l.SetReencryption(l.Ctx, rested, core.Reencryption{State: core.ReencryptionRunning}))
	l.ok(l.SetReencryption(l.Ctx, rested, core.Reencryption{State: core.ReencryptionIdle}))
	if got, want := fmt.Sprint(rotating()), fmt.Sprint([]core.TenantID{core.DeploymentTenant, l.tenant}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.Contains(listed(), string(rested)) {
		t.Errorf("struck off while somebody may be about to rotate: %s", listed())
	}
	command(t, url, "ZADD", "raven:{rotating}:reserved", 1, string(rested)) // its time is over
	rotating()
	if strings.Contains(listed(), string(rested)) || !strings.Contains(listed(), string(l.tenant)) {
		t.Errorf("the list holds %s", listed())
	}
}

// A rotation that ends in the middle is listed or did not happen.
func TestRotationThatIsCutShortIsListed(t *testing.T) {
	t.Parallel()
	for script, done := range map[string]bool{"plain/reserve_rotation": false, "keys/add_data_key": true} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			s := open(t, redis.Options{URL: backend.SharedRedis(t)})
			l := live(t, s)
			id := l.MustCreateTenant().ID
			a := l.addition(id, 2)
			err := s.AddDataKey(endAfter(t, s, script), id, core.Op{}, a)
			if done != (err == nil) {
				t.Fatalf("it was not cut short where it should be: %v", err)
			}
			ids, err := s.Rotating(l.Ctx, "", 100)
			l.ok(err)
			if got := strings.Contains(fmt.Sprint(ids), string(id)); got != done || len(l.dataKeys(id)) == 3 != done {
				t.Errorf("done: %v, listed: %v, data keys: %d", done, got, len(l.dataKeys(id)))
			}
			l.ok(l.AddDataKey(l.Ctx, id, l.Op(), l.addition(id, 3)))
			ids, err = s.Rotating(l.Ctx, "", 100)
			l.ok(err)
			if !strings.Contains(fmt.Sprint(ids), string(id)) {
				t.Errorf("after another rotation, listed are %v", ids)
			}
		})
	}
}

// What a deletion left, when it was cut short, is not resealed and not counted.
func TestWhatIsLeftOfADeletionIsNotResealed(t *testing.T) {
	t.Parallel()
	for script, del := range map[string]func(ctx context.Context, l *life) error{
		"step/clear_memory": func(ctx context.Context, l *life) error {
			return l.ClearMemory(ctx, l.tenant, core.Op{}, l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted))
		},
		"forget/delete_conversation": func(ctx context.Context, l *life) error {
			return l.DeleteConversation(ctx, l.tenant, core.Op{}, l.user, l.talk, l.MakeEvent(l.tenant, core.EventMemoryDeleted))
		},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			s := open(t, redis.Options{URL: backend.SharedRedis(t)})
			warm := live(t, s)
			warm.end()
			l := &life{World: warm.World, t: t, store: s}
			l.again()
			place := core.BlobPlace(l.tenant, l.blob)
			l.ok(del(endAfter(t, s, script), l))
			done, err := s.Reseal(l.Ctx, l.tenant, []core.Resealed{{Place: place, Was: l.blob.Sealed, Now: l.envelope(place)}})
			if done != 0 || err != nil {
				t.Errorf("got %d, %v", done, err)
			}
			l.Recount(l.tenant)
		})
	}
}

// onDisk reports whether a server's files hold a wrapped key.
func onDisk(t *testing.T, url string, wrapped []byte) bool {
	t.Helper()
	reply, _ := command(t, url, "CONFIG", "GET", "dir").(map[any]any)
	dir, _ := reply["dir"].(string)
	found, files := false, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return skipGone(err)
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(base64.StdEncoding.EncodeToString(wrapped)))
		files++
		return skipGone(err)
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files in %q: %v", files, dir, err)
	}
	return found
}

func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func TestDestroyedKeysLeaveTheAppendOnlyFile(t *testing.T) {
	t.Parallel()
	for name, destroy := range map[string]func(l *life) error{
		"a key": func(l *life) error { return l.DestroyDataKey(l.Ctx, l.tenant, 3) },
		"a tenant": func(l *life) error {
			return l.DeleteTenant(l.Ctx, l.tenant, core.Op{}, l.MakeEvent(l.tenant, core.EventTenantDeleted))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := backend.Redis(t)
			s := open(t, redis.Options{URL: server.URL()})
			l := live(t, s)
			l.ok(l.AddDataKey(l.Ctx, l.tenant, l.Op(), l.addition(l.tenant, 4)))
			keys := l.dataKeys(l.tenant)
			if !onDisk(t, server.URL(), keys[1].Wrapped) {
				t.Fatal("the key is not on the disk, so this test shows nothing")
			}
			s.NoPause()
			eventually(t, func() error { return notRewriting(t, server.URL()) })
			l.ok(destroy(l))
			eventually(t, func() error {
				if onDisk(t, server.URL(), keys[1].Wrapped) {
					return errors.New("it is still there")
				}
				return nil
			})
		})
	}
}

func notRewriting(t *testing.T, url string) error {
	t.Helper()
	if info := fmt.Sprint(command(t, url, "INFO", "persistence")); !strings.Contains(info, "aof_rewrite_in_progress:0") {
		return errors.New("it is rewriting")
	}
	return nil
}

// A server that is at it when a key is destroyed began before, and has to do it
// again.
func TestServerThatIsRewritingIsAskedAgain(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	s := open(t, redis.Options{URL: server.URL()})
	l := live(t, s)
	l.ok(l.AddDataKey(l.Ctx, l.tenant, l.Op(), l.addition(l.tenant, 4)))
	gone := l.dataKeys(l.tenant)[1]
	s.NoPause()
	eventually(t, func() error { return notRewriting(t, server.URL()) })
	command(t, server.URL(), "CONFIG", "SET", "rdb-key-save-delay", "20000") // microseconds for each key
	command(t, server.URL(), "BGREWRITEAOF")
	l.ok(l.DestroyDataKey(l.Ctx, l.tenant, gone.Version))
	command(t, server.URL(), "CONFIG", "SET", "rdb-key-save-delay", "0")
	eventually(t, func() error { return notRewriting(t, server.URL()) })
	if !onDisk(t, server.URL(), gone.Wrapped) {
		t.Fatal("the key is gone already, so this test shows nothing")
	}
	eventually(t, func() error {
		if _, err := s.PurgeTenants(l.Ctx, 100); err != nil {
			return err
		}
		if onDisk(t, server.URL(), gone.Wrapped) {
			return errors.New("it is still there")
		}
		return nil
	})
}
