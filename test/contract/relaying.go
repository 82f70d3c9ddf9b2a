package contract

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Relaying is the contract of ports.Relaying. What is not there has an empty
// outbox, and nothing can be noted of it; what is no id is not found.
func Relaying(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"OutboxesAreListedInPages", outboxesAreListedInPages},
		{"OutboxTellsWhatItHolds", outboxTellsWhatItHolds},
		{"DeletedTenantsAreRelayed", deletedTenantsAreRelayed},
		{"PositionsOnlyRise", positionsOnlyRise},
		{"TrimmedEventsAreGone", trimmedEventsAreGone},
		{"EventsAreRelayedOnceWhileTheyAreRecorded", eventsAreRelayedOnce},
		{"NothingIsRelayedOfWhatIsNot", nothingIsRelayedOfWhatIsNot},
	}, relayingCalls())
}

func relayingCalls() []call {
	return []call{
		{name: "Outboxes", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.Outboxes(ctx, "", everything)
		}},
		{name: "Positions", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Positions(ctx, at.tenant)
		}},
		{name: "SetPosition", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.SetPosition(ctx, at.tenant, "log", 4))
		}},
		{name: "TrimEvents", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.TrimEvents(ctx, at.tenant, 3))
		}},
	}
}

func (w *World) mustOutboxes(after core.TenantID, limit int) []core.OutboxState {
	w.T.Helper()
	boxes, err := w.Outboxes(w.Ctx, after, limit)
	w.ok(err)
	return boxes
}

func (w *World) mustPositions(tenant core.TenantID) map[string]int64 {
	w.T.Helper()
	positions, err := w.Positions(w.Ctx, tenant)
	w.ok(err)
	return positions
}

func outboxesAreListedInPages(w *World) {
	w.equal("the outboxes of an empty store", len(w.mustOutboxes("", 10)), 0)
	w.stage()
	var want []core.TenantID
	for range 8 {
		want = append(want, w.MustCreateTenant().ID)
	}
	w.ok(w.RecordEvents(w.Ctx, core.DeploymentTenant, w.Op(), w.MakeEvent(core.DeploymentTenant, core.EventAuthFailed)))
	idle := want[3] // that nothing is to be relayed of
	w.ok(w.TrimEvents(w.Ctx, idle, 2))
	want = append(slices.Delete(want, 3, 4), core.DeploymentTenant, w.tenants[0])
	slices.Sort(want)
	var got []core.TenantID
	for after := core.TenantID(""); len(got) <= len(want); {
		page := w.mustOutboxes(after, 3)
		if len(page) == 0 {
			break
		}
		if len(page) > 3 {
			w.T.Fatalf("a page of three has %d", len(page))
		}
		for _, box := range page {
			got = append(got, box.Tenant)
		}
		after = got[len(got)-1]
	}
	w.equal("whose outbox holds events", got, want)
	after := slices.IndexFunc(want, func(id core.TenantID) bool { return id > idle })
	w.equal("those after one that is not listed", len(w.mustOutboxes(idle, 100)), len(want)-after)
	w.MustCreateUser(idle)
	if !slices.ContainsFunc(w.mustOutboxes("", 100), func(o core.OutboxState) bool { return o.Tenant == idle }) {
		w.T.Fatalf("one that has an event again is not listed")
	}
}

func outboxTellsWhatItHolds(w *World) {
	t := w.MustCreateTenant()
	is := func(first, last int64) {
		w.T.Helper()
		list := w.mustEvents(t.ID, first-1)
		w.equal("the outboxes", w.mustOutboxes("", 10), []core.OutboxState{{Tenant: t.ID, First: first, Last: last, OldestAt: list[0].At}})
	}
	is(1, 2)
	w.MustCreateUser(t.ID)
	is(1, 3)
	w.ok(w.TrimEvents(w.Ctx, t.ID, 1))
	is(2, 3)
	w.ok(w.TrimEvents(w.Ctx, t.ID, 3))
	w.equal("the outboxes, when all is trimmed,", len(w.mustOutboxes("", 10)), 0)
	w.MustCreateUser(t.ID)
	is(4, 4)
}

func deletedTenantsAreRelayed(w *World) {
	s, other := w.stage(), w.MustCreateTenant()
	for _, step := range []func(){func() { w.mustDeleteTenant(s.tenant) }, func() { w.mustPurge(3) }} {
		w.ok(w.SetPosition(w.Ctx, s.tenant, "log", 3))
		step()
		w.ok(w.SetPosition(w.Ctx, s.tenant, "hooks", 2))
		w.equal("the positions", w.mustPositions(s.tenant), map[string]int64{"log": 3, "hooks": 2})
		w.equal("the number of outboxes", len(w.mustOutboxes("", 10)), 2)
		w.ok(w.TrimEvents(w.Ctx, s.tenant, 2))
		w.equal("the first event", w.mustEvents(s.tenant, 0)[0].Seq, int64(3))
	}
	w.ok(w.TrimEvents(w.Ctx, s.tenant, 1000))
	w.equal("the number of outboxes", len(w.mustOutboxes("", 10)), 1)
	_, err := w.Events(w.Ctx, s.tenant, 0, 10)
	w.refused(err, core.CodeNotFound)
	w.equal("the positions", w.mustPositions(s.tenant), map[string]int64{})
	w.ok(w.SetPosition(w.Ctx, s.tenant, "log", 9)) // as a relay does that is late
	w.equal("the positions", w.mustPositions(s.tenant), map[string]int64{})
	w.ok(w.TrimEvents(w.Ctx, s.tenant, 9))
	w.mustDeleteTenant(other.ID)
	w.ok(w.SetPosition(w.Ctx, other.ID, "log", 3))
	w.ok(w.TrimEvents(w.Ctx, other.ID, 1000)) // before it is purged
	_, err = w.Events(w.Ctx, other.ID, 0, 10)
	w.refused(err, core.CodeNotFound)
	w.equal("the positions", w.mustPositions(other.ID), map[string]int64{})
	w.mustPurge(1)
	w.equal("the number of outboxes", len(w.mustOutboxes("", 10)), 0)
}

