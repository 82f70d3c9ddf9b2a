package stores_test

import (
	"context"
	"errors"
	"testing"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/transfer"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// movable is a store that can be moved from and to.
type movable interface {
	contract.Store
	transfer.Store
}

func openEmbedded(t *testing.T) movable {
	t.Helper()
	s, err := sqlite.Open(t.Context(), backend.Embedded(t), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// openRedis opens a server of its own: there is one deployment on each.
func openRedis(t *testing.T) movable {
	t.Helper()
	s, err := redis.Open(t.Context(), redis.Options{URL: backend.Redis(t).URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// routes are all the ways between the two stores.
var routes = map[string][2]func(*testing.T) movable{
	"embedded to redis":    {openEmbedded, openRedis},
	"redis to embedded":    {openRedis, openEmbedded},
	"redis to redis":       {openRedis, openRedis},
	"embedded to embedded": {openEmbedded, openEmbedded},
}

// full is a world with two tenants that have something of everything.
func full(t *testing.T, s movable) *contract.World {
	t.Helper()
	w := contract.NewWorld(t, s)
	if _, err := s.InitDeployment(w.Ctx, core.Deployment{
		ID: "dep_1", CreatedAt: w.Now(), KeyChecks: map[uint32]string{1: "check"},
		DataKeys: []core.WrappedKey{{Version: 0, Provider: "local", Wrapped: w.Bytes(60), CreatedAt: w.Now()}, {Version: 1, Provider: "local", Wrapped: w.Bytes(60), CreatedAt: w.Now()}},
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		tenant := w.MustCreateTenant().ID
		key := w.MakeKey(tenant)
		must(t)(s.CreateAPIKey(w.Ctx, tenant, w.Op(), key, w.MakeEvent(tenant, core.EventKeyCreated)))
		must(t)(nil, s.RevokeAPIKey(w.Ctx, tenant, w.Op(), key.ID, w.MakeEvent(tenant, core.EventKeyRevoked)))
		for range 3 {
			fillUser(t, w, s, tenant, w.MustCreateUser(tenant).ID)
		}
		gone := w.MustCreateUser(tenant).ID
		fillUser(t, w, s, tenant, gone)
		must(t)(nil, s.DeleteUser(w.Ctx, tenant, w.Op(), gone, w.MakeEvent(tenant, core.EventUserDeleted)))
	}
	return w
}

func fillUser(t *testing.T, w *contract.World, s movable, tenant core.TenantID, user core.UserID) {
	t.Helper()
	one := w.MustCreateConversation(tenant, user)
	entries := w.MustAppend(tenant, user, one.ID, 5)
	blob := w.MustFlush(tenant, user, entries[:3])
	must(t)(nil, s.RewriteBlob(w.Ctx, tenant, w.Op(), w.MakeRewrite(tenant, blob, 1))) // a gap in the numbers
	w.MustAppend(tenant, user, one.ID, 1)
	closed := w.MustCreateConversation(tenant, user)
	w.MustAppend(tenant, user, closed.ID, 2)
	must(t)(s.UpdateConversation(w.Ctx, tenant, w.Op(), core.ConversationUpdate{
		User: user, ID: closed.ID, Sealed: w.Bytes(30), Close: true, IfVersion: 1, At: w.Now(), Event: w.MakeEvent(tenant, core.EventConversationClosed),
	}))
	fact := core.BlobRecord{
		ID: core.FactBlob(w.IDs.Fact()), User: user, Kind: core.BlobSemantic, Interactions: []core.InteractionID{entries[0].ID},
		FirstAt: w.Now(), Sealed: w.Bytes(50), Size: 50, Version: 1, KeyVersion: 1,
	}
	fact.LastAt, fact.FirstTakenAt, fact.LastTakenAt = fact.FirstAt, fact.FirstAt, fact.FirstAt
	must(t)(nil, s.WriteFacts(w.Ctx, tenant, w.Op(), core.FactStep{
		User: user, Added: []core.BlobRecord{fact}, Keys: []core.FactKeyMove{{Key: "home", Now: fact.ID}}, Max: 10, At: w.Now(),
	}))
}

// must fails the test on an error, whatever came with it.
func must(t *testing.T) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func move(ctx context.Context, from, to transfer.Store) (transfer.Result, error) {
	return transfer.Run(ctx, from, to, func(transfer.Progress) {})
}

func TestAllOfAStoreMovesToAnother(t *testing.T) {
	t.Parallel()
	for name, open := range routes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := open[0](t), open[1](t)
			w := full(t, from)
			before := w.Everything()
			r, err := move(w.Ctx, from, to)
			if want := (transfer.Result{Tenants: 2, Users: 6, Conversations: 12, Interactions: 42, Blobs: 12}); err != nil || r != want {
				t.Fatalf("moved %+v, %v; want %+v", r, err, want)
			}
			r, err = move(w.Ctx, from, to)
			if err != nil || r.Skipped != 2 || r.Users != 0 {
				t.Errorf("moved again %+v, %v", r, err)
			}
			if w.Everything() != before {
				t.Error("the store that was moved from changed")
			}
			lives(t, w, to)
		})
	}
}

// lives uses what was moved: numbers go on, quotas and counters hold, and what
// is deleted is gone whole.
func lives(t *testing.T, w *contract.World, to movable) {
	t.Helper()
	ids, err := to.TenantIDs(w.Ctx, "", 10)
	must(t)(nil, err)
	for _, id := range ids {
		events, err := to.Events(w.Ctx, id, 0, 1000)
		must(t)(nil, err)
		users, err := to.Users(w.Ctx, id, core.Page{Limit: 10})
		must(t)(nil, err)
		for _, u := range users {
			talks, err := to.Conversations(w.Ctx, id, u.ID, core.Page{Limit: 10})
			must(t)(nil, err)
			a, err := to.Append(w.Ctx, id, w.Op(), w.MakeAppend(u.ID, talks[0].ID, 1))
			if err != nil || a.First != 7 || a.Buffered != 4 {
				t.Errorf("appended %+v, %v", a, err)
			}
			if _, err := to.Append(w.Ctx, id, w.Op(), w.MakeAppend(u.ID, talks[1].ID, 1)); !core.Is(err, core.CodeConversationClosed) {
				t.Errorf("a closed conversation: %v", err)
			}
			must(t)(nil, to.DeleteConversation(w.Ctx, id, w.Op(), u.ID, talks[1].ID, w.MakeEvent(id, core.EventMemoryDeleted)))
			must(t)(nil, to.DeleteUser(w.Ctx, id, w.Op(), u.ID, w.MakeEvent(id, core.EventUserDeleted)))
		}
		if usage, err := to.Usage(w.Ctx, id); err != nil || usage != (core.Usage{}) {
			t.Errorf("without users, there is %+v, %v", usage, err)
		}
		later, err := to.Events(w.Ctx, id, events[len(events)-1].Seq, 100)
		if err != nil || len(later) == 0 || later[0].Seq != events[len(events)-1].Seq+1 {
			t.Errorf("events do not go on after %d: %v, %v", events[len(events)-1].Seq, later, err)
		}
		keys, err := to.APIKeys(w.Ctx, id, core.Page{Limit: 10})
		must(t)(nil, err)
		if found, tenant, err := to.FindAPIKey(w.Ctx, keys[0].Hash); err != nil || found.ID != keys[0].ID || tenant.ID != id {
			t.Errorf("the key is not found: %v", err)
		}
		if err := to.RevokeAPIKey(w.Ctx, id, w.Op(), keys[0].ID, w.MakeEvent(id, core.EventKeyRevoked)); !core.Is(err, core.CodeLastAdminKey) {
			t.Errorf("the last key with tenant:admin: %v", err)
		}
	}
}

// failing is a store that fails at a call.
type failing struct {
	transfer.Store
	left int
}

var errCrash = errors.New("crash")

func (f *failing) fail() error {
	f.left--
	if f.left < 0 {
		return errCrash
	}
	return nil
}

func (f *failing) BeginTenant(ctx context.Context, id core.TenantID) error {
	return errors.Join(f.Store.BeginTenant(ctx, id), f.fail())
}

func (f *failing) ImportUser(ctx context.Context, tenant core.TenantID, u core.UserImage) error {
	return errors.Join(f.Store.ImportUser(ctx, tenant, u), f.fail())
}

func (f *failing) FinishTenant(ctx context.Context, t core.TenantImage) error {
	return errors.Join(f.Store.FinishTenant(ctx, t), f.fail())
}

func TestTransferThatWasCutShortGoesOn(t *testing.T) {
	t.Parallel()
	for name, open := range routes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := open[0](t), open[1](t)
			w := full(t, from)
			for crash := range 10 { // two tenants of three users: ten calls that write
				if _, err := move(w.Ctx, from, &failing{Store: to, left: crash % 4}); !errors.Is(err, errCrash) && err != nil {
					t.Fatal(err)
				}
			}
			if r, err := move(w.Ctx, from, to); err != nil || r.Tenants != 2 {
				t.Fatalf("moved %+v, %v", r, err)
			}
			lives(t, w, to)
		})
	}
}

func TestTransferIntoAnotherDeploymentIsRefused(t *testing.T) {
	t.Parallel()
	from, to := openEmbedded(t), openEmbedded(t)
	w := full(t, from)
	must(t)(to.InitDeployment(w.Ctx, core.Deployment{ID: "dep_2", CreatedAt: w.Now()}))
	if _, err := move(w.Ctx, from, to); err == nil {
		t.Error("moved")
	}
	if ids, err := to.TenantIDs(w.Ctx, "", 10); err != nil || len(ids) != 0 {
		t.Errorf("there are %v, %v", ids, err)
	}
}

func TestTransferNoticesWhatIsNotTheSame(t *testing.T) {
	t.Parallel()
	from, to := openEmbedded(t), openEmbedded(t)
	w := full(t, from)
	must(t)(move(w.Ctx, from, to))
	ids, err := to.TenantIDs(w.Ctx, "", 1)
	must(t)(nil, err)
	users, err := to.Users(w.Ctx, ids[0], core.Page{Limit: 1})
	must(t)(nil, err)
	must(t)(to.UpdateUser(w.Ctx, ids[0], w.Op(), core.UserUpdate{ID: users[0].ID, Sealed: w.Bytes(20), IfVersion: users[0].Version, At: w.Now()}))
	if _, err := move(w.Ctx, from, to); err == nil {
		t.Error("a store with another content passes for the same")
	}
}
