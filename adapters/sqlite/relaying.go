package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/raven-memory/raven/core"
)

// activeOutboxes finds who has events by looking each time for the next one, so
// that it costs nothing that other tenants are there.
const activeOutboxes = `WITH RECURSIVE active (id) AS (
		SELECT (SELECT min(tenant) FROM events)
		UNION ALL
		SELECT (SELECT min(tenant) FROM events WHERE tenant > active.id) FROM active WHERE active.id IS NOT NULL
	) SELECT active.id, coalesce((SELECT tenant FROM tenants WHERE id = active.id), ?) FROM active WHERE active.id IS NOT NULL`

type outbox struct {
	id     int64
	tenant core.TenantID
}

// Outboxes lists who has events to be relayed.
func (s *Store) Outboxes(ctx context.Context, after core.TenantID, limit int) ([]core.OutboxState, error) {
	return view(ctx, s, func(q session) ([]core.OutboxState, error) {
		var active []outbox
		keep := func(o outbox) bool {
			if o.tenant > after {
				active = append(active, o)
			}
			return true
		}
		of := func(o *outbox) []any { return []any{&o.id, &o.tenant} }
		if err := each(q, of, keep, activeOutboxes, core.DeploymentTenant); err != nil {
			return nil, err
		}
		slices.SortFunc(active, func(a, b outbox) int { return cmp.Compare(a.tenant, b.tenant) })
		var states []core.OutboxState
		for _, o := range active[:min(len(active), max(limit, 0))] {
			state, err := one(q, stateOf(o.tenant), `SELECT seq, at, (SELECT max(seq) FROM events WHERE tenant = ?1)
				FROM events WHERE tenant = ?1 ORDER BY seq LIMIT 1`, o.id)
			if err != nil {
				return nil, err
			}
			states = append(states, state)
		}
		return states, nil
	})
}

func stateOf(tenant core.TenantID) fields[core.OutboxState] {
	return func(o *core.OutboxState) []any {
		o.Tenant = tenant
		return []any{&o.First, at{&o.OldestAt}, &o.Last}
	}
}

// Positions is how far each sink is.
func (s *Store) Positions(ctx context.Context, tenant core.TenantID) (map[string]int64, error) {
	type position struct {
		sink string
		seq  int64
	}
	return onOutbox(ctx, s, tenant, func(q session, id int64) (map[string]int64, error) {
		positions := map[string]int64{}
		of := func(p *position) []any { return []any{&p.sink, &p.seq} }
		keep := func(p position) bool { positions[p.sink] = p.seq; return true }
		return positions, each(q, of, keep, `SELECT sink, seq FROM positions WHERE tenant = ?`, id)
	})
}

// onOutbox reads of an outbox. One that is not there is empty.
func onOutbox[T any](ctx context.Context, s *Store, tenant core.TenantID, read func(session, int64) (T, error)) (T, error) {
	var none T
	if !ownsOutbox(tenant) {
		return none, core.NotFound()
	}
	return view(ctx, s, func(q session) (T, error) {
		id, err := outboxOf(q, tenant)
		if absent(err) {
			return none, nil
		}
		if err != nil {
			return none, err
		}
		return read(q, id)
	})
}

// ownsOutbox reports whether an id is one that can have an outbox or a log.
func ownsOutbox(tenant core.TenantID) bool {
	return tenant.Valid() || tenant == core.DeploymentTenant
}

// relay is a step on an outbox; it does nothing to one that is not there.
func (s *Store) relay(ctx context.Context, tenant core.TenantID, run func(*txn) error) error {
	if !ownsOutbox(tenant) {
		return core.NotFound()
	}
	return ownAct(ctx, s, core.Op{}, func(t *txn) (err error) {
		if t.tenant, err = outboxOf(t.session, tenant); absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return run(t)
	})
}

// SetPosition notes how far a sink is.
func (s *Store) SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error {
	return s.relay(ctx, tenant, func(t *txn) error {
		return t.exec(`INSERT INTO positions (tenant, sink, seq) VALUES (?1, ?2, ?3)
			ON CONFLICT DO UPDATE SET seq = ?3 WHERE seq < ?3`, t.tenant, sink, seq)
	})
}

// TrimEvents removes events that every sink has. Of a deleted tenant nothing is
// left once it is purged too.
func (s *Store) TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error {
	return s.relay(ctx, tenant, func(t *txn) error {
		if err := t.exec(`DELETE FROM events WHERE tenant = ? AND seq <= ?`, t.tenant, through); err != nil {
			return err
		}
		if t.tenant == 0 {
			return t.exec(`UPDATE deployment SET trimmed_seq = max(trimmed_seq, min(?, last_seq)) WHERE id = 1`, through)
		}
		err := t.exec(`UPDATE tenants SET trimmed_seq = max(trimmed_seq, min(?, last_seq)) WHERE id = ?`, through, t.tenant)
		if err != nil {
			return err
		}
		return t.vanish()
	})
}

// vanish removes the row of a deleted tenant of which nothing is left, and where
// the sinks are.
func (t *txn) vanish() error {
	err := t.exec(`DELETE FROM positions WHERE tenant = ?1 AND EXISTS
		(SELECT 1 FROM tenants WHERE id = ?1 AND deleted_at IS NOT NULL AND last_seq = trimmed_seq)`, t.tenant)
	if err != nil {
		return err
	}
	return t.exec(`DELETE FROM tenants WHERE id = ? AND deleted_at IS NOT NULL AND purged = 1 AND last_seq = trimmed_seq`, t.tenant)
}
