package sqlite

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/raven-memory/raven/core"
)

// txn is the inside of a step: the writer's transaction, for one tenant.
type txn struct {
	session
	store    *Store
	tenant   int64         // 0 for the deployment
	recorded core.TenantID // whose events the step recorded, "" for none
	grown    core.Usage    // of what countMemory was told

	// recounted says that the step counted anew what the tenant uses, with what
	// the steps before it in the transaction had it use more.
	recounted bool
}

// none is the outcome of a step that has none.
type none struct{}

// step runs one domain step of a tenant. Run again with the same op it gives
// the outcome of the first run.
func step[T any](ctx context.Context, s *Store, tenant core.TenantID, op core.Op, run func(*txn) (T, error)) (T, error) {
	return ownStep(ctx, s, core.Op{}, func(t *txn) (outcome T, err error) {
		if err := t.enter(tenant); err != nil {
			return outcome, err
		}
		return once(t, op, run)
	})
}

// act is a step without an outcome.
func act(ctx context.Context, s *Store, tenant core.TenantID, op core.Op, run func(*txn) error) error {
	_, err := step(ctx, s, tenant, op, func(t *txn) (none, error) { return none{}, run(t) })
	return err
}

// ownStep runs a step of the deployment itself.
func ownStep[T any](ctx context.Context, s *Store, op core.Op, run func(*txn) (T, error)) (T, error) {
	var outcome T
	var recorded core.TenantID
	err := s.doTelling(ctx, &recorded, func(q session) (err error) {
		t := &txn{session: q, store: s}
		outcome, err = once(t, op, run)
		recorded = t.recorded
		if err == nil {
			s.writer.grow(t)
		}
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return outcome, nil
}

// ownAct is an ownStep without an outcome.
func ownAct(ctx context.Context, s *Store, op core.Op, run func(*txn) error) error {
	_, err := ownStep(ctx, s, op, func(t *txn) (none, error) { return none{}, run(t) })
	return err
}

const selectTenantID = `SELECT id FROM tenants WHERE tenant = ? AND deleted_at IS NULL`

// enter makes the step the tenant's; absent when it does not exist or was deleted.
func (t *txn) enter(tenant core.TenantID) (err error) {
	t.tenant, err = one(t.session, itself[int64], selectTenantID, tenant)
	return err
}

func once[T any](t *txn, op core.Op, run func(*txn) (T, error)) (outcome T, err error) {
	if op.ID == "" {
		return run(t)
	}
	scope := t.tenant
	kept, err := one(t.session, itself[[]byte], `SELECT outcome FROM operations WHERE tenant = ? AND operation = ?`, scope, op.ID)
	if err == nil {
		err = json.Unmarshal(kept, &outcome)
		return outcome, err
	}
	if !absent(err) {
		return outcome, err
	}
	if outcome, err = run(t); err != nil {
		return outcome, err
	}
	if kept, err = json.Marshal(outcome); err != nil {
		return outcome, err
	}
	err = t.exec(`INSERT INTO operations (tenant, operation, outcome, until) VALUES (?, ?, ?, ?)`,
		scope, op.ID, kept, ms(op.Until))
	return outcome, err
}

const (
	nextSeq = `UPDATE tenants SET last_seq = last_seq + 1 WHERE id = ? RETURNING tenant, last_seq, last_seq - trimmed_seq`
	// nextOwnSeq is for the deployment.
	nextOwnSeq = `UPDATE deployment SET last_seq = last_seq + 1 WHERE id = 1 RETURNING ?, last_seq, last_seq - trimmed_seq`
)

// record gives the events the tenant's next numbers and keeps them.
func (t *txn) record(events ...core.Event) error {
	for _, e := range events {
		query, owner := nextSeq, any(t.tenant)
		if t.tenant == 0 {
			query, owner = nextOwnSeq, core.DeploymentTenant
		}
		var seq, held int64
		if err := t.get(query, args{owner}, &t.recorded, &seq, &held); err != nil {
			return err
		}
		if held > t.store.maxOutbox {
			return core.OutboxFull()
		}
		data, err := encodeData(e.Data)
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO events (tenant, seq, event, type, at, actor, data, webhook) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			t.tenant, seq, e.ID, e.Type, ms(e.At), e.Actor.Key, data, e.Webhook)
		if err != nil {
			return err
		}
	}
	return nil
}

// withCounts adds what only the store knows to an event's data.
func withCounts(e core.Event, counts core.EventData) core.Event {
	data := maps.Clone(e.Data)
	if data == nil {
		data = core.EventData{}
	}
	maps.Copy(data, counts)
	e.Data = data
	return e
}

// countMemory is count for what no step reads: the writer counts it once a
// transaction. The step must succeed, and hold no users and no conversations.
func (t *txn) countMemory(d core.Usage) {
	t.grown.Interactions += d.Interactions
	t.grown.Buffered += d.Buffered
	t.grown.Blobs += d.Blobs
	t.grown.BlobBytes += d.BlobBytes
}

// count adds to what the tenant uses; what went is negative.
func (t *txn) count(d core.Usage) error {
	return t.exec(`UPDATE tenants SET users = users + ?, conversations = conversations + ?,
		interactions = interactions + ?, buffered = buffered + ?, blobs = blobs + ?, blob_bytes = blob_bytes + ?
		WHERE id = ?`,
		d.Users, d.Conversations, d.Interactions, d.Buffered, d.Blobs, d.BlobBytes, t.tenant)
}

// change numbers a change of the user's memory and keeps it.
func (t *txn) change(user int64, c core.Change) error {
	err := t.get(`SELECT coalesce(max(version), 0) + 1 FROM changes WHERE user = ?`, args{user}, &c.Version)
	if err != nil {
		return err
	}
	return t.keepChange(user, c)
}

// keepChange keeps a change that has its number. Old ones go when twice as many
// are there as must be kept.
func (t *txn) keepChange(user int64, c core.Change) error {
	var interactions any
	if len(c.Interactions) > 0 {
		list, err := json.Marshal(c.Interactions)
		if err != nil {
			return err
		}
		interactions = string(list)
	}
	err := t.exec(`INSERT INTO changes (user, version, kind, conversation, blob, first, last, interactions)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		user, c.Version, string(c.Kind), string(c.Conversation), string(c.Blob), c.First, c.Last, interactions)
	if err != nil || c.Version%core.MinChangesKept != 0 {
		return err
	}
	return t.exec(`DELETE FROM changes WHERE user = ? AND version <= ?`, user, c.Version-core.MinChangesKept)
}

func versionConflict() error {
	return core.NewError(core.CodeVersionConflict, "It was changed in the meantime. Read it again and repeat the change.")
}

// exhausted refuses a creation; event is recorded unless it was since there was
// last room.
func (t *txn) exhausted(use core.QuotaUse, flagged bool, flag string, id int64, event core.Event) error {
	refused := core.NewError(core.CodeQuotaExhausted, "The quota %s is used up: %d of %d.", use.Name, use.Used, use.Limit)
	refused.Quota = &use
	if flagged {
		return refused
	}
	if err := t.exec(flag, id); err != nil {
		return err
	}
	if err := t.record(event); err != nil {
		return err
	}
	return &refusal{refused}
}
