package webhooks_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/webhooks"
)

func TestEventHandedInTwiceIsOneDelivery(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		events := []core.Event{w.event(caller, core.EventUserCreated), w.event(caller, core.EventUserDeleted)}
		for range 3 {
			if err := w.service.Deliver(t.Context(), caller.Tenant, events); err != nil {
				t.Fatal(err)
			}
		}
		stop := w.send(w.service)
		time.Sleep(time.Minute)
		if err := w.service.Deliver(t.Context(), caller.Tenant, events); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		all := w.store.all()
		if len(all) != 2 || len(w.receivers.posts()) != 2 {
			t.Fatalf("%d deliveries, %d requests of 2 events", len(all), len(w.receivers.posts()))
		}
		for i, d := range all {
			if !d.ID.Valid() || string(d.ID)[4:] != string(events[i].ID)[4:] || d.Event != events[i].ID {
				t.Errorf("the delivery of %s is %s of %s", events[i].ID, d.ID, d.Event)
			}
		}
	})
}

func TestBodyIsTheThinEvent(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		e := core.Event{
			ID: w.ids.Event(), Type: core.EventMemoryFlushed, At: time.Date(2026, 5, 4, 12, 0, 0, 7e6, time.FixedZone("CEST", 7200)),
			Tenant: caller.Tenant, Seq: 42, Actor: caller.Actor(), Data: core.EventData{"user_id": "usr_1", "blobs": int64(2)},
		}
		system := w.event(caller, core.EventMemoryExpired)
		system.Actor, system.Data = core.Actor{}, nil
		if err := w.service.Deliver(t.Context(), caller.Tenant, []core.Event{e, system}); err != nil {
			t.Fatal(err)
		}
		want := `{"id":"` + string(e.ID) + `","type":"memory.flushed","timestamp":"2026-05-04T10:00:00.007Z","tenant_id":"` + string(caller.Tenant) +
			`","seq":42,"actor":{"key_id":"` + string(caller.Key) + `"},"data":{"blobs":2,"user_id":"usr_1"}}`
		if got := string(w.store.all()[0].Body); got != want {
			t.Errorf("body\n%s, want\n%s", got, want)
		}
		var second map[string]any
		if err := json.Unmarshal(w.store.all()[1].Body, &second); err != nil || second["actor"] != "system" || len(second["data"].(map[string]any)) != 0 {
			t.Errorf("body %s, %v", w.store.all()[1].Body, err)
		}
	})
}

func TestWhatIsForTheAuditAloneIsNotDelivered(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		events := []core.Event{w.event(caller, core.EventAuthFailed), w.event(caller, core.EventMemoryRead), w.event(caller, core.EventKeyRevoked)}
		if err := w.service.Deliver(t.Context(), caller.Tenant, events); err != nil {
			t.Fatal(err)
		}
		if err := w.service.Deliver(t.Context(), caller.Tenant, events[:2]); err != nil {
			t.Fatal(err)
		}
		if all := w.store.all(); len(all) != 1 || all[0].Type != core.EventKeyRevoked {
			t.Errorf("deliveries %+v", all)
		}
	})
}

func TestWhoWantsNoEventsGetsNone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*core.Webhook){
		"no url":    func(h *core.Webhook) { h.URL = "" },
		"no secret": func(h *core.Webhook) { h.Secrets = nil },
		"disabled":  func(h *core.Webhook) { h.Disabled = true },
		"expired":   func(h *core.Webhook) { h.Secrets[0].Until = time.Now().Add(-time.Second) },
	} {
		inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
			caller, _ := w.tenant()
			w.hooks.set(caller.Tenant, change)
			w.happen(caller, 3)
			if n := len(w.store.all()); n != 0 {
				t.Errorf("%s: %d deliveries", name, n)
			}
		})
	}
}

func TestEventsOfNoTenantOrOneThatIsGoneAreDone(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		e := []core.Event{w.event(caller, core.EventUserCreated)}
		deleted := w.ids.Tenant()
		w.hooks.of[gone] = w.hooks.of[caller.Tenant] // deleted between the look and the step
		for _, tenant := range []core.TenantID{core.DeploymentTenant, deleted, gone} {
			if err := w.service.Deliver(t.Context(), tenant, e); err != nil {
				t.Errorf("%s: %v", tenant, err)
			}
		}
		if n := len(w.store.all()); n != 0 {
			t.Errorf("%d deliveries", n)
		}
	})
}

func TestSinkThatCannotKeepADeliveryFails(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.store.down.Store(true)
		err := w.service.Deliver(t.Context(), caller.Tenant, []core.Event{w.event(caller, core.EventUserCreated)})
		if !core.Is(err, core.CodeUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

// TestNewEventGoesOutAtOnce has a sender that knew of nothing to do.
func TestNewEventGoesOutAtOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		defer w.send(w.service)()
		time.Sleep(5*time.Hour + time.Minute)
		began := time.Now()
		sent := make(chan time.Time, 1)
		w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
			sent <- time.Now()
			return 200, 0, nil
		})
		w.happen(caller, 1)
		if late := (<-sent).Sub(began); late > 0 {
			t.Errorf("it was sent after %v", late)
		}
	})
}
