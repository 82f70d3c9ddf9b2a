package webhooks_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/webhooks"
)

func TestEveryEventIsDeliveredWhereHalfTheAttemptsFail(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		got, tries, secrets := map[string]int{}, map[string]int{}, map[string]string{}
		w.receivers.will(func(_ context.Context, p post) (int, time.Duration, error) {
			if err := verify(secrets[p.url], p); err != nil {
				t.Errorf("a signature is refused: %v", err)
			}
			w.receivers.mu.Lock()
			defer w.receivers.mu.Unlock()
			tries[p.id()]++
			kind := random.IntN(8)
			if tries[p.id()] == 10 {
				kind = 7 // by chance alone one event in a thousand would fail ten times, and be given up
			}
			switch kind {
			case 0:
				return http.StatusInternalServerError, 0, nil
			case 1:
				return 0, 0, errors.New("cut off")
			case 2:
				return http.StatusFound, 0, nil
			case 3:
				return http.StatusServiceUnavailable, 7 * time.Second, nil
			}
			got[p.id()]++
			return http.StatusAccepted, 0, nil
		})
		var want []string
		for range 4 {
			caller, secret := w.tenant()
			secrets[url(caller)] = secret
			want = append(want, w.happen(caller, 250)...)
		}
		stop := w.send(w.service)
		time.Sleep(100 * time.Hour)
		stop()
		for _, id := range want {
			if got[id] != 1 {
				t.Errorf("%s was taken %d times", id, got[id])
			}
		}
		posts := w.receivers.posts()
		attempts := 0
		for _, d := range w.store.all() {
			attempts += len(d.Attempts)
			if d.Status != core.DeliveryDelivered || !d.NextAt.IsZero() {
				t.Errorf("%s is %s", d.ID, d.Status)
			}
		}
		if attempts != len(posts) {
			t.Errorf("%d attempts are in the log, %d were made", attempts, len(posts))
		}
		t.Logf("%d events, %d attempts", len(want), attempts)
	})
}

func TestDeliveryIsTriedByTheScheduleThenFails(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		w.receivers.will(answers(http.StatusInternalServerError))
		caller, _ := w.tenant()
		began := clock{}.Now()
		ids := w.happen(caller, 1)
		stop := w.send(w.service)
		time.Sleep(100 * time.Hour)
		stop()
		waits := []time.Duration{
			0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
			5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}
		posts := w.receivers.posts()
		if len(posts) != len(waits) {
			t.Fatalf("%d attempts", len(posts))
		}
		last, exact := began, 0
		for i, p := range posts {
			wait := p.at.Sub(last)
			if wait < waits[i]*8/10 || wait > waits[i]*12/10+time.Second || p.id() != ids[0] {
				t.Errorf("attempt %d of %s came after %v, want %v give or take a fifth", i+1, p.id(), wait, waits[i])
			}
			if wait == waits[i] {
				exact++
			}
			last = p.at
		}
		if exact > 2 {
			t.Error("retries are not spread")
		}
		d := w.store.all()[0]
		if d.Status != core.DeliveryFailed || len(d.Attempts) != len(waits) || !d.NextAt.IsZero() ||
			d.Attempts[3].Status != 500 || d.Attempts[3].Error != "The receiver answered 500." {
			t.Errorf("in the log: %+v", d)
		}
	})
}

func TestRetryAfterIsHonouredWithinBounds(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]time.Duration{
		time.Second: 4 * time.Second, time.Minute: time.Minute, 24 * time.Hour: 24 * time.Hour, 300 * 24 * time.Hour: 24 * time.Hour,
	} {
		inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
			first := true
			w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
				defer func() { first = false }()
				if first {
					return http.StatusTooManyRequests, asked, nil
				}
				return http.StatusOK, 0, nil
			})
			caller, _ := w.tenant()
			w.happen(caller, 1)
			stop := w.send(w.service)
			time.Sleep(48 * time.Hour)
			stop()
			posts := w.receivers.posts()
			if len(posts) != 2 {
				t.Fatalf("asked to wait %v: %d attempts", asked, len(posts))
			}
			if wait := posts[1].at.Sub(posts[0].at); wait < want || wait > want+7*time.Second {
				t.Errorf("asked to wait %v: %v", asked, wait)
			}
		})
	}
}

