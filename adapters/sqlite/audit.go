package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	auditColumns = `seq, event_id, type, at, actor, data, leaf, chain, added_at`
	insertAudit  = `INSERT INTO audit_events (tenant_id, ` + auditColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`
)

// timeEvery is how many events apart audit_times notes the time.
const timeEvery = 32

// auditEnd is the row of audit_heads.
type auditEnd struct {
	core.AuditHead
	latest, behind int64
}

func endFields(e *auditEnd) []any {
	return []any{&e.Seq, hashBytes{&e.Chain}, treeBytes{&e.Tree}, &e.latest, &e.behind}
}

func endOf(q session, tenant core.TenantID) (auditEnd, error) {
	end, err := one(q, endFields, `SELECT seq, chain, tree, latest, behind FROM audit_heads WHERE tenant_id = ?`, tenant)
	if absent(err) {
		return auditEnd{}, nil
	}
	return end, err
}

// AppendAudit adds entries to a log.
func (s *Store) AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	if !ownsOutbox(tenant) {
		return core.NotFound()
	}
	if err := inOrder(tenant, entries, head); err != nil {
		return translate(ctx, err)
	}
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		end, err := endOf(t.session, tenant)
		if err != nil || len(entries) == 0 {
			return err
		}
		first := entries[0].Event.Seq
		if first > end.Seq+1 {
			return auditFork(tenant, end.Seq+1, "is missing")
		}
		known := min(end.Seq+1-first, int64(len(entries)))
		if err := t.sameAudit(tenant, entries[:known]); err != nil || known == int64(len(entries)) {
			return err
		}
		end.AuditHead = head
		return t.extendAudit(tenant, entries[known:], end)
	})
}

// inOrder refuses entries that no log could hold.
func inOrder(tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	for i := range entries {
		if seq := entries[i].Event.Seq; seq < 1 || seq != entries[0].Event.Seq+int64(i) {
			return auditFork(tenant, seq, "is out of order")
		}
	}
	if n := len(entries); n > 0 && entries[n-1].Event.Seq != head.Seq {
		return fmt.Errorf("an append through seq %d has a head at %d", entries[n-1].Event.Seq, head.Seq)
	}
	return nil
}

func auditFork(tenant core.TenantID, seq int64, what string) error {
	return fmt.Errorf("seq %d of the log of %s %s: %w", seq, tenant, what, core.ErrAuditFork)
}

// sameAudit wants the log to hold the entries with the same chain hashes.
func (t *txn) sameAudit(tenant core.TenantID, entries []core.AuditEntry) error {
	of := func(h *core.AuditHash) []any { return []any{hashBytes{h}} }
	for i := range entries {
		seq := entries[i].Event.Seq
		chain, err := one(t.session, of, `SELECT chain FROM audit_events WHERE tenant_id = ? AND seq = ?`, tenant, seq)
		switch {
		case absent(err):
			return auditFork(tenant, seq, "is gone")
		case err != nil:
			return err
		case chain != entries[i].Chain:
			return auditFork(tenant, seq, "is another entry")
		}
	}
	return nil
}

// extendAudit adds the entries, which follow what is there.
func (t *txn) extendAudit(tenant core.TenantID, entries []core.AuditEntry, end auditEnd) error {
	for i := range entries {
		e := &entries[i]
		data, err := core.EncodeAuditData(e.Event.Data)
		if err != nil {
			return err
		}
		n, err := t.affect(insertAudit, tenant, e.Event.Seq, e.Event.ID, e.Event.Type, ms(e.Event.At), e.Event.Actor.Key,
			data, e.Leaf[:], e.Chain[:], ms(e.Added))
		if err == nil && n == 0 {
			err = auditFork(tenant, e.Event.Seq, "is there, behind the end of the log")
		}
		if err != nil {
			return err
		}
		at := ms(e.Event.At)
		if e.Event.Seq == 1 {
			end.latest = at
		}
		end.latest, end.behind = max(end.latest, at), max(end.behind, end.latest-at)
		if e.Event.Seq%timeEvery != 0 {
			continue
		}
		if err := t.exec(`INSERT INTO audit_times (tenant_id, latest, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, tenant, end.latest, e.Event.Seq); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO audit_heads (tenant_id, seq, chain, tree, latest, behind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT DO UPDATE SET seq = ?2, chain = ?3, tree = ?4, latest = ?5, behind = ?6`,
		tenant, end.Seq, end.Chain[:], core.JoinHashes(end.Tree), end.latest, end.behind)
}

// AuditHead returns the head.
func (s *Store) AuditHead(ctx context.Context, tenant core.TenantID) (core.AuditHead, error) {
	end, err := look(ctx, s, func(q session) (auditEnd, error) { return endOf(q, tenant) })
	return end.AuditHead, err
}

// AuditEntries lists what is there.
func (s *Store) AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error) {
	return look(ctx, s, func(q session) ([]core.AuditEntry, error) {
		return list(q, auditEntryOf(tenant), `SELECT `+auditColumns+` FROM audit_events
			WHERE tenant_id = ? AND seq > ? ORDER BY seq LIMIT ?`, tenant, after, max(limit, 0))
	})
}

// FindAudit lists entries, newest first.
func (s *Store) FindAudit(ctx context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error) {
	return view(ctx, s, func(v session) ([]core.AuditEntry, error) {
		q.Since, q.Until = wholeMS(q.Since), wholeMS(q.Until)
		after, before, err := auditRange(v, tenant, q)
		if err != nil {
			return nil, err
		}
		query, values := findAudit(tenant, q, after, before)
		return list(v, auditEntryOf(tenant), query, values...)
	})
}

// wholeMS is the first whole millisecond that is not before t.
func wholeMS(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(time.Millisecond - 1).Truncate(time.Millisecond)
}

// auditRange bounds where in the log events of the query's times can be: those
// after one number and before another. No event is earlier by more than behind
// than any event before it.
func auditRange(q session, tenant core.TenantID, query core.AuditQuery) (after, before int64, err error) {
	before = query.Before
	if !query.Since.IsZero() {
		after, err = one(q, itself[int64], `SELECT seq FROM audit_times WHERE tenant_id = ? AND latest < ?
			ORDER BY latest DESC, seq DESC LIMIT 1`, tenant, ms(query.Since))
		if err != nil && !absent(err) {
			return 0, 0, err
		}
	}
	if query.Until.IsZero() {
		return after, before, nil
	}
	end, err := endOf(q, tenant)
	if err != nil {
		return 0, 0, err
	}
	last, err := one(q, itself[int64], `SELECT seq FROM audit_times WHERE tenant_id = ? AND latest >= ?
		ORDER BY latest, seq LIMIT 1`, tenant, ms(query.Until)+end.behind)
	if absent(err) {
		return after, before, nil
	}
	if before == 0 || last < before {
		before = last // which itself is too late
	}
	return after, before, err
}

// systemActor is what a query calls who has no key.
const systemActor = "system"

// auditIndex names the index by which a page costs a page: without statistics
// SQLite would rather read on in the log until the page is full.
func auditIndex(q core.AuditQuery) string {
	switch {
	case q.Actor != "" && q.Type != "":
		return ` INDEXED BY audit_events_by_actor_and_type`
	case q.Actor != "":
		return ` INDEXED BY audit_events_by_actor`
	case q.Type != "":
		return ` INDEXED BY audit_events_by_type`
	}
	return ``
}

func findAudit(tenant core.TenantID, q core.AuditQuery, after, before int64) (query string, values []any) {
	var text strings.Builder
	text.WriteString(`SELECT ` + auditColumns + ` FROM audit_events` + auditIndex(q) + ` WHERE tenant_id = ? AND seq > ?`)
	values = append(values, tenant, after)
	where := func(use bool, condition string, value any) {
		if use {
			text.WriteString(` AND ` + condition + ` ?`)
			values = append(values, value)
		}
	}
	actor := q.Actor
	if actor == systemActor {
		actor = ""
	}
	where(before != 0, `seq <`, before)
	where(q.Type != "", `type =`, q.Type)
	where(q.Actor != "", `actor =`, actor)
	where(!q.Since.IsZero(), `at >=`, ms(q.Since))
	where(!q.Until.IsZero(), `at <`, ms(q.Until))
	text.WriteString(` ORDER BY seq DESC LIMIT ?`)
	return text.String(), append(values, max(q.Limit, 0))
}

// AddCheckpoint keeps a checkpoint. Of several of the same size the last counts.
func (s *Store) AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error {
	if !ownsOutbox(tenant) {
		return core.NotFound()
	}
	return ownAct(ctx, s, core.Op{}, func(t *txn) error {
		return t.exec(`INSERT INTO audit_checkpoints (tenant_id, seq, note, at) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET note = ?3, at = ?4`, tenant, c.Seq, bytesOf(c.Note), ms(c.At))
	})
}

// LastCheckpoint returns the one of the largest log.
func (s *Store) LastCheckpoint(ctx context.Context, tenant core.TenantID) (core.Checkpoint, error) {
	of := func(c *core.Checkpoint) []any { return []any{&c.Seq, &c.Note, at{&c.At}} }
	return look(ctx, s, func(q session) (core.Checkpoint, error) {
		return one(q, of, `SELECT seq, note, at FROM audit_checkpoints WHERE tenant_id = ? ORDER BY seq DESC LIMIT 1`, tenant)
	})
}

// nextLog is the first tenant after one that has a head, or entries without one.
const nextLog = `SELECT min(tenant_id) FROM (
		SELECT (SELECT min(tenant_id) FROM audit_heads WHERE tenant_id > ?1) AS tenant_id
		UNION ALL SELECT (SELECT min(tenant_id) FROM audit_events WHERE tenant_id > ?1))`

// AuditTenants lists who has a log.
func (s *Store) AuditTenants(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return view(ctx, s, func(q session) (tenants []core.TenantID, err error) {
		for len(tenants) < limit {
			next, err := one(q, itself[*string], nextLog, after)
			if err != nil || next == nil {
				return tenants, err
			}
			after = core.TenantID(*next)
			tenants = append(tenants, after)
		}
		return tenants, nil
	})
}
