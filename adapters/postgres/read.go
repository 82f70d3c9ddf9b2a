package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/core"
)

// AuditHead returns the head.
func (l *Log) AuditHead(ctx context.Context, tenant core.TenantID) (core.AuditHead, error) {
	if !owns(tenant) {
		return core.AuditHead{}, nil
	}
	head, err := call(ctx, l, func(ctx context.Context) (core.AuditHead, error) {
		return queryOne(ctx, l, `SELECT seq, chain, tree FROM audit_heads WHERE tenant_id = $1`, scanHead, string(tenant))
	})
	if core.Is(err, core.CodeNotFound) {
		return core.AuditHead{}, nil
	}
	return head, err
}

func scanHead(row pgx.CollectableRow) (head core.AuditHead, err error) {
	var chain, tree []byte
	err = row.Scan(&head.Seq, &chain, &tree)
	head.Chain, head.Tree = hashOf(chain), core.SplitHashes(tree)
	return head, err
}

// FindAudit lists entries, newest first. A range of time spares it the
// partitions out of it.
func (l *Log) FindAudit(ctx context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error) {
	if !owns(tenant) {
		return nil, nil
	}
	query, args := find(tenant, q)
	return call(ctx, l, func(ctx context.Context) ([]core.AuditEntry, error) {
		return queryAll(ctx, l, query, scanEntry, args...)
	})
}

// systemActor is what a query calls who has no key.
const systemActor = "system"

func find(tenant core.TenantID, q core.AuditQuery) (query string, args []any) {
	var text strings.Builder
	text.WriteString(`SELECT ` + columns + ` FROM audit_events WHERE tenant_id = $1`)
	args = append(args, string(tenant))
	where := func(condition string, value any) {
		args = append(args, value)
		text.WriteString(` AND ` + condition + ` $` + strconv.Itoa(len(args)))
	}
	if !q.Since.IsZero() {
		where(`at >=`, q.Since)
	}
	if !q.Until.IsZero() {
		where(`at <`, q.Until)
	}
	if q.Type != "" {
		where(`type =`, string(q.Type))
	}
	switch q.Actor {
	case "":
	case systemActor:
		where(`actor =`, "")
	default:
		where(`actor =`, q.Actor)
	}
	if q.Before != 0 {
		where(`seq <`, q.Before)
	}
	args = append(args, max(q.Limit, 0))
	text.WriteString(` ORDER BY seq DESC LIMIT $` + strconv.Itoa(len(args)))
	return text.String(), args
}

// AuditEntries lists what is really there, as often as it is there.
func (l *Log) AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error) {
	if !owns(tenant) {
		return nil, nil
	}
	return call(ctx, l, func(ctx context.Context) ([]core.AuditEntry, error) {
		return queryAll(ctx, l, `SELECT `+columns+` FROM audit_events
			WHERE tenant_id = $1 AND seq > $2 ORDER BY seq, at LIMIT $3`, scanEntry, string(tenant), after, max(limit, 0))
	})
}

// AuditTenants lists tenants that have a head, or rows without one.
func (l *Log) AuditTenants(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return call(ctx, l, func(ctx context.Context) ([]core.TenantID, error) {
		return queryAll(ctx, l, listTenants, pgx.RowTo[core.TenantID], string(after), max(limit, 0))
	})
}

// listTenants steps from tenant to tenant by the index, instead of reading all
// rows.
const listTenants = `WITH RECURSIVE present (tenant_id) AS (
		(SELECT tenant_id FROM audit_events WHERE tenant_id > $1 ORDER BY tenant_id LIMIT 1)
		UNION ALL
		SELECT (SELECT e.tenant_id FROM audit_events e WHERE e.tenant_id > p.tenant_id ORDER BY e.tenant_id LIMIT 1)
		FROM present p WHERE p.tenant_id IS NOT NULL
	)
	SELECT tenant_id FROM (
		(SELECT tenant_id FROM present WHERE tenant_id IS NOT NULL LIMIT $2)
		UNION
		(SELECT tenant_id FROM audit_heads WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2)
	) AS both_of_them ORDER BY tenant_id LIMIT $2`
