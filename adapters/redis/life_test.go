package redis_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// life is a tenant's: every step of every port is in it, most with an
// operation, so that every key that there can be was there.
type life struct {
	*contract.World
	t      *testing.T
	store  limitedStore
	tenant core.TenantID
	email  string
	key    core.KeyRecord
	user   core.UserID
	talk   core.ConversationID
	blob   core.BlobRecord
	left   []core.BufferEntry // buffered after it
}

// limitedStore is what the package serves.
type limitedStore interface {
	contract.Store
	Take(ctx context.Context, now time.Time, rates ...core.Rate) ([]core.RateDecision, error)
}

// live leads a whole life up to its deletions.
func live(t *testing.T, s limitedStore) *life {
	t.Helper()
	l := &life{World: contract.NewWorld(t, s), t: t, store: s}
	_, err := l.InitDeployment(l.Ctx, core.Deployment{
		ID: l.IDs.Deployment(), CreatedAt: l.Now(), KeyChecks: map[uint32]string{1: "check"},
		DataKeys: []core.WrappedKey{
			{Version: core.IndexKeyVersion, Provider: "local", Wrapped: l.Bytes(40), CreatedAt: l.Now()},
			{Version: 1, Provider: "local", Wrapped: l.Bytes(40), CreatedAt: l.Now()},
		},
	})
	l.ok(err)
	l.ok(l.AddKeyChecks(l.Ctx, map[uint32]string{2: "check"}))
	l.ok(l.Ping(l.Ctx))
	l.register()
	l.rotation()
	l.keys()
	l.people()
	l.memory()
	l.reseal()
	l.fact()
	l.derived()
	l.claims()
	l.relayed()
	return l
}

func (l *life) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// is expects a refusal.
func (l *life) is(err error, code core.Code) {
	l.t.Helper()
	if core.CodeOf(err) != code {
		l.t.Fatalf("got %v, want the code %q", err, code)
	}
}

func (l *life) register() {
	l.t.Helper()
	n := l.MakeTenant()
	n.EmailKey = "ada lovelace@{example}.com"
	l.tenant, l.email, l.key = n.Record.ID, n.EmailKey, n.Key
	_, err := l.CreateTenant(l.Ctx, l.Op(), n)
	l.ok(err)
	taken := l.MakeTenant()
	taken.EmailKey = n.EmailKey
	_, err = l.CreateTenant(l.Ctx, l.Op(), taken)
	l.is(err, core.CodeEmailTaken)
	s := core.DefaultSettings()
	s.MaxUsers, s.MaxConversationsPerUser = 3, 2
	_, err = l.UpdateTenant(l.Ctx, l.tenant, l.Op(), core.TenantUpdate{
		Profile: l.Bytes(30), Settings: s, IfVersion: 1, At: l.Now(), Event: l.MakeEvent(l.tenant, core.EventSettingsUpdated),
	})
	l.ok(err)
}

func (l *life) keys() {
	l.t.Helper()
	k := l.MakeKey(l.tenant)
	_, err := l.CreateAPIKey(l.Ctx, l.tenant, l.Op(), k, l.MakeEvent(l.tenant, core.EventKeyCreated))
	l.ok(err)
	again := l.MakeKey(l.tenant)
	again.ID = k.ID
	_, err = l.CreateAPIKey(l.Ctx, l.tenant, core.Op{}, again, l.MakeEvent(l.tenant, core.EventKeyCreated))
	if err == nil {
		l.t.Fatal("a key was made in the place of another")
	}
	_, err = l.RotateAPIKey(l.Ctx, l.tenant, l.Op(), core.KeyRotation{
		Old: k.ID, OldExpiresAt: l.Now().Add(time.Hour), At: l.Now(), New: l.MakeKey(l.tenant),
		Event: l.MakeEvent(l.tenant, core.EventKeyRotated),
	})
	l.ok(err)
	l.ok(l.RevokeAPIKey(l.Ctx, l.tenant, l.Op(), k.ID, l.MakeEvent(l.tenant, core.EventKeyRevoked)))
	l.ok(l.TouchAPIKeys(l.Ctx, []core.KeyUse{{Tenant: l.tenant, Key: k.ID, At: l.Now()}}))
}

