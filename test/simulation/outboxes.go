package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// box is a tenant's outbox and what is beside it.
type box struct {
	events    []core.Event // what was not trimmed
	recorded  []core.EventID
	positions map[string]int64
	leases    map[string]lease
}

type lease struct {
	holder string
	until  time.Time
}

// outboxes are those of all tenants, in the store.
type outboxes struct {
	mu  sync.Mutex
	ids []core.TenantID // ascending
	of  map[core.TenantID]*box
}

func newOutboxes(tenants []core.TenantID) *outboxes {
	o := &outboxes{of: map[core.TenantID]*box{}}
	for _, id := range append([]core.TenantID{core.DeploymentTenant}, tenants...) {
		o.of[id] = &box{positions: map[string]int64{}, leases: map[string]lease{}}
	}
	o.ids = slices.Sorted(maps.Keys(o.of))
	return o
}

// relayStore is the outboxes as a process reaches them: relay.Store and
// ports.Leases.
type relayStore struct {
	*line
	boxes *outboxes
}

// at does something to a tenant's box, as one call.
func (s relayStore) at(ctx context.Context, name string, tenant core.TenantID, do func(b *box)) error {
	return s.call(ctx, name, func() error {
		s.boxes.mu.Lock()
		defer s.boxes.mu.Unlock()
		do(s.boxes.of[tenant])
		return nil
	})
}

// record is a step that records an event.
func (s relayStore) record(ctx context.Context, tenant core.TenantID, e core.Event) error {
	return s.at(ctx, "record", tenant, func(b *box) {
		e.Seq = int64(len(b.recorded)) + 1
		b.recorded = append(b.recorded, e.ID)
		b.events = append(b.events, e)
	})
}

// Events implements ports.Outbox.
func (s relayStore) Events(ctx context.Context, tenant core.TenantID, after int64, limit int) (list []core.Event, err error) {
	err = s.at(ctx, "Events", tenant, func(b *box) {
		from, _ := slices.BinarySearchFunc(b.events, after+1, func(e core.Event, seq int64) int { return int(e.Seq - seq) })
		list = slices.Clone(b.events[from:min(from+limit, len(b.events))])
	})
	return list, err
}

// Outboxes implements ports.Relaying.
func (s relayStore) Outboxes(ctx context.Context, after core.TenantID, limit int) (list []core.OutboxState, err error) {
	err = s.call(ctx, "Outboxes", func() error {
		s.boxes.mu.Lock()
		defer s.boxes.mu.Unlock()
		for _, id := range s.boxes.ids {
			b := s.boxes.of[id]
			if id > after && len(b.events) > 0 && len(list) < limit {
				list = append(list, core.OutboxState{
					Tenant: id, First: b.events[0].Seq, Last: int64(len(b.recorded)), OldestAt: b.events[0].At,
				})
			}
		}
		return nil
	})
	return list, err
}

// Positions implements ports.Relaying.
func (s relayStore) Positions(ctx context.Context, tenant core.TenantID) (positions map[string]int64, err error) {
	err = s.at(ctx, "Positions", tenant, func(b *box) { positions = maps.Clone(b.positions) })
	return positions, err
}

// SetPosition implements ports.Relaying.
func (s relayStore) SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error {
	return s.at(ctx, "SetPosition", tenant, func(b *box) { b.positions[sink] = max(b.positions[sink], seq) })
}

// TrimEvents implements ports.Relaying.
func (s relayStore) TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error {
	return s.at(ctx, "TrimEvents", tenant, func(b *box) {
		b.events = slices.DeleteFunc(b.events, func(e core.Event) bool { return e.Seq <= through })
	})
}

// Lease implements ports.Leases.
func (s relayStore) Lease(ctx context.Context, tenant core.TenantID, work, holder string, now, until time.Time) (mine bool, err error) {
	err = s.at(ctx, "Lease", tenant, func(b *box) {
		held := b.leases[work]
		if mine = held.holder == holder || !now.Before(held.until); mine {
			b.leases[work] = lease{holder, until}
		}
	})
	return mine && err == nil, err
}

// EndLease implements ports.Leases.
func (s relayStore) EndLease(ctx context.Context, tenant core.TenantID, work, holder string) error {
	return s.at(ctx, "EndLease", tenant, func(b *box) {
		if b.leases[work].holder == holder {
			delete(b.leases, work)
		}
	})
}

// left is how many events the outboxes hold.
func (o *outboxes) left() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range o.of {
		n += len(b.events)
	}
	return n
}
