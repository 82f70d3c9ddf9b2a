package contract

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Deliveries is the contract of ports.Deliveries.
func Deliveries(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"DeliveryIsKeptWhole", deliveryIsKeptWhole},
		{"DeliveriesAddedTwiceAreThereOnce", deliveriesAddedTwice},
		{"DeliveriesAreListedNewestFirst", deliveriesAreListedNewestFirst},
		{"WhatIsDueIsTakenOnce", whatIsDueIsTakenOnce},
		{"LongestDueAreTakenFirst", longestDueAreTakenFirst},
		{"NoisyTenantHoldsNobodyUp", noisyTenantHoldsNobodyUp},
		{"SavedDeliveryIsWhatItWasSavedAs", savedDelivery},
		{"NextDeliveryIsNeverTooLate", nextDeliveryIsNeverTooLate},
		{"ManyTakersTakeEachOnce", manyTakersTakeEachOnce},
		{"OldOnesThatEndedGo", oldOnesThatEndedGo},
		{"DeletedTenantsDeliveriesAreNotTaken", deletedTenantsDeliveries},
		{"DeliveriesOfTenantsAreApart", deliveriesAreApart},
		{"DeploymentKeepsNoDeliveryThatEnded", deploymentsDeliveries},
		{"PendingDeliveriesAreCounted", pendingAreCounted},
	}, deliveryCalls())
}

func deliveryCalls() []call {
	return []call{
		{name: "AddDeliveries", takes: ofTenant, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			list := []core.Delivery{w.makeDelivery(), w.makeDelivery()}
			lend(w, list)
			return done(w.AddDeliveries(ctx, at.tenant, list))
		}},
		{name: "TakeDeliveries", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.TakeDeliveries(ctx, w.start.Add(time.Hour), w.start.Add(2*time.Hour), 10, 5)
		}},
		{name: "SaveDelivery", takes: ofTenant | ofDelivery, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			d := at.delivery
			d.Status, d.Attempts = core.DeliveryFailed, []core.DeliveryAttempt{{At: w.Now(), Error: "It was not there."}}
			lend(w, d.Attempts)
			return done(w.SaveDelivery(ctx, at.tenant, d))
		}},
		{name: "Delivery", takes: ofTenant | ofDelivery, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Delivery(ctx, at.tenant, at.delivery.ID)
		}},
		{name: "Deliveries", takes: ofTenant, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Deliveries(ctx, at.tenant, all)
		}},
		{name: "PendingDeliveries", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.PendingDeliveries(ctx, at.tenant)
		}},
		{name: "NextDelivery", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.NextDelivery(ctx)
		}},
	}
}

// makeDelivery is a delivery that is due when it is made.
func (w *World) makeDelivery() core.Delivery {
	at := w.Now()
	return core.Delivery{
		ID: w.IDs.Delivery(), Event: w.IDs.Event(), Type: core.EventUserCreated, Body: w.Bytes(60),
		Status: core.DeliveryPending, NextAt: at, CreatedAt: at,
	}
}

// mustDeliver adds deliveries that are due at those times from the start.
func (w *World) mustDeliver(tenant core.TenantID, due ...time.Duration) []core.Delivery {
	w.T.Helper()
	list := make([]core.Delivery, 0, len(due))
	for _, after := range due {
		d := w.makeDelivery()
		d.NextAt = w.start.Add(after)
		list = append(list, d)
	}
	w.ok(w.AddDeliveries(w.Ctx, tenant, list))
	return list
}

// mustTake takes what is due at a time from the start, for a minute.
func (w *World) mustTake(at time.Duration, limit, perTenant int) []core.DeliveryID {
	w.T.Helper()
	now := w.start.Add(at)
	list, err := w.TakeDeliveries(w.Ctx, now, now.Add(time.Minute), limit, perTenant)
	w.ok(err)
	ids := make([]core.DeliveryID, 0, len(list))
	for _, d := range list {
		if !d.NextAt.Equal(now.Add(time.Minute)) || d.Status != core.DeliveryPending || d.Tenant == "" {
			w.T.Fatalf("what was taken is %+v", d)
		}
		ids = append(ids, d.ID)
	}
	return ids
}