func positionsOnlyRise(w *World) {
	a, b := w.MustCreateTenant().ID, w.MustCreateTenant().ID
	w.equal("the positions of a new tenant", w.mustPositions(a), map[string]int64{})
	for _, c := range []struct{ set, want int64 }{{5, 5}, {4, 5}, {5, 5}, {6, 6}, {-1, 6}, {1 << 50, 1 << 50}, {0, 1 << 50}} {
		w.ok(w.SetPosition(w.Ctx, a, "log", c.set))
		w.equal(fmt.Sprintf("after %d, the positions", c.set), w.mustPositions(a), map[string]int64{"log": c.want})
	}
	w.ok(w.SetPosition(w.Ctx, a, "Log", 2))
	w.ok(w.SetPosition(w.Ctx, a, "log:", 3))
	w.equal("the positions of other sinks", w.mustPositions(a), map[string]int64{"log": 1 << 50, "Log": 2, "log:": 3})
	w.equal("another tenant's positions", w.mustPositions(b), map[string]int64{})
	w.allOK(together(16, func(i int) error { return w.SetPosition(w.Ctx, b, "log", int64(i*7%16)) }))
	w.equal("the positions of many at once", w.mustPositions(b), map[string]int64{"log": 15})
}

func trimmedEventsAreGone(w *World) {
	t, other := w.MustCreateTenant().ID, w.MustCreateTenant().ID
	for range 8 {
		w.MustCreateUser(t)
		w.MustCreateUser(other)
	}
	all, others := w.mustEvents(t, 0), w.mustEvents(other, 0)
	for _, c := range []struct{ through, first int64 }{{0, 1}, {-4, 1}, {1, 2}, {1, 2}, {6, 7}, {3, 7}, {7, 8}} {
		w.ok(w.TrimEvents(w.Ctx, t, c.through))
		w.equal(fmt.Sprintf("the events after trimming through %d", c.through), w.mustEvents(t, 0), all[c.first-1:])
		w.equal("the events after one that is trimmed", w.mustEvents(t, 2), all[c.first-1:][max(0, 3-c.first):])
	}
	for _, through := range []int64{10, 1<<63 - 1} {
		w.ok(w.TrimEvents(w.Ctx, t, through))
		w.equal("the number of events left", len(w.mustEvents(t, 0)), 0)
		w.MustCreateUser(t)
		w.equal("the number of events left", len(w.mustEvents(t, 0)), 1)
	}
	w.equal("the number of the last event", w.lastSeq(t), int64(12))
	w.equal("another tenant's events", w.mustEvents(other, 0), others)
	w.mustDeleteTenant(t) // what came after is to be relayed
	w.equal("the number of the last event", w.lastSeq(t), int64(13))
}

// eventsAreRelayedOnce reads, notes and trims while others record: each event
// is seen, and no number twice.
func eventsAreRelayedOnce(w *World) {
	t := w.MustCreateTenant().ID
	const writers, each = 6, 20
	seen := int64(0)
	relay := func() (err error) {
		page, err := w.Events(w.Ctx, t, seen, 7)
		for _, e := range page {
			if e.Seq != seen+1 {
				return fmt.Errorf("after %d came %d", seen, e.Seq)
			}
			seen = e.Seq
		}
		if err == nil {
			err = w.SetPosition(w.Ctx, t, "log", seen)
		}
		if err == nil {
			err = w.TrimEvents(w.Ctx, t, seen)
		}
		return err
	}
	w.allOK(together(writers+1, func(i int) error {
		for range each {
			err := relay
			if i < writers {
				err = func() error { return w.RecordEvents(w.Ctx, t, core.Op{}, w.MakeEvent(t, core.EventMemoryRead)) }
			}
			if err := err(); err != nil {
				return err
			}
		}
		return nil
	}))
	for range writers * each {
		w.ok(relay())
	}
	w.equal("the number of events that were seen", seen, int64(2+writers*each))
	w.equal("the number of outboxes", len(w.mustOutboxes("", 10)), 0)
}

func nothingIsRelayedOfWhatIsNot(w *World) {
	s := w.stage()
	w.unchanged(func() {
		for _, id := range hostile(string(s.tenant)) {
			tenant := core.TenantID(id)
			positions, err := w.Positions(w.Ctx, tenant)
			set := w.SetPosition(w.Ctx, tenant, "log", 5)
			trim := w.TrimEvents(w.Ctx, tenant, 5)
			if tenant.Valid() { // and nobody's
				w.ok(err)
				w.ok(set)
				w.ok(trim)
				w.equal("the positions", w.mustPositions(tenant), map[string]int64{})
				continue
			}
			w = w.on(named{w.T, cut(id)})
			w.equal("the positions", positions, map[string]int64{})
			w.refused(err, core.CodeNotFound)
			w.refused(set, core.CodeNotFound)
			w.refused(trim, core.CodeNotFound)
		}
	})
}
