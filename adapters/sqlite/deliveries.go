package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	deliveryColumns = `d.delivery, d.event, d.type, d.body, d.status, d.attempts, d.next_at, d.created_at, d.id`
	selectDelivery  = `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE d.tenant = ? AND d.delivery = ?`
	selectLog       = `SELECT ` + deliveryColumns + ` FROM deliveries d WHERE d.tenant = ? AND d.id < ? ORDER BY d.id DESC LIMIT ?`
	selectDue       = `SELECT ` + deliveryColumns + ` FROM deliveries d
		WHERE d.tenant = ? AND d.status = 'pending' AND d.next_at <= ? ORDER BY d.next_at, d.delivery LIMIT ?`
)

// deliveryFields are the places of deliveryColumns.
func deliveryFields(d *core.Delivery) []any {
	return []any{
		&d.ID, &d.Event, &d.Type, &d.Body, &d.Status, attempts{&d.Attempts}, at{&d.NextAt}, at{&d.CreatedAt}, &d.Position,
	}
}

// attempt is a core.DeliveryAttempt as it is stored.
type attempt struct {
	At       int64         `json:"at"`
	Status   int           `json:"status"`
	Error    string        `json:"error"`
	Duration time.Duration `json:"duration"`
	Replayed time.Time     `json:"replayed_at,omitzero"`
}

