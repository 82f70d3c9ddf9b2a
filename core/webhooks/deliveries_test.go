package webhooks_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/webhooks"
)

func TestSecretIsOfTheSpecificationsForm(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, first := w.tenant()
		second, until, err := w.service.NewSecret(t.Context(), caller, core.Op{})
		if err != nil || !until.Equal(clock{}.Now().Add(24*time.Hour)) {
			t.Fatalf("the old one signs until %v, %v", until, err)
		}
		for _, secret := range []string{first, second} {
			if !strings.HasPrefix(secret, "whsec_") || len(raw(t, secret)) != 32 {
				t.Errorf("a secret is %q", secret)
			}
		}
		if first == second {
			t.Error("the new secret is the old one")
		}
	})
}

func TestOldSecretSignsAlongForADay(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, first := w.tenant()
		stop := w.send(w.service)
		check := func(oldSigns bool, secrets ...string) {
			t.Helper()
			w.happen(caller, 1)
			time.Sleep(10 * time.Second)
			posts := w.receivers.posts()
			last := posts[len(posts)-1]
			for i, secret := range secrets {
				if err := verify(secret, last); (err == nil) != (i == 0 || oldSigns) {
					t.Errorf("secret %d: %v", i, err)
				}
			}
			if n := len(strings.Fields(last.headers["webhook-signature"])); !oldSigns && n != 1 {
				t.Errorf("%d signatures", n)
			}
		}
		check(true, first)
		second, _, err := w.service.NewSecret(t.Context(), caller, core.Op{})
		if err != nil {
			t.Fatal(err)
		}
		check(true, second, first)
		time.Sleep(23 * time.Hour)
		check(true, second, first)
		time.Sleep(time.Hour)
		check(false, second, first)
		stop()
	})
}

func TestSecretOfAnEarlierRunIsNotShownAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		op := core.Op{ID: "op_1", Until: clock{}.Now().Add(time.Hour)}
		first, _, err := w.service.NewSecret(t.Context(), caller, op)
		if err != nil || first == "" {
			t.Fatal(first, err)
		}
		again, until, err := w.service.NewSecret(t.Context(), caller, op)
		if err != nil || again != "" || until.IsZero() {
			t.Errorf("run again it gave %q, %v, %v", again, until, err)
		}
		if h, _ := w.hooks.Webhook(t.Context(), caller.Tenant); len(h.Secrets) != 2 || !bytes.Equal(h.Secrets[0].Secret, raw(t, first)) {
			t.Errorf("there are %d secrets", len(h.Secrets))
		}
	})
}

func TestTestEventOfAnOperationIsSentOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		op := core.Op{ID: "op_01m8798j7ea8zy5nzkyka459yx", Until: time.Now().Add(time.Hour)}
		for range 2 {
			if _, err := w.service.Test(t.Context(), caller, op); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := w.service.Log(t.Context(), caller, "", 10); err != nil || len(list.Items) != 1 {
			t.Errorf("%d deliveries, %v", len(list.Items), err)
		}
	})
}

func TestTestEventIsSentAndHasNoNumber(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, secret := w.tenant()
		stop := w.send(w.service)
		d, err := w.service.Test(t.Context(), caller, core.Op{})
		if err != nil || d.Type != core.EventWebhookTest || d.Status != core.DeliveryPending {
			t.Fatalf("%+v, %v", d, err)
		}
		time.Sleep(time.Second)
		if err := verify(secret, w.receivers.posts()[0]); err != nil {
			t.Error(err)
		}
		stop()
		body := w.receivers.posts()[0].body
		if !strings.Contains(body, `"type":"webhook.test"`) || strings.Contains(body, "seq") || !strings.Contains(body, `"data":{}`) {
			t.Errorf("body %s", body)
		}
		w.hooks.set(caller.Tenant, func(h *core.Webhook) { h.URL = "" })
		if _, err := w.service.Test(t.Context(), caller, core.Op{}); !core.Is(err, core.CodeValidation) {
			t.Errorf("without a webhook_url: %v", err)
		}
		if _, err := w.service.Replay(t.Context(), caller, d.ID); !core.Is(err, core.CodeValidation) {
			t.Errorf("replay without a webhook_url: %v", err)
		}
	})
}