func deliveryIDs(lists ...[]core.Delivery) (ids []core.DeliveryID) {
	for _, d := range slices.Concat(lists...) {
		ids = append(ids, d.ID)
	}
	return ids
}

func (w *World) mustDelivery(tenant core.TenantID, id core.DeliveryID) core.Delivery {
	w.T.Helper()
	d, err := w.Delivery(w.Ctx, tenant, id)
	w.ok(err)
	d.Position = 0
	return d
}

func deliveryIsKeptWhole(w *World) {
	t := w.MustCreateTenant().ID
	list := []core.Delivery{w.makeDelivery(), w.makeDelivery(), w.makeDelivery()}
	list[1].Attempts = []core.DeliveryAttempt{
		{At: w.Now(), Error: "The receiver answered 500 \"\u2028<&>\".", Status: 500, Duration: 1234567 * time.Nanosecond},
		{At: w.Now(), Status: 204, Duration: time.Hour, ReplayedAt: w.Now()},
	}
	list[2].Status, list[2].NextAt, list[2].Body = core.DeliveryDelivered, time.Time{}, nil
	w.ok(w.AddDeliveries(w.Ctx, t, list))
	for _, d := range list {
		w.equal("the delivery", w.mustDelivery(t, d.ID), d)
	}
	taken, err := w.TakeDeliveries(w.Ctx, w.start.Add(time.Hour), w.start.Add(2*time.Hour), 10, 10)
	w.ok(err)
	for i, d := range taken {
		d.Position, list[i].NextAt = 0, w.start.Add(2*time.Hour)
		w.equal("what was taken", d, core.DueDelivery{Tenant: t, Delivery: list[i]})
		w.equal("the delivery that was taken", w.mustDelivery(t, d.ID), list[i])
	}
	w.equal("how many were taken", len(taken), 2)
	w.ok(w.AddDeliveries(w.Ctx, t, nil))
}

func deliveriesAddedTwice(w *World) {
	t := w.MustCreateTenant().ID
	list := w.mustDeliver(t, 0, 0, 0)
	w.equal("what is taken", w.mustTake(time.Hour, 1, 1), deliveryIDs(list[:1]))
	ended := list[1]
	ended.Status, ended.NextAt = core.DeliveryFailed, time.Time{}
	w.ok(w.SaveDelivery(w.Ctx, t, ended))
	again := slices.Clone(list)
	again[2].Body, again[2].NextAt = w.Bytes(20), w.start.Add(5*time.Hour)
	w.unchanged(func() {
		w.ok(w.AddDeliveries(w.Ctx, t, list))
		w.ok(w.AddDeliveries(w.Ctx, t, again))
	})
	w.equal("what is taken then", w.mustTake(time.Hour, 10, 10), deliveryIDs(list[2:]))
	more := w.makeDelivery()
	w.ok(w.AddDeliveries(w.Ctx, t, []core.Delivery{more, list[0], more}))
	got, err := w.Deliveries(w.Ctx, t, all)
	w.ok(err)
	w.equal("how many there are", len(got), 4)
}

func deliveriesAreListedNewestFirst(w *World) {
	t := w.MustCreateTenant().ID
	list := w.mustDeliver(t, 5*time.Hour, 0, 3*time.Hour, time.Hour, 0, 0, 9*time.Hour)
	slices.Reverse(list)
	var got []core.Delivery
	for page := (core.Page{Limit: 3}); len(got) <= len(list); {
		part, err := w.Deliveries(w.Ctx, t, page)
		w.ok(err)
		if len(part) == 0 {
			break
		}
		got = append(got, part...)
		page.After = part[len(part)-1].Position
	}
	for i := range got {
		if i > 0 && got[i].Position >= list[i-1].Position {
			w.T.Fatalf("position %d comes before %d", list[i-1].Position, got[i].Position)
		}
		if i < len(list) {
			list[i].Position = got[i].Position
		}
	}
	w.equal("the deliveries", got, list)
}