func TestGoneEndsDeliveriesUntilTheURLIsSetAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		w.receivers.will(answers(http.StatusGone))
		caller, _ := w.tenant()
		stop := w.send(w.service)
		w.happen(caller, 1)
		time.Sleep(time.Minute)
		if h, _ := w.hooks.Webhook(t.Context(), caller.Tenant); !h.Disabled {
			t.Fatal("the webhook is not disabled")
		}
		w.happen(caller, 5) // of which nobody wants to be told
		d, err := w.service.Test(t.Context(), caller, core.Op{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Hour)
		all := w.store.all()
		if n := len(w.receivers.posts()); n != 1 || len(all) != 2 {
			t.Fatalf("%d requests, %d deliveries", n, len(all))
		}
		if all[0].Status != core.DeliveryFailed || len(all[0].Attempts) != 1 || !strings.Contains(all[0].Attempts[0].Error, "410") ||
			all[1].ID != d.ID || all[1].Status != core.DeliveryFailed || !strings.Contains(all[1].Attempts[0].Error, "set again") {
			t.Errorf("in the log: %+v", all)
		}
		w.hooks.set(caller.Tenant, func(h *core.Webhook) { h.Disabled = false })
		w.receivers.will(answers(http.StatusOK))
		if _, err := w.service.Replay(t.Context(), caller, d.ID); err != nil {
			t.Fatal(err)
		}
		w.happen(caller, 1)
		time.Sleep(time.Second)
		stop()
		if n := len(w.receivers.posts()); n != 3 {
			t.Errorf("%d requests after it was set again", n)
		}
	})
}

func TestSenderThatDiesInMidSendIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		ids := w.happen(caller, 3)
		w.receivers.will(never)
		dead := w.newService(webhooks.Options{Timeout: 15 * time.Second})
		ctx, kill := context.WithCancel(t.Context())
		if _, err := dead.Send(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.store.down.Store(true) // nothing that it does from now on is seen
		kill()
		dead.Wait()
		w.store.down.Store(false)
		w.receivers.will(answers(http.StatusOK))
		stop := w.send(w.service)
		time.Sleep(30 * time.Second)
		stop()
		var again []string
		for _, p := range w.receivers.posts()[3:] {
			again = append(again, p.id())
		}
		slices.Sort(again)
		if !slices.Equal(again, ids) {
			t.Errorf("%v were sent again, want %v", again, ids)
		}
		for _, d := range w.store.all() {
			if d.Status != core.DeliveryDelivered || len(d.Attempts) != 1 {
				t.Errorf("%s is %s after %d attempts", d.ID, d.Status, len(d.Attempts))
			}
		}
	})
}

func TestStoppedSenderPutsBackWhatItHolds(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(never)
		w.happen(caller, 30)
		stop := w.send(w.service)
		time.Sleep(time.Second)
		stop()
		now := clock{}.Now()
		for _, d := range w.store.all() {
			if d.Status != core.DeliveryPending || d.NextAt.After(now.Add(3*time.Second)) || len(d.Attempts) > 0 {
				t.Errorf("%s is %s, due %v from now, %d attempts", d.ID, d.Status, d.NextAt.Sub(now), len(d.Attempts))
			}
		}
	})
}

func TestSendersOnOneStoreSendNothingTwice(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		for _, slow := range []time.Duration{300 * time.Millisecond, 10 * time.Second} { // some then wait longer than they are held
			w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
				time.Sleep(slow)
				return http.StatusOK, 0, nil
			})
			caller, _ := w.tenant()
			ids := w.happen(caller, 200)
			before := len(w.receivers.posts())
			var stops []func()
			for range 3 {
				stops = append(stops, w.send(w.newService(webhooks.Options{})))
			}
			time.Sleep(time.Hour)
			for _, stop := range stops {
				stop()
			}
			if n := len(w.receivers.posts()) - before; n != len(ids) {
				t.Errorf("%d requests for %d deliveries to a receiver that takes %v", n, len(ids), slow)
			}
		}
	})
}

func TestIdleSenderAsksSeldom(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.happen(caller, 1)
		stop := w.send(w.service)
		time.Sleep(time.Minute)
		before := w.store.asked.Load()
		time.Sleep(24 * time.Hour)
		stop()
		// The loop of this test looks every ten minutes, twice each time.
		if n := w.store.asked.Load() - before; n > 2*6*24+2 {
			t.Errorf("the store was asked %d times in an idle day", n)
		}
	})
}

func TestDeliveryWithoutAWebhookEndsWithAReason(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*core.Webhook){
		"no webhook_url": func(h *core.Webhook) { h.URL = "" },
		"no secret":      func(h *core.Webhook) { h.Secrets = nil },
	} {
		inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
			caller, _ := w.tenant()
			w.happen(caller, 1)
			w.hooks.set(caller.Tenant, change)
			stop := w.send(w.service)
			time.Sleep(time.Minute)
			stop()
			d := w.store.all()[0]
			if d.Status != core.DeliveryFailed || len(d.Attempts) != 1 || !strings.Contains(d.Attempts[0].Error, want) || len(w.receivers.posts()) > 0 {
				t.Errorf("want %q, in the log: %+v", want, d)
			}
		})
	}
}

func TestStoreThatIsDownCostsNoDelivery(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.happen(caller, 50)
		w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
			time.Sleep(time.Second)
			return http.StatusOK, 0, nil
		})
		stop := w.send(w.service)
		time.Sleep(1500 * time.Millisecond)
		w.store.down.Store(true) // some outcomes are lost
		time.Sleep(time.Minute)
		w.store.down.Store(false)
		time.Sleep(5 * time.Minute)
		stop()
		for _, d := range w.store.all() {
			if d.Status != core.DeliveryDelivered {
				t.Errorf("%s is %s", d.ID, d.Status)
			}
		}
	})
}