func encodeAttempts(list []core.DeliveryAttempt) (string, error) {
	stored := make([]attempt, 0, len(list))
	for _, a := range list {
		stored = append(stored, attempt{ms(a.At), a.Status, a.Error, a.Duration, a.ReplayedAt})
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

// attempts scans what encodeAttempts wrote.
type attempts struct{ list *[]core.DeliveryAttempt }

// Scan implements sql.Scanner.
func (a attempts) Scan(value any) error {
	var stored []attempt
	if err := (inJSON{&stored}).Scan(value); err != nil {
		return fmt.Errorf("sqlite: attempts: %w", err)
	}
	for _, s := range stored {
		*a.list = append(*a.list, core.DeliveryAttempt{
			At: time.UnixMilli(s.At).UTC(), Status: s.Status, Error: s.Error, Duration: s.Duration, ReplayedAt: s.Replayed,
		})
	}
	return nil
}

// AddDeliveries adds deliveries that are not there yet.
func (s *Store) AddDeliveries(ctx context.Context, tenant core.TenantID, list []core.Delivery) error {
	return actOnKeys(ctx, s, tenant, core.Op{}, func(t *txn) error {
		var added, ended int64
		for _, d := range list {
			n, err := t.addDelivery(d)
			if err != nil {
				return err
			}
			added, ended = added+n, ended+n*endings(d.Status)
		}
		return t.settleDeliveries(added-ended, ended)
	})
}

func (t *txn) addDelivery(d core.Delivery) (added int64, err error) {
	if !d.ID.Valid() {
		return 0, core.NotFound()
	}
	tried, err := encodeAttempts(d.Attempts)
	if err != nil {
		return 0, err
	}
	return t.affect(`INSERT INTO deliveries (tenant, delivery, event, type, body, status, attempts, next_at, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, delivery) DO NOTHING`,
		t.tenant, d.ID, d.Event, d.Type, bytesOf(d.Body), d.Status, tried, ms(d.NextAt), ms(d.CreatedAt))
}

// settleDeliveries notes what is due next, after deliveries changed of which so
// many more are pending and so many more have ended, and cuts the log. The
// deployment's keeps none that ended.
func (t *txn) settleDeliveries(pending, ended int64) error {
	kept := int64(core.MaxDeliveriesKept)
	if t.tenant == 0 {
		kept = 0
	}
	var all int64
	err := t.get(`INSERT INTO delivery_logs (tenant, next_at, pending, ended)
		VALUES (?1, (SELECT min(next_at) FROM deliveries WHERE tenant = ?1 AND status = 'pending'), ?2, ?3)
		ON CONFLICT DO UPDATE SET next_at = excluded.next_at, pending = pending + ?2, ended = ended + ?3 RETURNING ended`,
		args{t.tenant, pending, ended}, &all)
	if err != nil || all <= kept {
		return err
	}
	n, err := t.affect(`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
		WHERE tenant = ? AND status <> 'pending' ORDER BY id LIMIT ?)`, t.tenant, all-kept)
	if err != nil {
		return err
	}
	return t.exec(`UPDATE delivery_logs SET ended = ended - ? WHERE tenant = ?`, n, t.tenant)
}

// SaveDelivery notes what became of a delivery.
func (s *Store) SaveDelivery(ctx context.Context, tenant core.TenantID, d core.Delivery) error {
	return actOnKeys(ctx, s, tenant, core.Op{}, func(t *txn) error {
		was, err := one(t.session, itself[core.DeliveryStatus],
			`SELECT status FROM deliveries WHERE tenant = ? AND delivery = ?`, t.tenant, d.ID)
		if err != nil {
			return err
		}
		tried, err := encodeAttempts(d.Attempts)
		if err != nil {
			return err
		}
		err = t.exec(`UPDATE deliveries SET status = ?, attempts = ?, next_at = ? WHERE tenant = ? AND delivery = ?`,
			d.Status, tried, ms(d.NextAt), t.tenant, d.ID)
		if err != nil {
			return err
		}
		ended := endings(d.Status) - endings(was)
		return t.settleDeliveries(-ended, ended)
	})
}

// endings counts a delivery that is not pending.
func endings(s core.DeliveryStatus) int64 {
	if s == core.DeliveryPending {
		return 0
	}
	return 1
}

// PendingDeliveries counts those that are pending.
func (s *Store) PendingDeliveries(ctx context.Context, tenant core.TenantID) (int64, error) {
	pending, err := view(ctx, s, func(q session) (int64, error) {
		owner, err := keyOwner(q, tenant)
		if err != nil {
			return 0, err
		}
		return one(q, itself[int64], `SELECT pending FROM delivery_logs WHERE tenant = ?`, owner)
	})
	if core.Is(err, core.CodeNotFound) {
		return 0, nil
	}
	return pending, err
}

// Delivery returns one.
func (s *Store) Delivery(ctx context.Context, tenant core.TenantID, id core.DeliveryID) (core.Delivery, error) {
	return view(ctx, s, func(q session) (core.Delivery, error) {
		owner, err := keyOwner(q, tenant)
		if err != nil {
			return core.Delivery{}, err
		}
		return one(q, deliveryFields, selectDelivery, owner, id)
	})
}

// Deliveries lists them, newest first.
func (s *Store) Deliveries(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.Delivery, error) {
	return view(ctx, s, func(q session) ([]core.Delivery, error) {
		owner, err := keyOwner(q, tenant)
		if err != nil {
			return nil, err
		}
		return list(q, deliveryFields, selectLog, owner, beforeNumber(page.After), max(page.Limit, 0))
	})
}

// NextDelivery is when the next one is due.
func (s *Store) NextDelivery(ctx context.Context) (time.Time, error) {
	next, err := look(ctx, s, func(q session) (*time.Time, error) {
		return one(q, func(t **time.Time) []any { return []any{maybeAt{t}} },
			`SELECT min(next_at) FROM delivery_logs WHERE next_at IS NOT NULL`)
	})
	if err != nil || next == nil {
		return time.Time{}, err
	}
	return *next, nil
}

// queue is a tenant that has a pending delivery.
type queue struct {
	id     int64
	tenant core.TenantID
	next   int64 // when its first one is due
}

// TakeDeliveries takes what is due. When nothing is, the writer is left alone.
func (s *Store) TakeDeliveries(ctx context.Context, now, until time.Time, limit, perTenant int) ([]core.DueDelivery, error) {
	due, err := look(ctx, s, func(q session) (bool, error) {
		return q.exists(`SELECT 1 FROM delivery_logs WHERE next_at <= ? LIMIT 1`, ms(now))
	})
	if err != nil || !due || limit <= 0 || perTenant <= 0 {
		return nil, err
	}
	return ownStep(ctx, s, core.Op{}, func(t *txn) ([]core.DueDelivery, error) {
		found, err := t.dueDeliveries(now, limit, perTenant)
		if err != nil {
			return nil, err
		}
		owners := map[int64]bool{}
		list := make([]core.DueDelivery, 0, len(found))
		for _, f := range found {
			if err := t.exec(`UPDATE deliveries SET next_at = ? WHERE id = ?`, ms(until), f.Position); err != nil {
				return nil, err
			}
			f.NextAt = time.UnixMilli(ms(until)).UTC()
			owners[f.owner] = true
			list = append(list, f.DueDelivery)
		}
		for owner := range owners {
			if err := (&txn{session: t.session, store: s, tenant: owner}).settleDeliveries(0, 0); err != nil {
				return nil, err
			}
		}
		return list, nil
	})
}

// dueDelivery is one that may be taken.
type dueDelivery struct {
	core.DueDelivery
	owner int64
}

// dueDeliveries finds the longest due, of each tenant so many at most. Tenants
// are looked at by when their first is due, until the others' can be none of
// them.
func (t *txn) dueDeliveries(now time.Time, limit, perTenant int) (found []dueDelivery, err error) {
	of := func(q *queue) []any { return []any{&q.id, &q.tenant, &q.next} }
	var failed error
	err = each(t.session, of, func(q queue) bool {
		if len(found) == limit && ms(found[limit-1].NextAt) < q.next {
			return false
		}
		take := func(d core.Delivery) bool {
			found = append(found, dueDelivery{core.DueDelivery{Tenant: q.tenant, Delivery: d}, q.id})
			return true
		}
		failed = each(t.session, deliveryFields, take, selectDue, q.id, ms(now), min(perTenant, limit))
		slices.SortFunc(found, func(a, b dueDelivery) int {
			return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID))
		})
		found = found[:min(len(found), limit)]
		return failed == nil
	}, `SELECT l.tenant, coalesce(t.tenant, ?), l.next_at FROM delivery_logs l LEFT JOIN tenants t ON t.id = l.tenant
		WHERE l.next_at <= ? ORDER BY l.next_at`, core.DeploymentTenant, ms(now))
	return found, errors.Join(err, failed)
}
