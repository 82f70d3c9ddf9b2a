package sqlite_test

import (
	"testing"

	"github.com/raven-memory/raven/core"
)

// The list holds who has something to do and nobody else, so that looking
// through it costs nothing for those who rest.
func TestRotatingListHoldsOnlyWhoRotates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	listed := func(want int64) {
		t.Helper()
		if n, err := w.Number(w.ctx, `SELECT count(*) FROM rotating`); err != nil || n != want {
			t.Fatalf("the list holds %d, %v; want %d", n, err, want)
		}
	}
	listed(0)
	n := w.createTenant()
	w.rotate(w.id, w.tenant.DataKeys)
	w.rotate(n.Record.ID, n.DataKeys)
	for _, state := range []core.ReencryptionState{core.ReencryptionRunning, core.ReencryptionIdle} {
		for _, id := range []core.TenantID{w.id, n.Record.ID} {
			w.ok(w.SetReencryption(w.ctx, id, core.Reencryption{State: state, Version: 2}))
		}
		listed(2)
	}
	w.ok(w.DestroyDataKey(w.ctx, w.id, 1))
	listed(1)
	w.ok(w.SetReencryption(w.ctx, n.Record.ID, core.Reencryption{State: core.ReencryptionFailed, Version: 2}))
	w.deleteTenant(n)
	listed(0)
	w.ok(w.SetReencryption(w.ctx, w.id, core.Reencryption{State: core.ReencryptionRunning, Version: 2}))
	listed(1)
	w.ok(w.SetReencryption(w.ctx, w.id, core.Reencryption{State: core.ReencryptionIdle, Version: 2}))
	listed(0)
}