// people makes users and conversations up to their quotas, with references that
// try to be more than that.
func (l *life) people() {
	l.t.Helper()
	for i, ref := range []string{"a:b}{c\r\n", "", "*", "one too many"} {
		u := l.MakeUser(l.tenant)
		u.Record.RefKey = ref
		_, err := l.CreateUser(l.Ctx, l.tenant, l.Op(), u)
		if i == 3 {
			l.is(err, core.CodeQuotaExhausted)
			break
		}
		l.ok(err)
		l.user = u.Record.ID
	}
	_, err := l.UpdateUser(l.Ctx, l.tenant, l.Op(), core.UserUpdate{ID: l.user, Sealed: l.Bytes(9), IfVersion: 1, At: l.Now()})
	l.ok(err)
	for i, ref := range []string{"x:buffer", "{y}", "one too many"} {
		c := l.MakeConversation(l.tenant, l.user)
		c.Record.RefKey = ref
		_, err := l.CreateConversation(l.Ctx, l.tenant, l.Op(), c)
		if i == 2 {
			l.is(err, core.CodeQuotaExhausted)
			break
		}
		l.ok(err)
		l.talk = c.Record.ID
	}
}

func (l *life) memory() {
	l.t.Helper()
	_, err := l.AppendSealed(l.Ctx, l.tenant, l.Op(), l.MakeAppendSealed(l.MakeAppend(l.user, l.talk, 4), l.tenant, nil, 1, 4, 3))
	l.ok(err)
	op := l.Op()
	a := l.MakeAppend(l.user, l.talk, 9)
	for range 2 {
		_, err := l.Append(l.Ctx, l.tenant, op, a)
		l.ok(err)
	}
	entries, err := l.Buffered(l.Ctx, l.tenant, l.user, l.talk, 9)
	l.ok(err)
	f := l.MakeFlush(l.tenant, l.user, entries[:6], 3)
	_, err = l.CommitFlush(l.Ctx, l.tenant, l.Op(), f)
	l.ok(err)
	l.blob, l.left = f.Blobs[0], entries[6:]
	l.ok(l.RewriteBlob(l.Ctx, l.tenant, l.Op(), l.MakeRewrite(l.tenant, l.blob, 1)))
	d := core.BlobDelete{
		User: l.user, ID: f.Blobs[1].ID, IfVersion: 1, At: l.Now(), Event: l.MakeEvent(l.tenant, core.EventMemoryDeleted),
	}
	op = l.Op()
	for range 2 {
		l.ok(l.DeleteBlob(l.Ctx, l.tenant, op, d))
	}
	_, err = l.DeleteBuffered(l.Ctx, l.tenant, l.Op(), core.BufferDelete{
		User: l.user, Conversation: l.talk, IDs: []core.InteractionID{l.left[0].ID}, At: l.Now(),
		Event: l.MakeEvent(l.tenant, core.EventMemoryDeleted),
	})
	l.ok(err)
	_, err = l.UpdateConversation(l.Ctx, l.tenant, l.Op(), core.ConversationUpdate{
		User: l.user, ID: l.talk, Close: true, IfVersion: 1, At: l.Now(), Event: l.MakeEvent(l.tenant, core.EventConversationClosed),
	})
	l.ok(err)
	_, err = l.Stretch(l.Ctx, l.tenant, l.user, l.talk, core.Window{Limit: 10})
	l.ok(err)
}