func TestReplayKeepsTheWebhookID(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, secret := w.tenant()
		other, _ := w.tenant()
		id := w.happen(caller, 1)[0]
		w.receivers.will(answers(http.StatusTeapot))
		stop := w.send(w.service)
		time.Sleep(100 * time.Hour)
		d := w.store.all()[0]
		if d.Tenant != caller.Tenant || d.Status != core.DeliveryFailed {
			t.Fatalf("%+v", d)
		}
		before := len(w.receivers.posts())
		if _, err := w.service.Replay(t.Context(), other, d.ID); !core.Is(err, core.CodeNotFound) {
			t.Errorf("another tenant's: %v", err)
		}
		if _, err := w.service.Replay(t.Context(), caller, "dlv_00000000000000000000000000"); !core.Is(err, core.CodeNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
		if _, err := w.service.Replay(t.Context(), caller, d.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if got := w.store.all()[0]; got.Status != core.DeliveryFailed || len(got.Attempts) != len(d.Attempts)+1 || len(w.receivers.posts()) != before+1 {
			t.Errorf("after a replay that failed: %s, %d attempts", got.Status, len(got.Attempts))
		}
		w.receivers.will(answers(http.StatusOK))
		for range 2 { // delivered ones can be replayed too
			if _, err := w.service.Replay(t.Context(), caller, d.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
			if err := verify(secret, lastOf(w)); err == nil {
				t.Error("an old request verifies ten minutes later")
			}
		}
		stop()
		if last := lastOf(w); last.id() != id || len(w.receivers.posts()) != before+3 {
			t.Errorf("%d requests, the last of %s", len(w.receivers.posts()), last.id())
		}
	})
}

func TestReplayOfAPendingDeliveryDoesNotWait(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(answers(http.StatusInternalServerError))
		w.happen(caller, 1)
		w.send(w.service)
		time.Sleep(time.Hour)
		w.receivers.will(answers(http.StatusOK))
		if _, err := w.service.Replay(t.Context(), caller, w.store.all()[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if d := w.store.all()[0]; d.Status != core.DeliveryDelivered {
			t.Errorf("it is %s, due in %v", d.Status, time.Until(d.NextAt))
		}
	})
}

// oldFailures makes deliveries that failed, and are older than any is tried.
func (w *world) oldFailures(caller core.Caller, count int) (list []core.Delivery) {
	w.t.Helper()
	w.receivers.will(answers(http.StatusInternalServerError))
	w.happen(caller, count)
	stop := w.send(w.service)
	time.Sleep(200 * time.Hour)
	stop()
	for _, d := range w.store.all() {
		if d.Status != core.DeliveryFailed {
			w.t.Fatalf("%s is %s", d.ID, d.Status)
		}
		list = append(list, d.Delivery)
	}
	return list
}

func (w *world) replay(caller core.Caller, list []core.Delivery) {
	w.t.Helper()
	for _, d := range list {
		if _, err := w.service.Replay(w.t.Context(), caller, d.ID); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestReplaysOfOldDeliveriesWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		old := w.oldFailures(caller, 150) // more than may be held of a tenant
		w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
			time.Sleep(2 * time.Second)
			return http.StatusOK, 0, nil
		})
		before := len(w.receivers.posts())
		w.replay(caller, old)
		w.send(w.service)
		time.Sleep(10 * time.Minute)
		for _, d := range w.store.all() {
			if d.Status != core.DeliveryDelivered {
				t.Errorf("%s is %s: %+v", d.ID, d.Status, d.Attempts[len(d.Attempts)-1])
			}
		}
		if n := len(w.receivers.posts()) - before; n != len(old) {
			t.Errorf("%d requests for %d replays", n, len(old))
		}
	})
}

func TestReplayOfAnOldDeliveryWaitsForAReceiverThatIsLeftAlone(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		old := w.oldFailures(caller, 1)
		w.happen(caller, 10) // that fail, so that the receiver is left alone
		w.send(w.service)
		time.Sleep(time.Second)
		before := len(w.receivers.posts())
		w.replay(caller, old)
		time.Sleep(time.Second)
		if d := w.store.all()[0]; d.Status != core.DeliveryPending || len(w.receivers.posts()) != before {
			t.Fatalf("while the receiver is left alone, it is %s after %d requests: %+v", d.Status, len(w.receivers.posts())-before, d.Attempts)
		}
		w.receivers.will(answers(http.StatusOK))
		time.Sleep(10 * time.Minute)
		if d := w.store.all()[0]; d.Status != core.DeliveryDelivered {
			t.Errorf("it is %s: %+v", d.Status, d.Attempts)
		}
	})
}

func TestReplaysThatFindNoTurnAreGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	// A delivery is tried once, and put off for an hour at most.
	inWorld(t, webhooks.Options{Schedule: []time.Duration{0}}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		old := w.oldFailures(caller, 60)
		began := clock{}.Now()
		w.replay(caller, old)
		w.send(w.service)
		pending := func() (n int) {
			for _, d := range w.store.all() {
				if d.Status == core.DeliveryPending {
					n++
				}
			}
			return n
		}
		time.Sleep(50 * time.Minute)
		if pending() == 0 {
			t.Error("after fifty minutes all were given up")
		}
		time.Sleep(30 * time.Minute)
		if n := pending(); n > 0 {
			t.Errorf("%d are pending %v after they were asked for", n, clock{}.Now().Sub(began))
		}
	})
}

func lastOf(w *world) post {
	posts := w.receivers.posts()
	return posts[len(posts)-1]
}

func TestLogOfADeliveryIsBounded(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.happen(caller, 1)
		stop := w.send(w.service)
		time.Sleep(time.Second)
		for range 50 {
			if _, err := w.service.Replay(t.Context(), caller, w.store.all()[0].ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		stop()
		if n := len(w.store.all()[0].Attempts); n != 20 {
			t.Errorf("%d attempts are kept", n)
		}
	})
}

func TestLogIsPagedNewestFirst(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		other, _ := w.tenant()
		ids := w.happen(caller, 7)
		w.happen(other, 3)
		var got []string
		cursor := ""
		for {
			page, err := w.service.Log(t.Context(), caller, cursor, 3)
			if err != nil || len(page.Items) > 3 {
				t.Fatal(page, err)
			}
			for _, d := range page.Items {
				got = append([]string{string(d.Event)}, got...)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
			if _, err := w.service.Log(t.Context(), other, cursor, 3); !core.Is(err, core.CodeInvalidCursor) {
				t.Errorf("another tenant's cursor: %v", err)
			}
		}
		if strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("the log has %v, want %v from its end", got, ids)
		}
	})
}
