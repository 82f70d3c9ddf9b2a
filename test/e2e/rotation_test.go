package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
)

// turner changes a tenant's keys all the time, and reads all the time.
type turner struct {
	trial        *trial
	modes        bool
	turned, read atomic.Int64
	mu           sync.Mutex
	unreadable   []string
}

func (u *turner) client() *client {
	c := newClient(*u.trial.url.Load())
	c.key = u.trial.owner.key
	return c
}

// turn asks for one change: a rotation, or the other mode.
func (u *turner) turn(n int) {
	method, path, body := "POST", "/api/v1/tenant/encryption/rotate", object(nil)
	if u.modes && n%2 == 0 {
		mode := []string{"tenant", "platform"}[n/2%2]
		method, path, body = "PATCH", "/api/v1/tenant", object{"settings": object{"encryption_mode": mode}}
	}
	var payload any
	if body != nil {
		payload = body
	}
	a, err := u.client().do(method, path, payload)
	switch {
	case err != nil: // killed meanwhile
	case a.status == http.StatusOK || a.status == http.StatusAccepted:
		u.turned.Add(1)
	case a.status != http.StatusServiceUnavailable && a.status != http.StatusConflict:
		u.note(fmt.Sprintf("%s %s: %d %s", method, path, a.status, a.raw))
	}
}

// look reads a conversation and asks for context; both have to be answered.
func (u *turner) look(n int) {
	c := u.client()
	for _, ask := range []struct {
		method, path string
		body         any
	}{
		{"GET", fmt.Sprintf("/api/v1/users/ext:u/conversations/ext:c%d/memory?limit=100", n%conversations), nil},
		{"POST", "/api/v1/users/ext:u/context", object{"query": "writer 3 call 4 part 1"}},
	} {
		a, err := c.do(ask.method, ask.path, ask.body)
		if err != nil || a.status == http.StatusServiceUnavailable {
			continue
		}
		u.read.Add(1)
		if a.status != http.StatusOK {
			u.note(fmt.Sprintf("%s %s: %d %s", ask.method, ask.path, a.status, a.raw))
		}
	}
}

func (u *turner) note(what string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unreadable = append(u.unreadable, what)
}

func (u *turner) run(ctx context.Context) (wait func()) {
	var wg sync.WaitGroup
	each := func(pause time.Duration, do func(int)) {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				do(n)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	each(40*time.Millisecond, u.turn)
	each(10*time.Millisecond, u.look)
	return wg.Wait
}

// idle waits until everything is under the newest key and gives its version.
func (u *turner) idle() uint32 {
	t := u.trial.t
	t.Helper()
	end := time.Now().Add(patience)
	for {
		a := u.client().must(t, http.StatusOK, "GET", "/api/v1/tenant/encryption", nil)
		re, _ := a.body["re_encryption"].(map[string]any)
		if re["state"] == "idle" {
			if re["done"] != re["total"] || re["total"] == 0.0 {
				t.Errorf("idle with %v", re)
			}
			return uint32(a.body["key_version"].(float64))
		}
		if time.Now().After(end) {
			t.Fatalf("re-encryption does not end: %s\n%s", a.raw, u.trial.server.Log())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestKillNineWhileKeysTurnLeavesEverythingReadable kills the server again and
// again while the tenant's data key rotates, what is stored is re-encrypted,
// and writers and readers go on.
func TestKillNineWhileKeysTurnLeavesEverythingReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := turnAndKill(t, dir, false)
	store, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	checkVersions(t, store, version)
}

func TestKillNineOnRedisWhileKeysTurnLeavesEverythingReadable(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	version := turnAndKill(t, t.TempDir(), false, onRedis(server.URL())...)
	store, err := redis.Open(t.Context(), redis.Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	checkVersions(t, store, version)
}

// turnAndKill gives the version that everything is under at the end.
func turnAndKill(t *testing.T, dir string, modes bool, env ...string) (version uint32) {
	t.Helper()
	trial := newTrial(t, dir, append(env, "RAVEN_MEMORY_SWEEP_EVERY=1s")...)
	u := &turner{trial: trial, modes: modes}
	ctx, cancel := context.WithCancel(t.Context())
	wait := u.run(ctx)
	trial.run(func() {
		trial.server.Kill()
		trial.start()
	})
	cancel()
	wait()
	if len(u.unreadable) > 0 {
		t.Errorf("%d answers were wrong, the first: %s", len(u.unreadable), u.unreadable[0])
	}
	u.client().must(t, http.StatusAccepted, "POST", "/api/v1/tenant/encryption/rotate", nil)
	version = u.idle()
	stored(t, trial.owner)
	if code := trial.server.Stop(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	t.Logf("%d changes of keys, %d reads, key version %d at the end, unreadable %d", u.turned.Load(), u.read.Load(), version, len(u.unreadable))
	if u.turned.Load() < 20 {
		t.Error("the test proves little")
	}
	return version
}

// walked is a store that can be looked through.
type walked interface {
	events
	ports.Users
	ports.Memories
}

// checkVersions looks into the store for what is under an older key.
func checkVersions(t *testing.T, store walked, version uint32) {
	t.Helper()
	checkEvents(t, store)
	ids, err := store.TenantIDs(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	users, err := store.Users(t.Context(), ids[0], core.Page{Limit: 10})
	if err != nil || len(users) != 1 {
		t.Fatalf("users %v, %v", users, err)
	}
	if v, _ := core.EnvelopeKeyVersion(users[0].Sealed); v != version {
		t.Errorf("a user is under version %d", v)
	}
	var after int64
	for {
		blobs, err := store.Blobs(t.Context(), ids[0], users[0].ID, core.Page{After: after, Limit: 500}, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(blobs) == 0 {
			return
		}
		for _, b := range blobs {
			if v, _ := core.EnvelopeKeyVersion(b.Sealed); v != version || b.KeyVersion != version {
				t.Errorf("blob %s is under version %d, its header says %d", b.ID, v, b.KeyVersion)
			}
			after = b.Position
		}
	}
}