func (l *life) claims() {
	l.t.Helper()
	for _, tenant := range []core.TenantID{l.tenant, core.DeploymentTenant} {
		now := l.Now()
		c := core.IdempotencyClaim{OpID: l.IDs.Operation(), Now: now, LeaseUntil: now.Add(time.Minute), Until: now.Add(time.Hour)}
		copy(c.Key[:], l.Bytes(32))
		_, err := l.Begin(l.Ctx, tenant, c)
		l.ok(err)
		l.ok(l.Complete(l.Ctx, tenant, c.Key, c.OpID, l.Bytes(20)))
	}
	for _, bucket := range []string{"tenant:" + string(l.tenant), "address:2001:db8::", "tenant:{x}"} {
		_, err := l.store.Take(l.Ctx, time.Now(), core.Rate{Key: bucket, PerMinute: 60, Burst: 60, Cost: 1})
		l.ok(err)
	}
	_, err := l.SweepOperations(l.Ctx, l.Now().Add(-time.Hour), 10)
	l.ok(err)
}

// fact writes one that holds a key.
func (l *life) fact() {
	l.t.Helper()
	b := core.BlobRecord{
		ID: l.IDs.Blob(), User: l.user, Kind: core.BlobSemantic, KeyVersion: 1, Version: 1, Sealed: l.Bytes(40),
		FirstTakenAt: l.Now(), LastTakenAt: l.Now(),
	}
	l.ok(l.WriteFacts(l.Ctx, l.tenant, l.Op(), core.FactStep{
		User: l.user, Added: []core.BlobRecord{b}, Keys: []core.FactKeyMove{{Key: "lives in", Now: b.ID}}, Max: 10, At: l.Now(),
		Events: []core.Event{l.MakeEvent(l.tenant, core.EventFactCreated)},
	}))
}

// derived keeps what was computed, some of it again.
func (l *life) derived() {
	l.t.Helper()
	now, err := l.MemoryVersion(l.Ctx, l.tenant, l.user)
	l.ok(err)
	d := core.DerivedRecord{ID: l.IDs.Derived(), Version: now, Sealed: l.Bytes(40)}
	d.Parts = []core.DerivedPart{{Conversation: l.talk, First: 1, Last: 9}}
	l.ok(l.PutDerived(l.Ctx, l.tenant, l.user, core.DerivedIndex, []core.DerivedRecord{d}, nil))
	again := d
	again.ID = l.IDs.Derived()
	l.ok(l.PutDerived(l.Ctx, l.tenant, l.user, core.DerivedIndex, []core.DerivedRecord{again}, []core.DerivedID{d.ID}))
	list, err := l.Derived(l.Ctx, l.tenant, l.user, core.DerivedIndex, core.Page{Limit: 9}, true)
	l.ok(err)
	place := core.DerivedPlace(l.tenant, list[0])
	anew, err := core.SealEnvelope(rand.Reader, make([]byte, core.EnvelopeKeySize), 2, "deployment", place, l.Bytes(9))
	l.ok(err)
	_, err = l.Reseal(l.Ctx, l.tenant, []core.Resealed{{Place: place, Was: list[0].Sealed, Now: anew}})
	l.ok(err)
}

// relayed has what is recorded relayed, audited and delivered.
func (l *life) relayed() {
	l.t.Helper()
	for _, tenant := range []core.TenantID{l.tenant, core.DeploymentTenant} {
		l.ok(l.RecordEvents(l.Ctx, tenant, l.Op(), l.MakeEvent(tenant, core.EventAuthFailed), l.MakeEvent(tenant, core.EventMemoryRead)))
		l.ok(l.SetPosition(l.Ctx, tenant, "log", 1))
		l.ok(l.TrimEvents(l.Ctx, tenant, 1))
		l.ok(l.BeginAudit(l.Ctx, tenant, core.AuditDrop{Head: core.AuditHead{Seq: 2}, At: l.Now(), Note: l.Bytes(9)}))
		var entries []core.AuditEntry
		for seq := int64(3); seq <= 40; seq++ {
			e := l.MakeEvent(tenant, core.EventMemoryRead)
			e.Seq, e.Actor = seq, core.Actor{Key: []core.KeyID{"", l.key.ID}[seq%2]}
			entries = append(entries, core.AuditEntry{Event: e})
		}
		l.ok(l.AppendAudit(l.Ctx, tenant, entries, core.AuditHead{Seq: 40}))
		l.ok(l.AddCheckpoint(l.Ctx, tenant, core.Checkpoint{Seq: 3, At: l.Now()}))
		_, err := l.FindAudit(l.Ctx, tenant, core.AuditQuery{Since: l.Now(), Until: l.Now(), Limit: 10})
		l.ok(err)
	}
	_, err := l.Outboxes(l.Ctx, "", 10)
	l.ok(err)
	list := []core.Delivery{
		{ID: l.IDs.Delivery(), Status: core.DeliveryPending, NextAt: l.Now()},
		{ID: l.IDs.Delivery(), Status: core.DeliveryPending, NextAt: l.Now()},
	}
	l.ok(l.AddDeliveries(l.Ctx, l.tenant, list))
	_, err = l.TakeDeliveries(l.Ctx, l.Now(), l.Now(), 10, 10)
	l.ok(err)
	list[0].Status = core.DeliveryDelivered
	l.ok(l.SaveDelivery(l.Ctx, l.tenant, list[0]))
}