func whatIsDueIsTakenOnce(w *World) {
	t := w.MustCreateTenant().ID
	list := w.mustDeliver(t, 0, time.Second, 10*time.Second)
	w.equal("before it is due", w.mustTake(-time.Millisecond, 10, 10), deliveryIDs())
	w.equal("when it is due", w.mustTake(0, 10, 10), deliveryIDs(list[:1]))
	w.equal("just before the second", w.mustTake(999*time.Millisecond, 10, 10), deliveryIDs())
	w.equal("the second", w.mustTake(time.Second, 10, 10), deliveryIDs(list[1:2]))
	w.equal("before the sender is given up", w.mustTake(59_999*time.Millisecond, 10, 10), deliveryIDs(list[2:]))
	w.equal("when the first one's sender died", w.mustTake(time.Minute, 10, 10), deliveryIDs(list[:1]))
	w.equal("and the second one's", w.mustTake(time.Minute+time.Second, 10, 10), deliveryIDs(list[1:2]))
	w.equal("all, an hour later", w.mustTake(time.Hour, 10, 10), deliveryIDs(list[2:], list[:2]))
	w.equal("none", w.mustTake(time.Hour, 10, 10), deliveryIDs())
	w.equal("none of no room", len(w.mustTake(9*time.Hour, 0, 10))+len(w.mustTake(9*time.Hour, 10, 0)), 0)
}

func longestDueAreTakenFirst(w *World) {
	a, b, c := w.MustCreateTenant().ID, w.MustCreateTenant().ID, w.MustCreateTenant().ID
	of := map[core.TenantID][]core.Delivery{
		a: w.mustDeliver(a, 9*time.Second, 1*time.Second, 5*time.Second),
		b: w.mustDeliver(b, 2*time.Second, 3*time.Second, 4*time.Second, 50*time.Second),
		c: w.mustDeliver(c, 6*time.Second),
	}
	at := func(in []core.Delivery, seconds ...int) (list []core.Delivery) {
		for _, d := range in {
			if slices.Contains(seconds, int(d.NextAt.Sub(w.start)/time.Second)) {
				list = append(list, d)
			}
		}
		return list
	}
	first := w.mustTake(time.Minute/2, 3, 2)
	w.equal("the first three", first, deliveryIDs(at(of[a], 1), at(of[b], 2, 3)))
	w.equal("the next two", w.mustTake(time.Minute/2, 2, 2), deliveryIDs(at(of[b], 4), at(of[a], 5)))
	w.equal("the rest", w.mustTake(time.Minute/2, 10, 1), deliveryIDs(at(of[c], 6), at(of[a], 9)))
	w.equal("nothing", w.mustTake(time.Minute/2, 10, 10), deliveryIDs())
}

func noisyTenantHoldsNobodyUp(w *World) {
	noisy := w.MustCreateTenant().ID
	w.mustDeliver(noisy, make([]time.Duration, 300)...)
	var quiet []core.Delivery
	for i := range 5 {
		quiet = append(quiet, w.mustDeliver(w.MustCreateTenant().ID, time.Duration(i+1)*time.Second)...)
	}
	got := w.mustTake(time.Minute, 20, 4)
	w.equal("how many are taken", len(got), 9)
	w.equal("the last of them", got[4:], deliveryIDs(quiet))
	w.equal("how many are taken then", len(w.mustTake(time.Minute, 1000, 200)), 200)
	w.equal("and then", len(w.mustTake(time.Minute, 1000, 200)), 96)
}

