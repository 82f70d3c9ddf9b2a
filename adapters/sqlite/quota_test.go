package sqlite_test

import (
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestRoomMadeByADeletionIsToldAgainWhenUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settings := w.tenant.Record.Settings
	settings.MaxConversationsPerUser, settings.MaxUsers = 1, 1
	_, err := w.UpdateTenant(w.ctx, w.id, core.Op{}, core.TenantUpdate{
		Settings: settings, IfVersion: 1, At: w.now, Event: w.event(core.EventSettingsUpdated),
	})
	w.ok(err)
	refused := func(want int) {
		t.Helper()
		for range 2 {
			w.refused(w.createsUser(), core.CodeQuotaExhausted)
			_, err := w.CreateConversation(w.ctx, w.id, core.Op{}, w.newConversation(w.user))
			w.refused(err, core.CodeQuotaExhausted)
		}
		events, err := w.Events(w.ctx, w.id, 0, 100)
		w.ok(err)
		told := 0
		for _, e := range events {
			if e.Type == core.EventQuotaExhausted {
				told++
			}
		}
		if told != want {
			t.Fatalf("told %d times, want %d", told, want)
		}
	}
	refused(2)
	w.ok(w.DeleteConversation(w.ctx, w.id, core.Op{}, w.user, w.conversation, w.event(core.EventMemoryDeleted)))
	w.createConversation(w.user)
	refused(3)
	w.ok(w.DeleteUser(w.ctx, w.id, core.Op{}, w.user, w.event(core.EventUserDeleted)))
	w.user = w.createUser()
	w.createConversation(w.user)
	refused(5)
}

func TestDeploymentIsNoTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.id = core.DeploymentTenant
	key := w.tenant.Key
	key.ID, key.Hash = w.ids.Key(), core.KeyHash(random(32))
	_, err := w.CreateAPIKey(w.ctx, w.id, core.Op{}, key, w.event(core.EventKeyCreated))
	w.refused(err, core.CodeNotFound)
	_, err = w.UpdateTenant(w.ctx, w.id, core.Op{}, core.TenantUpdate{At: w.now})
	w.refused(err, core.CodeNotFound)
	w.refused(w.createsUser(), core.CodeNotFound)
	w.refused(w.DeleteTenant(w.ctx, w.id, core.Op{}, w.event(core.EventTenantDeleted)), core.CodeNotFound)
}
