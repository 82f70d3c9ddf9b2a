package contract

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// manyTenants is how many tenants a deployment has that does nothing.
const manyTenants = 10_000

// BenchmarkEvents measures what carrying events costs, and what it costs that
// there are many tenants of which there is nothing to carry. The store is empty.
func BenchmarkEvents(b *testing.B, s Store) {
	w := &World{Store: s, T: b, Ctx: context.Background(), shared: &shared{start: time.Now().UTC().Truncate(time.Millisecond)}}
	w.IDs = core.NewIDs(w.Now, rand.Reader)
	tenant := w.MustCreateTenant().ID
	const batch = 500
	b.Run("relay", func(b *testing.B) {
		w.on(b).benchRelay(b, tenant, batch)
	})
	b.Run("deliver", func(b *testing.B) {
		w.on(b).benchDeliver(b, tenant)
	})
	const makers = 64
	w.allOK(together(makers, func(int) error {
		for range manyTenants / makers {
			n := w.MakeTenant()
			if _, err := w.CreateTenant(w.Ctx, core.Op{}, n); err != nil {
				return err
			}
			if err := w.TrimEvents(w.Ctx, n.Record.ID, int64(len(n.Events))); err != nil {
				return err
			}
		}
		return nil
	}))
	idle := func(name string, ask func() (int, error)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	idle("outboxes of idle tenants", func() (int, error) {
		boxes, err := w.Outboxes(w.Ctx, "", batch)
		return len(boxes), err
	})
	idle("deliveries of idle tenants", func() (int, error) {
		due, err := w.TakeDeliveries(w.Ctx, w.start, w.start, batch, batch)
		return len(due), err
	})
}

// benchRelay records events, and carries them into the audit log and out of the
// outbox; only this is measured.
func (w *World) benchRelay(b *testing.B, tenant core.TenantID, batch int) {
	head, err := w.AuditHead(w.Ctx, tenant)
	w.ok(err)
	for carried := 0; carried < b.N; {
		b.StopTimer()
		events := make([]core.Event, 0, batch)
		for range min(batch, b.N-carried) {
			events = append(events, w.MakeEvent(tenant, core.EventMemoryRead))
		}
		w.ok(w.RecordEvents(w.Ctx, tenant, core.Op{}, events...))
		b.StartTimer()
		page, err := w.Events(w.Ctx, tenant, head.Seq, 2*batch)
		w.ok(err)
		entries := make([]core.AuditEntry, 0, len(page))
		for _, e := range page {
			entries = append(entries, core.AuditEntry{Event: e, Leaf: hash("leaf", e.Seq), Chain: hash("chain", e.Seq), Added: e.At})
		}
		head = headOf(entries)
		w.ok(w.AppendAudit(w.Ctx, tenant, entries, head))
		w.ok(w.SetPosition(w.Ctx, tenant, "log", head.Seq))
		w.ok(w.TrimEvents(w.Ctx, tenant, head.Seq))
		carried += len(events)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// benchDeliver adds deliveries, takes them and notes that they were made.
func (w *World) benchDeliver(b *testing.B, tenant core.TenantID) {
	const batch = 32
	for done := 0; done < b.N; done += batch {
		list := make([]core.Delivery, 0, batch)
		for range batch {
			list = append(list, w.makeDelivery())
		}
		w.ok(w.AddDeliveries(w.Ctx, tenant, list))
		due, err := w.TakeDeliveries(w.Ctx, w.Now(), w.start.Add(time.Hour), batch, batch)
		w.ok(err)
		w.allOK(together(len(due), func(i int) error {
			d := due[i].Delivery
			d.Status = core.DeliveryDelivered
			return w.SaveDelivery(w.Ctx, tenant, d)
		}))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
