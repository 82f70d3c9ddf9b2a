package sqlite_test

import (
	crand "crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// scans are the statements that may read a whole table, because it is small or
// because what is read is the answer.
var scans = []string{
	"SCAN key_checks", // a row a version of the keyring
	"SCAN json_each",  // the ids handed in
	"SCAN e",          // at most limit rows
	"SCAN CONSTANT ROW",
	"VALUES CLAUSE", // the rows handed in
}

func TestStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.useEverything()
	write, read := w.Statements(w.ctx)
	for _, query := range append(write, read...) {
		switch verb, _, _ := strings.Cut(query, " "); verb {
		case "SELECT", "INSERT", "UPDATE", "DELETE":
		default:
			continue
		}
		plan, err := w.Explain(w.ctx, query)
		if err != nil {
			t.Errorf("%v in %s", err, query)
		}
		for _, detail := range plan {
			scan := strings.HasPrefix(detail, "SCAN") && !anyIn(detail, scans) && !usesPartial(detail)
			if scan || strings.Contains(detail, "USE TEMP B-TREE") {
				t.Errorf("%s\n\tin %s\n\tof %v", detail, query, plan)
			}
		}
	}
	t.Logf("%d statements of the writer, %d of readers", len(write), len(read))
}

func anyIn(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// usesPartial tells a scan of an index that holds nothing but what is looked for.
func usesPartial(detail string) bool {
	return anyIn(detail, []string{"tenants_to_purge", "conversations_closed_idle"})
}

// useEverything calls every method, so that every statement is prepared.
func (w *world) useEverything() {
	w.t.Helper()
	op := func() core.Op { return core.Op{ID: w.ids.Operation(), Until: w.now} }
	event := w.event(core.EventMemoryDeleted)
	w.append(8)
	blob := w.flush(3)
	w.ok(w.RewriteBlob(w.ctx, w.id, op(), core.BlobRewrite{New: blob, IfVersion: 1, Event: &event}))
	w.ok(w.DeleteBlob(w.ctx, w.id, op(), core.BlobDelete{User: w.user, ID: blob.ID, IfVersion: 2, Event: event}))
	blob = w.flush(1)
	head, err := w.Buffered(w.ctx, w.id, w.user, w.conversation, 1)
	w.ok(err)
	_, err = w.DeleteBuffered(w.ctx, w.id, op(), core.BufferDelete{
		User: w.user, Conversation: w.conversation, IDs: []core.InteractionID{head[0].ID}, Event: event,
	})
	w.ok(err)
	w.derive()
	w.readEverything(blob)
	w.changeTenants(op)
	w.relayEverything()
	w.changeUsers(op)
}

// derive keeps something computed and forgets it again.
func (w *world) derive() {
	w.t.Helper()
	now, err := w.MemoryVersion(w.ctx, w.id, w.user)
	w.ok(err)
	d := core.DerivedRecord{ID: w.ids.Derived(), Version: now, Parts: []core.DerivedPart{{Conversation: w.conversation, First: 1, Last: 9}}}
	w.ok(w.PutDerived(w.ctx, w.id, w.user, core.DerivedIndex, []core.DerivedRecord{d}, []core.DerivedID{w.ids.Derived()}))
	place := core.DerivedPlace(w.id, core.DerivedRecord{ID: d.ID, User: w.user, Kind: core.DerivedIndex})
	anew, err := core.SealEnvelope(crand.Reader, make([]byte, core.EnvelopeKeySize), 2, "deployment", place, nil)
	w.ok(err)
	_, err = w.Reseal(w.ctx, w.id, []core.Resealed{{Place: place, Now: anew}})
	w.ok(err)
	for _, payload := range []bool{false, true} {
		_, err = w.Derived(w.ctx, w.id, w.user, core.DerivedIndex, core.Page{Limit: 10}, payload)
		w.ok(err)
	}
}

func (w *world) readEverything(blob core.BlobRecord) {
	w.t.Helper()
	page := core.Page{Limit: 10}
	key := w.tenant.Key
	for _, read := range []func() error{
		func() error { _, err := w.Tenant(w.ctx, w.id); return err },
		func() error { _, err := w.TenantIDs(w.ctx, "", 10); return err },
		func() error { _, err := w.Usage(w.ctx, w.id); return err },
		func() error { _, _, err := w.FindAPIKey(w.ctx, key.Hash); return err },
		func() error { _, err := w.APIKeys(w.ctx, w.id, page); return err },
		func() error { _, err := w.DataKeys(w.ctx, w.id); return err },
		func() error { _, err := w.User(w.ctx, w.id, w.user); return err },
		func() error { _, err := w.Users(w.ctx, w.id, page); return err },
		func() error { _, err := w.Conversation(w.ctx, w.id, w.user, w.conversation); return err },
		func() error { _, err := w.Conversations(w.ctx, w.id, w.user, page); return err },
		func() error { _, err := w.Blobs(w.ctx, w.id, w.user, page, true); return err },
		func() error { _, err := w.Blobs(w.ctx, w.id, w.user, page, false); return err },
		func() error { _, err := w.Blob(w.ctx, w.id, w.user, blob.ID); return err },
		func() error { _, err := w.ConversationBlobs(w.ctx, w.id, w.user, w.conversation); return err },
		func() error { _, err := w.UserBuffer(w.ctx, w.id, w.user, page); return err },
		func() error { _, err := w.stretch(core.Window{After: 2, Limit: 10}); return err },
		func() error { _, err := w.stretch(core.Window{Desc: true, Limit: 10}); return err },
		func() error { _, err := w.MemoryVersion(w.ctx, w.id, w.user); return err },
		func() error { _, _, err := w.Changes(w.ctx, w.id, w.user, 0, 10); return err },
		func() error { _, err := w.Expired(w.ctx, w.id, w.now.Add(time.Hour), 10); return err },
		func() error { _, err := w.IdleBuffers(w.ctx, w.now.Add(time.Hour), 10); return err },
		func() error { _, err := w.Events(w.ctx, w.id, 0, 10); return err },
		func() error { return w.Ping(w.ctx) },
	} {
		w.ok(read())
	}
	_, err := w.UserByRef(w.ctx, w.id, "nobody")
	w.refused(err, core.CodeNotFound)
	_, err = w.ConversationByRef(w.ctx, w.id, w.user, "nothing")
	w.refused(err, core.CodeNotFound)
}

// relayEverything has events relayed, audited and delivered.
func (w *world) relayEverything() {
	w.t.Helper()
	for _, tenant := range []core.TenantID{w.id, core.DeploymentTenant} {
		w.ok(w.RecordEvents(w.ctx, tenant, core.Op{}, w.event(core.EventMemoryRead)))
		w.ok(w.SetPosition(w.ctx, tenant, "log", 1))
		_, err := w.Positions(w.ctx, tenant)
		w.ok(err)
		_, err = w.Outboxes(w.ctx, "", 10)
		w.ok(err)
		w.ok(w.TrimEvents(w.ctx, tenant, 1))
	}
	var entries []core.AuditEntry
	for seq := int64(1); seq <= 40; seq++ {
		e := w.event(core.EventMemoryRead)
		e.Seq = seq
		entries = append(entries, core.AuditEntry{Event: e})
	}
	for range 2 {
		w.ok(w.AppendAudit(w.ctx, w.id, entries, core.AuditHead{Seq: 40}))
	}
	for i := range 32 {
		q := core.AuditQuery{Limit: 10}
		for bit, set := range []func(){
			func() { q.Since = w.now }, func() { q.Until = w.now }, func() { q.Type = "x" }, func() { q.Actor = "system" }, func() { q.Before = 9 },
		} {
			if i>>bit&1 == 1 {
				set()
			}
		}
		_, err := w.FindAudit(w.ctx, w.id, q)
		w.ok(err)
	}
	_, err := w.AuditEntries(w.ctx, w.id, 0, 10)
	w.ok(err)
	_, err = w.AuditTenants(w.ctx, "", 10)
	w.ok(err)
	w.ok(w.AddCheckpoint(w.ctx, w.id, core.Checkpoint{Seq: 1}))
	_, err = w.LastCheckpoint(w.ctx, w.id)
	w.ok(err)
	w.deliverEverything()
}

func (w *world) deliverEverything() {
	w.t.Helper()
	var list []core.Delivery
	for range core.MaxDeliveriesKept + 1 {
		list = append(list, core.Delivery{ID: w.ids.Delivery(), Status: core.DeliveryDelivered})
	}
	list[0].Status = core.DeliveryPending
	w.ok(w.AddDeliveries(w.ctx, w.id, list))
	_, err := w.TakeDeliveries(w.ctx, w.now, w.now, 10, 10)
	w.ok(err)
	_, err = w.NextDelivery(w.ctx)
	w.ok(err)
	_, err = w.Delivery(w.ctx, w.id, list[0].ID)
	w.ok(err)
	_, err = w.Deliveries(w.ctx, w.id, core.Page{Limit: 10})
	w.ok(err)
	list[0].Status = core.DeliveryFailed
	w.ok(w.SaveDelivery(w.ctx, w.id, list[0]))
}

func (w *world) stretch(window core.Window) (core.Stretch, error) {
	return w.Stretch(w.ctx, w.id, w.user, w.conversation, window)
}

func (w *world) changeTenants(op func() core.Op) {
	w.t.Helper()
	n := w.createTenant()
	event := w.event(core.EventKeyCreated)
	key := n.Key
	key.ID, key.Hash = w.ids.Key(), core.KeyHash(random(32))
	_, err := w.CreateAPIKey(w.ctx, w.id, op(), key, event)
	w.ok(err)
	rotation := core.KeyRotation{Old: key.ID, OldExpiresAt: w.now, At: w.now, New: key, Event: event}
	rotation.New.ID, rotation.New.Hash = w.ids.Key(), core.KeyHash(random(32))
	_, err = w.RotateAPIKey(w.ctx, w.id, op(), rotation)
	w.ok(err)
	w.ok(w.RevokeAPIKey(w.ctx, w.id, op(), rotation.New.ID, event))
	w.ok(w.TouchAPIKeys(w.ctx, []core.KeyUse{{Tenant: w.id, Key: w.tenant.Key.ID, At: w.now}}))
	_, err = w.UpdateTenant(w.ctx, w.id, op(), core.TenantUpdate{Settings: w.tenant.Record.Settings, IfVersion: 1, At: w.now, Event: event})
	w.ok(err)
	w.deleteTenant(n)
	_, err = w.PurgeTenants(w.ctx, 10)
	w.ok(err)
	_, err = w.InitDeployment(w.ctx, core.Deployment{ID: "dep", DataKeys: n.DataKeys, KeyChecks: map[uint32]string{1: "a"}, CreatedAt: w.now})
	w.ok(err)
	w.rotateKeys(n.DataKeys)
	claim := core.IdempotencyClaim{OpID: "op", Now: w.now, LeaseUntil: w.now, Until: w.now.Add(time.Hour)}
	for range 2 {
		_, err = w.Begin(w.ctx, w.id, claim)
		w.ok(err)
		claim.Now = claim.Now.Add(2 * time.Hour)
	}
	w.ok(w.Complete(w.ctx, w.id, claim.Key, "op", nil))
	w.ok(w.Release(w.ctx, w.id, claim.Key, "op"))
	w.ok(w.Abandon(w.ctx, w.id, claim.Key, "op"))
	_, err = w.SweepOperations(w.ctx, w.now.Add(time.Hour), 1)
	w.ok(err)
}

func (w *world) rotateKeys(deployment []core.WrappedKey) {
	w.t.Helper()
	for owner, keys := range map[core.TenantID][]core.WrappedKey{w.id: w.tenant.DataKeys, core.DeploymentTenant: deployment} {
		keys, _ = w.rotate(owner, keys)
		w.ok(w.RewrapDataKey(w.ctx, owner, keys[2], keys[2]))
		w.ok(w.DestroyDataKey(w.ctx, owner, 1))
		for _, state := range []core.ReencryptionState{core.ReencryptionRunning, core.ReencryptionIdle} {
			w.ok(w.SetReencryption(w.ctx, owner, core.Reencryption{State: state}))
		}
		_, err := w.Reencryption(w.ctx, owner)
		w.ok(err)
	}
	_, err := w.Rotating(w.ctx, "", 10)
	w.ok(err)
	for _, kind := range []core.Kind{core.KindTenant, core.KindAPIKey, core.KindUser, core.KindConversation, core.KindBlob} {
		place := core.Place{User: w.user, Kind: kind, Record: string(w.id) + "/" + string(w.conversation)}
		now, err := core.SealEnvelope(crand.Reader, random(core.EnvelopeKeySize), 2, "dep", place, nil)
		w.ok(err)
		_, err = w.Reseal(w.ctx, w.id, []core.Resealed{{Place: place, Now: now}})
		w.ok(err)
	}
}

func (w *world) changeUsers(op func() core.Op) {
	w.t.Helper()
	u := w.newUser()
	u.Record.RefKey = "ref"
	user, err := w.CreateUser(w.ctx, w.id, op(), u)
	w.ok(err)
	_, err = w.UpdateUser(w.ctx, w.id, op(), core.UserUpdate{ID: user.ID, IfVersion: 1, At: w.now})
	w.ok(err)
	conversation := w.createConversation(user.ID)
	_, err = w.UpdateConversation(w.ctx, w.id, op(), core.ConversationUpdate{
		User: user.ID, ID: conversation, Close: true, IfVersion: 1, At: w.now, Event: w.event(core.EventConversationClosed),
	})
	w.ok(err)
	event := w.event(core.EventMemoryDeleted)
	w.ok(w.ClearMemory(w.ctx, w.id, op(), user.ID, event))
	w.ok(w.DeleteConversation(w.ctx, w.id, op(), user.ID, conversation, event))
	w.ok(w.DeleteUser(w.ctx, w.id, op(), user.ID, event))
	settings := w.tenant.Record.Settings
	settings.MaxUsers = 0
	_, err = w.UpdateTenant(w.ctx, w.id, op(), core.TenantUpdate{Settings: settings, IfVersion: 2, At: w.now, Event: event})
	w.ok(err)
	_, err = w.CreateUser(w.ctx, w.id, op(), w.newUser())
	w.refused(err, core.CodeQuotaExhausted)
}
