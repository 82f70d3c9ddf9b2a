package webhooks_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/webhooks"
)

// deleted is the event that a tenant was, with a webhook that a secret of zeros
// signs for.
func (w *world) deleted(tenant core.TenantID) core.Event {
	e := w.event(core.Caller{Tenant: tenant, Key: w.ids.Key()}, core.EventTenantDeleted)
	e.Webhook = []byte("https://" + string(tenant) + ".example/hook")
	return e
}

var zeroSecret = "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))

func TestDeletedTenantIsToldOfIt(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		defer w.send(w.service)()
		tenant := w.ids.Tenant()
		e, before := w.deleted(tenant), w.event(core.Caller{Tenant: tenant}, core.EventUserCreated)
		tries := 0
		w.receivers.will(func(_ context.Context, p post) (int, time.Duration, error) {
			tries++
			if tries < 3 {
				return 503, 0, nil
			}
			return 200, 0, verify(zeroSecret, p)
		})
		for range 2 { // as a relay does that was killed
			if err := w.service.Deliver(t.Context(), tenant, []core.Event{before, e}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		got := w.receivers.posts()
		if len(got) != 3 {
			t.Fatalf("%d requests", len(got))
		}
		for _, p := range got {
			if p.id() != string(e.ID) || p.url != string(e.Webhook) || !strings.HasPrefix(p.body, `{"id":"`+string(e.ID)+`","type":"tenant.deleted"`) {
				t.Errorf("the receiver got %+v", p)
			}
		}
		if d := w.store.all(); len(d) != 1 || d[0].Tenant != core.DeploymentTenant || d[0].Status != core.DeliveryDelivered {
			t.Errorf("the deliveries are %+v", d)
		}
	})
}

func TestDeadReceiverOfADeletedTenantIsGivenUp(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		defer w.send(w.service)()
		w.receivers.will(answers(500))
		for range 3 { // one does not hold up the others
			tenant := w.ids.Tenant()
			if err := w.service.Deliver(t.Context(), tenant, []core.Event{w.deleted(tenant)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Hour)
		for _, d := range w.store.all() {
			if d.Status != core.DeliveryFailed || len(d.Attempts) != 10 {
				t.Errorf("it is %s after %d attempts", d.Status, len(d.Attempts))
			}
		}
	})
}

func TestPendingDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{MaxPending: 5}, func(t *testing.T, w *world) {
		w.mayReport = true
		caller, _ := w.tenant()
		w.happen(caller, 3)
		w.happen(caller, 4)
		w.happen(caller, 2)
		states := map[core.DeliveryStatus]int{}
		for _, d := range w.store.all() {
			states[d.Status]++
			if d.Status == core.DeliveryFailed && (len(d.Attempts) != 1 || !strings.Contains(d.Attempts[0].Error, "Too many deliveries")) {
				t.Errorf("it failed because %+v", d.Attempts)
			}
		}
		if states[core.DeliveryPending] != 5 || states[core.DeliveryFailed] != 4 {
			t.Errorf("deliveries by status: %v", states)
		}
		stop := w.send(w.service)
		time.Sleep(time.Minute)
		stop()
		w.happen(caller, 1) // there is room again
		if list := w.store.all(); list[len(list)-1].Status != core.DeliveryPending || len(w.receivers.posts()) != 5 {
			t.Errorf("after all were sent it is %s", list[len(list)-1].Status)
		}
	})
}
