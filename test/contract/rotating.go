package contract

import (
	"slices"

	"github.com/raven-memory/raven/core"
)

func progressIsKept(w *World) {
	s, other := w.stage(), w.stage()
	w.equal("the first progress", w.mustProgress(s.tenant), core.Reencryption{})
	last := w.lastSeq(s.tenant)
	for _, r := range []core.Reencryption{
		w.makeProgress(core.ReencryptionRunning, 1),
		w.makeProgress(core.ReencryptionFailed, 1<<32-1),
		{},
		{State: core.ReencryptionIdle, Version: 2, Done: 7, Total: 7},
	} {
		w.ok(w.SetReencryption(w.Ctx, s.tenant, r))
		w.equal("the progress", w.mustProgress(s.tenant), r)
	}
	w.equal("another tenant's progress", w.mustProgress(other.tenant), core.Reencryption{})
	w.equal("the last event", w.lastSeq(s.tenant), last)
	w.equal("the data keys", w.mustDataKeys(s.tenant), s.dataKeys)
}

// lists fails the test unless all of these rotate, as told.
func (w *World) lists(ids ...core.TenantID) {
	w.T.Helper()
	got, err := w.Rotating(w.Ctx, "", everything)
	w.ok(err)
	for _, id := range ids {
		if !slices.Contains(got, id) {
			w.T.Fatalf("of those who rotate, %s is missing in %v", id, got)
		}
	}
}

func rotatingMissesNobody(w *World) {
	a, b, rested := w.stage(), w.stage(), w.stage()
	w.mustRotate(a.tenant)
	w.lists(a.tenant)
	idle := core.Reencryption{State: core.ReencryptionIdle, Version: 2}
	w.ok(w.SetReencryption(w.Ctx, a.tenant, idle))
	w.lists(a.tenant) // it has two keys to seal with
	w.ok(w.DestroyDataKey(w.Ctx, a.tenant, 1))
	for _, state := range []core.ReencryptionState{core.ReencryptionFailed, core.ReencryptionRunning} {
		w.ok(w.SetReencryption(w.Ctx, a.tenant, core.Reencryption{State: state, Version: 2}))
		w.ok(w.SetReencryption(w.Ctx, b.tenant, core.Reencryption{State: state, Version: 1}))
		w.lists(a.tenant, b.tenant)
	}
	w.mustRotate(core.DeploymentTenant)
	w.lists(core.DeploymentTenant, a.tenant, b.tenant)
	w.ok(w.SetReencryption(w.Ctx, a.tenant, idle))
	w.lists(core.DeploymentTenant, b.tenant)
	w.mustDeleteTenant(b.tenant)
	w.lists(core.DeploymentTenant)
	many := w.MakeTenant() // as no tenant is made
	many.DataKeys = append(many.DataKeys, core.WrappedKey{Version: 9, Provider: "local", Wrapped: w.Bytes(60), CreatedAt: w.Now()})
	w.mustCreateTenant(many)
	w.lists(many.Record.ID)
	for range 3 { // some come while others are found at rest
		w.mustRotate(rested.tenant)
		newest := w.mustDataKeys(rested.tenant)[2].Version
		w.lists(rested.tenant)
		w.ok(w.DestroyDataKey(w.Ctx, rested.tenant, newest-1))
		w.ok(w.SetReencryption(w.Ctx, rested.tenant, core.Reencryption{State: core.ReencryptionIdle, Version: newest}))
		w.lists()
	}
}

func rotatingComesInPages(w *World) {
	var want []core.TenantID
	for i := range 12 {
		id := w.MustCreateTenant().ID
		if i%3 != 0 {
			w.mustRotate(id)
			want = append(want, id)
		}
	}
	var got []core.TenantID
	after := core.TenantID("")
	for range 20 {
		page, err := w.Rotating(w.Ctx, after, 3)
		w.ok(err)
		if len(page) > 3 {
			w.T.Fatalf("a page of 3 has %d", len(page))
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1]
	}
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		w.T.Fatalf("the pages do not ascend: %v", got)
	}
	for _, id := range want {
		if !slices.Contains(got, id) {
			w.T.Fatalf("in pages, %s is missing", id)
		}
	}
	none, err := w.Rotating(w.Ctx, "", 0)
	w.ok(err)
	w.equal("a page of none", none, []core.TenantID(nil))
}
