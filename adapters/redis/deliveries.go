package redis

import (
	"context"
	"encoding/json"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// deliveryRecord is what stays the same of a delivery.
type deliveryRecord struct {
	Event   core.EventID   `json:"event"`
	Type    core.EventType `json:"type"`
	Body    []byte         `json:"body"`
	Created int64          `json:"created_at"`
}

// deliveryState is what changes. Next is not read of one that is pending.
type deliveryState struct {
	Status   core.DeliveryStatus `json:"status"`
	Attempts []attempt           `json:"attempts"`
	Next     int64               `json:"next_at"`
}

// attempt is a core.DeliveryAttempt as it is stored.
type attempt struct {
	At       int64         `json:"at"`
	Status   int           `json:"status"`
	Error    string        `json:"error"`
	Duration time.Duration `json:"duration"`
	Replayed time.Time     `json:"replayed_at,omitzero"`
}

// stateArgs are a delivery's state, whether it is pending, and when it is due.
func stateArgs(d core.Delivery) ([]any, error) {
	state := deliveryState{Status: d.Status, Next: ms(d.NextAt)}
	for _, a := range d.Attempts {
		state.Attempts = append(state.Attempts, attempt{ms(a.At), a.Status, a.Error, a.Duration, a.ReplayedAt})
	}
	text, err := json.Marshal(state)
	pending := ""
	if d.Status == core.DeliveryPending {
		pending = "1"
	}
	return []any{text, pending, ms(d.NextAt)}, err
}

// deliveryOf reads a delivery; next is when it is due if it is pending.
func deliveryOf(id, record, state string, position, next int64) (core.Delivery, error) {
	var r deliveryRecord
	var s deliveryState
	if json.Unmarshal([]byte(record), &r) != nil || json.Unmarshal([]byte(state), &s) != nil {
		return core.Delivery{}, fault("the delivery %s", id)
	}
	if s.Status != core.DeliveryPending {
		next = s.Next
	}
	d := core.Delivery{
		ID: core.DeliveryID(id), Event: r.Event, Type: r.Type, Body: r.Body, Status: s.Status,
		NextAt: timeOf(next), CreatedAt: timeOf(r.Created), Position: position,
	}
	for _, a := range s.Attempts {
		d.Attempts = append(d.Attempts, core.DeliveryAttempt{
			At: timeOf(a.At), Status: a.Status, Error: a.Error, Duration: a.Duration, ReplayedAt: a.Replayed,
		})
	}
	return d, nil
}

func (t tenantKeys) deliveryKeys() []string {
	return t.stepKeys(core.Op{}, t.deliveries(), t.deliveriesLog(), t.deliveriesPending(), t.deliveriesEnded())
}

// AddDeliveries adds deliveries that are not there yet.
func (s *Store) AddDeliveries(ctx context.Context, tenant core.TenantID, list []core.Delivery) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	args := stepArgs(core.Op{})
	var due *time.Time
	for _, d := range list {
		if !d.ID.Valid() {
			return core.NotFound()
		}
		record, err := json.Marshal(deliveryRecord{d.Event, d.Type, d.Body, ms(d.CreatedAt)})
		if err != nil {
			return err
		}
		state, err := stateArgs(d)
		if err != nil {
			return err
		}
		args = append(append(args, string(d.ID), record), state...)
		if d.Status == core.DeliveryPending && (due == nil || d.NextAt.Before(*due)) {
			due = &d.NextAt
		}
	}
	return s.withDelivery(ctx, t, due, func() error {
		_, err := s.run(ctx, addDeliveries, t.deliveryKeys(), args...)
		return err
	})
}

// SaveDelivery notes what became of a delivery.
func (s *Store) SaveDelivery(ctx context.Context, tenant core.TenantID, d core.Delivery) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	state, err := stateArgs(d)
	if err != nil {
		return err
	}
	var due *time.Time
	if d.Status == core.DeliveryPending {
		due = &d.NextAt
	}
	return s.withDelivery(ctx, t, due, func() error {
		_, err := s.run(ctx, saveDelivery, t.deliveryKeys(), stepArgs(core.Op{}, append([]any{string(d.ID)}, state...)...)...)
		return err
	})
}

// PendingDeliveries counts those that are pending.
func (s *Store) PendingDeliveries(ctx context.Context, tenant core.TenantID) (int64, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return 0, nil //nolint:nilerr // it has none
	}
	var exists, pending *goredis.IntCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		exists, pending = p.Exists(ctx, t.tenant()), p.ZCard(ctx, t.deliveriesPending())
	})
	if err != nil || exists.Val() == 0 {
		return 0, err
	}
	return pending.Val(), nil
}

// Delivery returns one.
func (s *Store) Delivery(ctx context.Context, tenant core.TenantID, id core.DeliveryID) (core.Delivery, error) {
	t, err := keysOfOwner(tenant)
	if err == nil && !id.Valid() {
		err = core.NotFound()
	}
	if err != nil {
		return core.Delivery{}, err
	}
	list, err := s.readDeliveries(ctx, t, []string{string(id)})
	if err == nil && len(list) == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return core.Delivery{}, err
	}
	return list[0], nil
}

// Deliveries lists them, newest first.
func (s *Store) Deliveries(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.Delivery, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return nil, err
	}
	var list []core.Delivery
	for before := page.After; ; {
		var ids *goredis.StringSliceCmd
		want := int64(min(max(page.Limit-len(list), 1), chunk))
		newest := "+inf"
		if before != 0 {
			newest = "(" + itoa(before)
		}
		err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			ids = p.ZRevRangeByScore(ctx, t.deliveriesLog(), &goredis.ZRangeBy{Min: "-inf", Max: newest, Count: want})
		})
		if err != nil {
			return nil, err
		}
		some, err := s.readDeliveries(ctx, t, ids.Val()) // with none, it tells whether the tenant exists
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		if int64(len(ids.Val())) < want || len(list) >= page.Limit || len(some) == 0 {
			return list[:min(len(list), max(page.Limit, 0))], nil
		}
		before = some[len(some)-1].Position
	}
}

// readDeliveries reads those that are there; CodeNotFound without a tenant.
func (s *Store) readDeliveries(ctx context.Context, t tenantKeys, ids []string) (list []core.Delivery, err error) {
	var exists *goredis.IntCmd
	var records *goredis.SliceCmd
	var positions, due *goredis.FloatSliceCmd
	names := make([]string, 0, 2*len(ids))
	for _, id := range ids {
		names = append(names, id, id+"/state")
	}
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		if len(ids) > 0 {
			due = p.ZMScore(ctx, t.deliveriesPending(), ids...)
			records = p.HMGet(ctx, t.deliveries(), names...)
			positions = p.ZMScore(ctx, t.deliveriesLog(), ids...)
		}
		exists = p.Exists(ctx, t.tenant())
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	f := some(records, names...)
	for i, id := range ids {
		if f[id] == "" {
			continue
		}
		d, err := deliveryOf(id, f[id], f[id+"/state"], int64(positions.Val()[i]), int64(due.Val()[i]))
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}