func savedDelivery(w *World) {
	t := w.MustCreateTenant().ID
	list := w.mustDeliver(t, 0, 0)
	w.mustTake(0, 10, 10)
	d := list[0]
	d.NextAt = w.start.Add(10 * time.Second)
	d.Attempts = []core.DeliveryAttempt{{At: w.Now(), Status: 503, Error: "The receiver answered 503.", Duration: time.Second, ReplayedAt: w.Now()}}
	saved := d
	saved.Body, saved.Event, saved.Type, saved.CreatedAt, saved.Position = nil, "", "", time.Time{}, 99
	w.ok(w.SaveDelivery(w.Ctx, t, saved)) // replaces nothing else
	w.equal("the delivery", w.mustDelivery(t, d.ID), d)
	w.equal("too early", w.mustTake(9*time.Second, 10, 10), deliveryIDs())
	w.equal("what comes again earlier than its lease ends", w.mustTake(10*time.Second, 10, 10), deliveryIDs(list[:1]))
	d.Status, d.NextAt = core.DeliveryDelivered, time.Time{}
	d.Attempts = append(d.Attempts, core.DeliveryAttempt{At: w.Now(), Status: 200})
	w.ok(w.SaveDelivery(w.Ctx, t, d))
	w.equal("the delivery that ended", w.mustDelivery(t, d.ID), d)
	w.equal("what ended is not taken", w.mustTake(time.Hour, 10, 10), deliveryIDs(list[1:]))
	d.Status, d.NextAt = core.DeliveryPending, w.start.Add(time.Hour)
	w.ok(w.SaveDelivery(w.Ctx, t, d))
	w.equal("what is pending again is taken", w.mustTake(time.Hour, 10, 10), deliveryIDs(list[:1]))
	other := w.makeDelivery()
	w.refused(w.SaveDelivery(w.Ctx, t, other), core.CodeNotFound)
}

func nextDeliveryIsNeverTooLate(w *World) {
	notAfter := func(at time.Duration) {
		w.T.Helper()
		next, err := w.NextDelivery(w.Ctx)
		w.ok(err)
		if next.IsZero() || next.After(w.start.Add(at)) {
			w.T.Fatalf("the next delivery is said to be at %v, after %v", next, w.start.Add(at))
		}
	}
	none := func(what string) {
		w.T.Helper()
		next, err := w.NextDelivery(w.Ctx)
		w.ok(err)
		w.equal("the next delivery, "+what+",", next, time.Time{})
	}
	none("in an empty store")
	a, b := w.MustCreateTenant().ID, w.MustCreateTenant().ID
	of := w.mustDeliver(a, 30*time.Second)[0]
	notAfter(30 * time.Second)
	w.mustDeliver(b, 20*time.Second, 3*time.Hour)
	notAfter(20 * time.Second)
	w.mustDeliver(a, 10*time.Second)
	notAfter(10 * time.Second)
	w.equal("how many are due", len(w.mustTake(10*time.Second, 10, 10)), 1)
	notAfter(20 * time.Second)
	w.equal("how many are due", len(w.mustTake(20*time.Second, 10, 10)), 1)
	notAfter(30 * time.Second)
	of.NextAt = w.start.Add(5 * time.Second)
	w.ok(w.SaveDelivery(w.Ctx, a, of))
	notAfter(5 * time.Second)
	w.equal("how many are left", len(w.mustTake(3*time.Hour, 10, 10)), 4)
	for _, tenant := range []core.TenantID{a, b} {
		list, err := w.Deliveries(w.Ctx, tenant, all)
		w.ok(err)
		for _, d := range list {
			d.Status = core.DeliveryDelivered
			w.ok(w.SaveDelivery(w.Ctx, tenant, d))
		}
	}
	w.equal("how many are left", len(w.mustTake(9*time.Hour, 10, 10)), 0)
	none("when all have ended")
}