// end deletes what there is, from the inside out.
func (l *life) end() {
	l.t.Helper()
	l.ok(l.ClearMemory(l.Ctx, l.tenant, l.Op(), l.user, l.MakeEvent(l.tenant, core.EventMemoryDeleted)))
	l.ok(l.DeleteConversation(l.Ctx, l.tenant, l.Op(), l.user, l.talk, l.MakeEvent(l.tenant, core.EventMemoryDeleted)))
	l.deleteUsers()
}

func (l *life) deleteUsers() {
	l.t.Helper()
	users, err := l.Users(l.Ctx, l.tenant, core.Page{Limit: 10})
	l.ok(err)
	for _, u := range users {
		l.ok(l.DeleteUser(l.Ctx, l.tenant, l.Op(), u.ID, l.MakeEvent(l.tenant, core.EventUserDeleted)))
	}
}

// vanish deletes the tenant and purges to the end.
func (l *life) vanish() {
	l.t.Helper()
	l.ok(l.DeleteTenant(l.Ctx, l.tenant, core.Op{}, l.MakeEvent(l.tenant, core.EventTenantDeleted)))
	l.purge()
}

func (l *life) purge() {
	l.t.Helper()
	for range 1000 {
		done, err := l.PurgeTenants(l.Ctx, 7)
		l.ok(err)
		if done {
			return
		}
	}
	l.ok(errors.New("PurgeTenants came to no end"))
}

// Ids are never given twice. Were one, what has it would stay.
func TestIDThatIsTakenIsRefused(t *testing.T) {
	t.Parallel()
	l := live(t, open(t, redis.Options{URL: backend.SharedRedis(t)}))
	l.end()
	l.again()
	before := l.Everything()
	for name, create := range map[string]func() error{
		"user": func() error {
			u := l.MakeUser(l.tenant)
			u.Record.ID = l.user
			_, err := l.CreateUser(l.Ctx, l.tenant, l.Op(), u)
			return err
		},
		"conversation": func() error {
			c := l.MakeConversation(l.tenant, l.user)
			c.Record.ID = l.talk
			_, err := l.CreateConversation(l.Ctx, l.tenant, l.Op(), c)
			return err
		},
		"blob": func() error {
			f := l.MakeFlush(l.tenant, l.user, l.left, 2)
			f.Blobs[1].ID = l.blob.ID
			_, err := l.CommitFlush(l.Ctx, l.tenant, l.Op(), f)
			return err
		},
		"blob of the same flush": func() error {
			f := l.MakeFlush(l.tenant, l.user, l.left, 2)
			f.Blobs[1].ID = f.Blobs[0].ID
			_, err := l.CommitFlush(l.Ctx, l.tenant, l.Op(), f)
			return err
		},
	} {
		if err := create(); err == nil {
			t.Errorf("a %s was made in the place of another", name)
		}
	}
	if l.Everything() != before {
		t.Error("a refusal changed something")
	}
}
