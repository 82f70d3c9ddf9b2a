package sqlite_test

import (
	"testing"

	"github.com/raven-memory/raven/core"
)

// When all is relayed, a tenant that is gone leaves its audit log and no more,
// save the rows of its keys, which are overwritten and stay.
func TestTenantThatIsRelayedLeavesItsAuditLogOnly(t *testing.T) {
	t.Parallel()
	trim := func(w *world) { w.ok(w.TrimEvents(w.ctx, w.id, 1000)) }
	purge := func(w *world) {
		for range 100 {
			done, err := w.PurgeTenants(w.ctx, 2)
			w.ok(err)
			if done {
				return
			}
		}
		t.Error("the purge came to no end")
	}
	for name, steps := range map[string][]func(*world){
		"trimmed last": {purge, trim}, "purged last": {trim, purge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.append(3)
			w.ok(w.SetPosition(w.ctx, w.id, "log", 1))
			e := w.event(core.EventMemoryRead)
			e.Seq = 1
			w.ok(w.AppendAudit(w.ctx, w.id, []core.AuditEntry{{Event: e}}, core.AuditHead{Seq: 1}))
			w.ok(w.AddDeliveries(w.ctx, w.id, []core.Delivery{{ID: w.ids.Delivery(), Status: core.DeliveryPending}}))
			w.deleteTenant(w.tenant)
			for _, step := range steps {
				step(w)
			}
			for _, table := range []string{
				"tenants", "users", "conversations", "buffer", "blobs", "changes", "api_keys", "events", "positions", "deliveries", "delivery_logs",
			} {
				if n, err := w.Number(w.ctx, `SELECT count(*) FROM `+table); err != nil || n != 0 {
					t.Errorf("%s has %d rows, %v", table, n, err)
				}
			}
			if head, err := w.AuditHead(w.ctx, w.id); err != nil || head.Seq != 1 {
				t.Errorf("the log ends at %d, %v", head.Seq, err)
			}
		})
	}
}