// manyTakersTakeEachOnce has deliveries added and put off while many take them.
func manyTakersTakeEachOnce(w *World) {
	tenants := []core.TenantID{w.MustCreateTenant().ID, w.MustCreateTenant().ID, w.MustCreateTenant().ID}
	const adders, each = 4, 25
	now, until := w.start.Add(time.Minute), w.start.Add(time.Hour)
	took := make([][]core.DueDelivery, 4)
	w.allOK(together(adders+len(took), func(i int) error {
		for range each {
			if i < adders {
				d := w.makeDelivery()
				if err := w.AddDeliveries(w.Ctx, tenants[i%len(tenants)], []core.Delivery{d}); err != nil {
					return err
				}
				continue
			}
			list, err := w.TakeDeliveries(w.Ctx, now, until, 5, 3)
			if err != nil {
				return err
			}
			took[i-adders] = append(took[i-adders], list...)
		}
		return nil
	}))
	all := slices.Concat(took...)
	for range 2 * adders * each {
		list, err := w.TakeDeliveries(w.Ctx, now, until, 50, 50)
		w.ok(err)
		if all = append(all, list...); len(list) == 0 {
			break
		}
	}
	var ids []core.DeliveryID
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	w.equal("how many were taken", len(ids), adders*each)
	slices.Sort(ids)
	w.equal("how many different ones", len(slices.Compact(ids)), adders*each)
}

func oldOnesThatEndedGo(w *World) {
	t := w.MustCreateTenant().ID
	const more = 30
	pending := w.mustDeliver(t, 0, time.Hour)
	var ended []core.Delivery
	for range core.MaxDeliveriesKept + more {
		d := w.makeDelivery()
		d.Status = core.DeliveryDelivered
		ended = append(ended, d)
	}
	for part := range slices.Chunk(ended, 150) {
		w.ok(w.AddDeliveries(w.Ctx, t, part))
	}
	is := func(want ...core.Delivery) {
		w.T.Helper()
		got, err := w.Deliveries(w.Ctx, t, all)
		w.ok(err)
		w.equal("the log", sorted(deliveryIDs(got)), sorted(deliveryIDs(want)))
	}
	is(append(slices.Clone(pending), ended[more:]...)...)
	_, err := w.Delivery(w.Ctx, t, ended[more-1].ID)
	w.refused(err, core.CodeNotFound)
	w.refused(w.SaveDelivery(w.Ctx, t, ended[0]), core.CodeNotFound)
	w.equal("what is taken", w.mustTake(2*time.Hour, 10, 10), deliveryIDs(pending))
	pending[0].Status = core.DeliveryFailed // the oldest of all, as the log goes
	w.ok(w.SaveDelivery(w.Ctx, t, pending[0]))
	is(append(slices.Clone(pending[1:]), ended[more:]...)...)
}

func deletedTenantsDeliveries(w *World) {
	s, other := w.stage(), w.MustCreateTenant().ID
	w.mustDeliver(s.tenant, 0, time.Second)
	kept := w.mustDeliver(other, 2*time.Second)
	w.mustTake(0, 1, 1)
	w.mustDeleteTenant(s.tenant)
	w.equal("what is taken", w.mustTake(time.Hour, 1, 1), deliveryIDs(kept)) // no room is lost to the dead
	w.refused(w.AddDeliveries(w.Ctx, s.tenant, []core.Delivery{w.makeDelivery()}), core.CodeNotFound)
	w.refused(w.SaveDelivery(w.Ctx, s.tenant, s.delivery), core.CodeNotFound)
	w.mustPurge(2)
	w.equal("what is taken after the purge", w.mustTake(3*time.Hour, 10, 10), deliveryIDs(kept))
	w.refused(w.SaveDelivery(w.Ctx, s.tenant, s.delivery), core.CodeNotFound)
}

