package contract

import (
	"context"
	"fmt"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Outbox is the contract of ports.Outbox.
func Outbox(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"EventIsKeptWhole", eventIsKeptWhole},
		{"EventsComeInPages", eventsComeInPages},
		{"EventsAreEachTenantsOwn", eventsAreEachTenantsOwn},
		{"ManyStepsLeaveNoGap", manyStepsLeaveNoGap},
		{"EventsOutliveTheirTenant", eventsOutliveTheirTenant},
		{"LastEventHasTheWebhook", lastEventHasTheWebhook},
		{"UnknownTenantHasNoEvents", unknownTenantHasNoEvents},
	}, outboxCalls())
}

func outboxCalls() []call {
	// Events takes a tenant too; those of a deleted one stay.
	return []call{{name: "Events", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
		return w.Events(ctx, at.tenant, 0, 10)
	}}}
}

func eventIsKeptWhole(w *World) {
	t := w.MustCreateTenant()
	for i, data := range []core.EventData{
		nil,
		{},
		{"user_id": "usr_x", "quota": "max_users", "limit": int64(0), "used": int64(-1), "big": int64(1) << 52},
		{"a.b": "q\"'\\\n\u2028<&>", "": "an empty name", "empty": "", "unicode": "\U0001f9a4 é", "number": "12"},
	} {
		n := w.MakeUser(t.ID)
		n.Event.Data = data
		if i%2 == 1 {
			n.Event.Actor = core.Actor{} // the system
		}
		given := dump(n.Event)
		w.ok(w.createUser(n))
		w.equal("what was handed in, after the call,", dump(n.Event), given)
		n.Event.Seq = int64(3 + i)
		w.equal("the event", w.mustEvents(t.ID, int64(2+i)), []core.Event{n.Event})
	}
}

func lastEventHasTheWebhook(w *World) {
	for _, webhook := range [][]byte{nil, w.Bytes(90), {0, 1, 255, '\n', 0}} {
		t := w.MustCreateTenant()
		event := w.MakeEvent(t.ID, core.EventTenantDeleted)
		event.Webhook = webhook
		w.ok(w.DeleteTenant(w.Ctx, t.ID, w.Op(), event))
		event.Seq = 3
		w.equal("the last event", w.mustEvents(t.ID, 2), []core.Event{event})
		w.ok(w.TrimEvents(w.Ctx, t.ID, 3))
		events, err := w.Events(w.Ctx, t.ID, 0, 10)
		w.refused(err, core.CodeNotFound)
		w.equal("what is left", len(events), 0)
	}
}

func eventsComeInPages(w *World) {
	t := w.MustCreateTenant()
	for range 9 {
		w.MustCreateUser(t.ID)
	}
	want := w.mustEvents(t.ID, 0)
	w.equal("the number of events", len(want), 11)
	var got []core.Event
	after := int64(0)
	for range 20 {
		page, err := w.Events(w.Ctx, t.ID, after, 3)
		w.ok(err)
		if len(page) > 3 {
			w.T.Fatalf("a page of three has %d", len(page))
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1].Seq
		if len(got) < 12 {
			w.MustCreateUser(t.ID)
		}
	}
	w.equal("the events, in pages,", got, w.mustEvents(t.ID, 0))
	w.equal("the events after the last", w.mustEvents(t.ID, after+5), []core.Event(nil))
}

func eventsAreEachTenantsOwn(w *World) {
	a, b := w.MakeTenant(), w.MakeTenant()
	b.Record.ID = lookAlike(a.Record.ID)
	b.Key.Tenant = b.Record.ID
	for i := range b.Events {
		b.Events[i].Tenant = b.Record.ID
	}
	w.mustCreateTenant(a)
	w.mustCreateTenant(b)
	for range 3 {
		w.MustCreateUser(a.Record.ID)
		w.MustCreateUser(b.Record.ID)
	}
	for _, tenant := range []core.TenantID{a.Record.ID, b.Record.ID} {
		events := w.mustEvents(tenant, 0)
		w.equal("the number of events", len(events), 5)
		for i, e := range events {
			if e.Tenant != tenant || e.Seq != int64(i+1) {
				w.T.Fatalf("event %d of %s is %+v", i+1, tenant, e)
			}
		}
	}
}

// manyStepsLeaveNoGap follows the outbox while many steps record: whoever has
// seen a Seq has seen all before it.
func manyStepsLeaveNoGap(w *World) {
	t := w.MustCreateTenant(func(s *core.Settings) { s.MaxUsers = 100 })
	ids := map[core.EventID]bool{}
	seen := int64(0)
	follow := func() error {
		for range 1000 {
			page, err := w.Events(w.Ctx, t.ID, seen, 5)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				if e.Seq != seen+1 || ids[e.ID] {
					return fmt.Errorf("after seq %d came %d (known: %v)", seen, e.Seq, ids[e.ID])
				}
				seen, ids[e.ID] = e.Seq, true
			}
		}
		return nil
	}
	w.allOK(together(13, func(i int) error {
		for range 10 {
			if i == 12 {
				if err := follow(); err != nil {
					return err
				}
				continue
			}
			n := w.MakeUser(t.ID)
			err := w.createUser(n)
			if err == nil && i%3 == 0 {
				err = w.deleteUser(t.ID, n.Record.ID)
			}
			if err != nil && !core.Is(err, core.CodeQuotaExhausted) {
				return err
			}
		}
		return nil
	}))
	w.ok(follow())
	w.equal("the number of events", len(w.mustEvents(t.ID, 0)), int(seen))
	w.Recount(t.ID)
}

func eventsOutliveTheirTenant(w *World) {
	s := w.stage()
	before := w.mustEvents(s.tenant, 0)
	w.mustDeleteTenant(s.tenant)
	after := w.mustEvents(s.tenant, 0)
	w.equal("the events before the last", after[:len(after)-1], before)
	w.equal("the last", after[len(after)-1].Type, core.EventTenantDeleted)
	w.mustPurge(1)
	w.equal("the events after the purge", w.mustEvents(s.tenant, 0), after)
}

func unknownTenantHasNoEvents(w *World) {
	s := w.stage()
	for _, id := range hostile(string(s.tenant)) {
		got, err := w.Events(w.Ctx, core.TenantID(id), 0, 10)
		if !core.Is(err, core.CodeNotFound) || len(got) != 0 {
			w.T.Fatalf("the tenant %q: %d events, %v", cut(id), len(got), err)
		}
	}
}
