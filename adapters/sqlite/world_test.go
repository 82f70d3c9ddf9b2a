package sqlite_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		appendUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// world is a store with one tenant, user and conversation in it.
type world struct {
	*sqlite.Store
	t            testing.TB
	ctx          context.Context
	dir          string
	ids          *core.IDs
	now          time.Time
	tenant       core.NewTenant
	id           core.TenantID
	user         core.UserID
	conversation core.ConversationID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldIn(t, backend.Embedded(t))
}

func newWorldIn(t testing.TB, dir string) *world {
	t.Helper()
	w := newWorldOn(t, open(t, dir))
	w.dir = dir
	return w
}

func newWorldOn(t testing.TB, s *sqlite.Store) *world {
	t.Helper()
	w := &world{
		t: t, ctx: t.Context(), Store: s,
		ids: core.NewIDs(time.Now, rand.Reader), now: time.UnixMilli(1_700_000_000_123).UTC(),
	}
	w.tenant = w.createTenant()
	w.id = w.tenant.Record.ID
	w.user = w.createUser()
	w.conversation = w.createConversation(w.user)
	return w
}

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	return openWith(t, dir, sqlite.Options{})
}

func openWith(t testing.TB, dir string, opt sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reopen closes the store and opens what it left.
func (w *world) reopen() {
	w.t.Helper()
	w.ok(w.Close())
	w.Store = open(w.t, w.dir)
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refused(err error, code core.Code) {
	w.t.Helper()
	if core.CodeOf(err) != code {
		w.t.Fatalf("got %v, want the code %s", err, code)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails
	return b
}

func (w *world) event(kind core.EventType) core.Event {
	return core.Event{ID: w.ids.Event(), Type: kind, At: w.now, Tenant: w.id, Data: core.EventData{"n": int64(1)}}
}

func (w *world) createTenant() core.NewTenant {
	w.t.Helper()
	id := w.ids.Tenant()
	settings := core.DefaultSettings()
	settings.MaxUsers, settings.MaxConversationsPerUser = 1_000_000, 1_000_000
	n := core.NewTenant{
		Record:   core.TenantRecord{ID: id, Profile: random(64), Settings: settings, Version: 1, CreatedAt: w.now, UpdatedAt: w.now},
		EmailKey: string(id),
		DataKeys: []core.WrappedKey{
			{Version: 0, Provider: "test", Wrapped: random(132), CreatedAt: w.now},
			{Version: 1, Provider: "test", Wrapped: random(132), CreatedAt: w.now},
		},
		Key: core.KeyRecord{
			APIKey: core.APIKey{ID: w.ids.Key(), Prefix: "rk_live_", Scopes: core.FullAccess, Environment: core.EnvironmentLive, CreatedAt: w.now},
			Tenant: id, Hash: sha256.Sum256([]byte(id)), Sealed: random(64),
		},
		Events: []core.Event{w.event(core.EventTenantCreated), w.event(core.EventKeyCreated)},
	}
	_, err := w.CreateTenant(w.ctx, core.Op{}, n)
	w.ok(err)
	return n
}

func (w *world) newUser() core.NewUser {
	return core.NewUser{
		Record: core.UserRecord{ID: w.ids.User(), Sealed: random(150), Version: 1, CreatedAt: w.now, UpdatedAt: w.now},
		Event:  w.event(core.EventUserCreated), Exhausted: w.event(core.EventQuotaExhausted),
	}
}

func (w *world) createUser() core.UserID {
	w.t.Helper()
	u, err := w.CreateUser(w.ctx, w.id, core.Op{}, w.newUser())
	w.ok(err)
	return u.ID
}

func (w *world) newConversation(user core.UserID) core.NewConversation {
	return core.NewConversation{
		Record: core.ConversationRecord{
			ID: w.ids.Conversation(), User: user, Sealed: random(150), Status: core.ConversationOpen,
			NextNumber: 1, Version: 1, CreatedAt: w.now, UpdatedAt: w.now,
		},
		Event: w.event(core.EventConversationCreated), Exhausted: w.event(core.EventQuotaExhausted),
	}
}

func (w *world) createConversation(user core.UserID) core.ConversationID {
	w.t.Helper()
	c, err := w.CreateConversation(w.ctx, w.id, core.Op{}, w.newConversation(user))
	w.ok(err)
	return c.ID
}

// entries makes n interactions to append, of so many bytes each.
func (w *world) entries(conversation core.ConversationID, n, size int) core.Append {
	a := core.Append{User: w.user, Conversation: conversation, At: w.now}
	for range n {
		a.Entries = append(a.Entries, core.BufferEntry{ID: w.ids.Interaction(), Sealed: random(size), AcceptedAt: w.now})
	}
	return a
}

func (w *world) append(n int) core.Appended {
	w.t.Helper()
	out, err := w.Append(w.ctx, w.id, core.Op{}, w.entries(w.conversation, n, 300))
	w.ok(err)
	return out
}

// flush seals the first n of the buffer into one blob.
func (w *world) flush(n int) core.BlobRecord {
	w.t.Helper()
	head, err := w.Buffered(w.ctx, w.id, w.user, w.conversation, n)
	w.ok(err)
	b := core.BlobRecord{
		ID: w.ids.Blob(), User: w.user, Kind: core.BlobEpisodic, Conversation: w.conversation,
		FirstAt: w.now, LastAt: w.now, FirstTakenAt: w.now, LastTakenAt: w.now, KeyVersion: 1, Sealed: random(3000), Version: 1,
	}
	for _, e := range head {
		b.Numbers, b.Interactions = append(b.Numbers, e.Number), append(b.Interactions, e.ID)
	}
	_, err = w.CommitFlush(w.ctx, w.id, core.Op{}, core.Flush{
		User: w.user, Conversation: w.conversation, Head: b.Interactions, Blobs: []core.BlobRecord{b},
		At: w.now, Event: w.event(core.EventMemoryFlushed),
	})
	w.ok(err)
	return b
}

func (w *world) usage() core.Usage {
	w.t.Helper()
	u, err := w.Usage(w.ctx, w.id)
	w.ok(err)
	return u
}
