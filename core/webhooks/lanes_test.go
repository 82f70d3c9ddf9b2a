package webhooks_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/webhooks"
)

func TestReceiverThatAsksToBeLeftAloneIsSoByAllDeliveries(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
			return http.StatusTooManyRequests, time.Minute, nil
		})
		stop := w.send(w.service)
		w.happen(caller, 1)
		time.Sleep(time.Second)
		w.receivers.will(answers(http.StatusOK))
		w.happen(caller, 20)
		time.Sleep(50 * time.Second)
		if n := len(w.receivers.posts()); n != 1 {
			t.Errorf("%d requests within the minute", n)
		}
		time.Sleep(time.Minute)
		stop()
		if n := len(w.receivers.posts()); n != 22 {
			t.Errorf("%d requests in the end", n)
		}
	})
}

func TestSlowReceiverHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		slow, _ := w.tenant()
		quick, _ := w.tenant()
		w.receivers.will(func(ctx context.Context, p post) (int, time.Duration, error) {
			if p.url == url(slow) {
				return never(ctx, p)
			}
			time.Sleep(10 * time.Millisecond)
			return http.StatusOK, 0, nil
		})
		w.happen(slow, 500)
		stop := w.send(w.service)
		time.Sleep(10 * time.Second)
		began := clock{}.Now()
		w.happen(quick, 300)
		time.Sleep(5 * time.Second)
		quickOnes := 0
		for _, p := range w.receivers.posts() {
			if p.url == url(quick) {
				quickOnes++
				if late := p.at.Sub(began); late > 2*time.Second {
					t.Fatalf("a request was %v late", late)
				}
			}
		}
		if quickOnes != 300 {
			t.Errorf("%d of 300 were sent", quickOnes)
		}
		time.Sleep(time.Hour)
		stop()
		if most := w.receivers.mostOf(url(slow)); most != 8 {
			t.Errorf("%d requests to one receiver at a time", most)
		}
	})
}

func TestReceiverThatOnlyFailsIsLeftAloneAndTakenUpAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
			time.Sleep(100 * time.Millisecond)
			return http.StatusBadGateway, 0, nil
		})
		stop := w.send(w.service)
		w.happen(caller, 400)
		time.Sleep(20 * time.Minute)
		posts := w.receivers.posts()
		failing := len(posts)
		if failing > 30 {
			t.Errorf("%d requests in 20 minutes to a receiver that only fails", failing)
		}
		for i := 1; i < failing; i++ {
			if pause := posts[i].at.Sub(posts[i-1].at); pause > time.Second {
				if pause < 5*time.Second || pause > 7*time.Second {
					t.Errorf("the first pause took %v", pause)
				}
				break
			}
		}
		w.receivers.will(answers(http.StatusOK))
		pending := func() (list []core.Delivery) {
			for _, d := range w.store.all() {
				if d.Status != core.DeliveryDelivered {
					list = append(list, d.Delivery)
				}
			}
			return list
		}
		time.Sleep(15 * time.Minute)
		if list := pending(); len(list) > 10 { // those that were tried thrice have their next try later
			t.Errorf("%d are not delivered after fifteen minutes", len(list))
		}
		time.Sleep(time.Hour)
		stop()
		for _, d := range pending() {
			t.Errorf("%s is %s, due %v", d.ID, d.Status, d.NextAt)
		}
		t.Logf("%d requests while it failed", failing)
	})
}

func TestNewURLIsNotHeldUpByTheFailuresOfTheOld(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(answers(http.StatusBadGateway))
		stop := w.send(w.service)
		w.happen(caller, 100)
		time.Sleep(30 * time.Minute)
		w.receivers.will(answers(http.StatusOK))
		w.hooks.set(caller.Tenant, func(h *core.Webhook) { h.URL = "https://new.example/" })
		id := w.happen(caller, 1)[0]
		time.Sleep(time.Second)
		stop()
		if !slices.ContainsFunc(w.receivers.posts(), func(p post) bool { return p.id() == id && p.url == "https://new.example/" }) {
			t.Error("the new URL got nothing within a second")
		}
	})
}

// TestReceiverThatStaysDownKeepsNothingForEver has a receiver that is left alone
// most of the time, so that the schedule alone would not end.
func TestReceiverThatStaysDownKeepsNothingForEver(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(answers(http.StatusBadGateway))
		w.happen(caller, 30)
		stop := w.send(w.service)
		time.Sleep(120 * time.Hour)
		stop()
		for _, d := range w.store.all() {
			if d.Status != core.DeliveryFailed {
				t.Fatalf("%s is %s after five days", d.ID, d.Status)
			}
		}
	})
}

// TestDeliveriesOfAReceiverThatHangsEndInTime has far more of them than there
// are attempts while the receiver is left alone; none of them is forgotten.
func TestDeliveriesOfAReceiverThatHangsEndInTime(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{Schedule: []time.Duration{0, 2 * time.Hour, 2 * time.Hour}}, func(t *testing.T, w *world) {
		caller, _ := w.tenant()
		w.receivers.will(never)
		w.happen(caller, 400)
		w.send(w.service)
		time.Sleep(7 * time.Hour)
		failed := 0
		for _, d := range w.store.all() {
			if d.Status == core.DeliveryFailed {
				failed++
			}
		}
		if tried := len(w.receivers.posts()); failed != 400 || tried > 200 {
			t.Errorf("after seven hours %d of 400 ended, in %d attempts", failed, tried)
		}
		w.receivers.will(func(context.Context, post) (int, time.Duration, error) {
			time.Sleep(time.Second)
			return http.StatusOK, 0, nil
		})
		before := len(w.receivers.posts())
		other, _ := w.tenant()
		w.happen(other, 16)
		time.Sleep(5 * time.Second)
		if n := len(w.receivers.posts()) - before; n != 16 {
			t.Errorf("%d requests of 16 after it", n)
		}
	})
}

// TestBacklogsAreNotTurnedOverForEachNewEvent has receivers that hang, and one
// tenant with a steady flow of events.
func TestBacklogsAreNotTurnedOverForEachNewEvent(t *testing.T) {
	t.Parallel()
	inWorld(t, webhooks.Options{}, func(t *testing.T, w *world) {
		quick, _ := w.tenant()
		w.receivers.will(func(ctx context.Context, p post) (int, time.Duration, error) {
			if p.url == url(quick) {
				return http.StatusOK, 0, nil
			}
			return never(ctx, p)
		})
		for range 6 {
			slow, _ := w.tenant()
			w.happen(slow, 600)
		}
		w.send(w.service)
		time.Sleep(time.Second)
		before := w.store.saved.Load()
		for range 500 {
			w.happen(quick, 1)
			time.Sleep(10 * time.Millisecond)
		}
		if n := w.store.saved.Load() - before; n > 500+20*6*32 {
			t.Errorf("%d writes for 500 deliveries", n)
		}
	})
}