func deploymentsDeliveries(w *World) {
	_, err := w.InitDeployment(w.Ctx, w.makeDeployment())
	w.ok(err)
	t := w.MustCreateTenant().ID
	own, theirs := w.mustDeliver(core.DeploymentTenant, 0, time.Second, time.Minute), w.mustDeliver(t, 2*time.Second)
	next, err := w.NextDelivery(w.Ctx)
	w.ok(err)
	if next.After(w.start) {
		w.T.Errorf("the next is due %v", next)
	}
	list, err := w.TakeDeliveries(w.Ctx, w.start.Add(10*time.Second), w.start.Add(time.Hour), 10, 10)
	w.ok(err)
	var got []core.TenantID
	for _, d := range list {
		got = append(got, d.Tenant)
	}
	w.equal("whose are taken", got, []core.TenantID{core.DeploymentTenant, core.DeploymentTenant, t})
	w.mustCount(core.DeploymentTenant, 3)
	for i, status := range []core.DeliveryStatus{core.DeliveryDelivered, core.DeliveryFailed} {
		own[i].Status = status
		w.ok(w.SaveDelivery(w.Ctx, core.DeploymentTenant, own[i]))
		_, err := w.Delivery(w.Ctx, core.DeploymentTenant, own[i].ID)
		w.refused(err, core.CodeNotFound)
		w.refused(w.SaveDelivery(w.Ctx, core.DeploymentTenant, own[i]), core.CodeNotFound)
	}
	left, err := w.Deliveries(w.Ctx, core.DeploymentTenant, all)
	w.ok(err)
	w.equal("what is left", deliveryIDs(left), deliveryIDs(own[2:]))
	w.mustCount(core.DeploymentTenant, 1)
	w.equal("the tenant's", w.mustDelivery(t, theirs[0].ID).Status, core.DeliveryPending)
	w.equal("what is taken later", w.mustTake(2*time.Hour, 10, 10), append(deliveryIDs(own[2:]), theirs[0].ID))
}

func (w *World) mustCount(tenant core.TenantID, want int64) {
	w.T.Helper()
	got, err := w.PendingDeliveries(w.Ctx, tenant)
	w.ok(err)
	w.equal("how many are pending", got, want)
}

func pendingAreCounted(w *World) {
	t := w.MustCreateTenant().ID
	w.mustCount(t, 0)
	list := w.mustDeliver(t, 0, 0, time.Hour)
	ended := w.makeDelivery()
	ended.Status = core.DeliveryFailed
	w.ok(w.AddDeliveries(w.Ctx, t, append([]core.Delivery{ended}, list...)))
	w.mustCount(t, 3)
	w.mustTake(time.Minute, 1, 1)
	w.mustCount(t, 3)
	list[0].Status = core.DeliveryDelivered
	w.ok(w.SaveDelivery(w.Ctx, t, list[0]))
	w.ok(w.SaveDelivery(w.Ctx, t, list[0]))
	w.mustCount(t, 2)
	list[0].Status = core.DeliveryPending // a replay
	w.ok(w.SaveDelivery(w.Ctx, t, list[0]))
	w.mustCount(t, 3)
	w.mustCount(w.MustCreateTenant().ID, 0)
	w.mustCount(w.IDs.Tenant(), 0)
	w.mustDeleteTenant(t)
	w.mustCount(t, 0)
}

func deliveriesAreApart(w *World) {
	a := w.MakeTenant()
	b := w.MakeTenant()
	b.Record.ID = lookAlike(a.Record.ID)
	b.Key.Tenant = b.Record.ID
	w.mustCreateTenant(a)
	w.mustCreateTenant(b)
	shared := w.makeDelivery() // the same id
	for _, tenant := range []core.TenantID{a.Record.ID, b.Record.ID} {
		shared.Event = w.IDs.Event()
		w.ok(w.AddDeliveries(w.Ctx, tenant, []core.Delivery{shared}))
		w.equal("the delivery", w.mustDelivery(tenant, shared.ID), shared)
	}
	list, err := w.TakeDeliveries(w.Ctx, w.start.Add(time.Hour), w.start.Add(2*time.Hour), 10, 10)
	w.ok(err)
	slices.SortFunc(list, func(x, y core.DueDelivery) int { return cmp.Compare(x.Tenant, y.Tenant) })
	if len(list) != 2 || list[0].Event == list[1].Event || list[0].Tenant == list[1].Tenant {
		w.T.Fatalf("what was taken is %s", fmt.Sprint(list))
	}
	shared.Status = core.DeliveryDelivered
	w.ok(w.SaveDelivery(w.Ctx, b.Record.ID, shared))
	w.equal("the other one's status", w.mustDelivery(a.Record.ID, shared.ID).Status, core.DeliveryPending)
}
