package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// trail is a tenant's audit log.
type trail struct {
	entries     []core.AuditEntry
	head        core.AuditHead
	checkpoints []core.Checkpoint
}

// logs are the audit logs of all tenants.
type logs struct {
	mu  sync.Mutex
	of  map[core.TenantID]*trail
	lag durations // from an event to its entry
}

func newLogs(tenants []core.TenantID) *logs {
	l := &logs{of: map[core.TenantID]*trail{core.DeploymentTenant: {}}}
	for _, id := range tenants {
		l.of[id] = &trail{}
	}
	return l
}

// auditLog is the logs as a process reaches them: ports.AuditLog, of which the
// sinks use a part.
type auditLog struct {
	*line
	logs *logs
}

func (a auditLog) at(ctx context.Context, name string, tenant core.TenantID, do func(t *trail) error) error {
	return a.call(ctx, name, func() error {
		a.logs.mu.Lock()
		defer a.logs.mu.Unlock()
		return do(a.logs.of[tenant])
	})
}

// AppendAudit implements ports.AuditLog.
func (a auditLog) AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	return a.at(ctx, "AppendAudit", tenant, func(t *trail) error {
		for _, e := range entries {
			switch n := int64(len(t.entries)); {
			case e.Event.Seq <= n && t.entries[e.Event.Seq-1].Chain == e.Chain:
			case e.Event.Seq == n+1:
				t.entries = append(t.entries, e)
				a.logs.lag.add(time.Since(e.Event.At))
			default:
				return core.ErrAuditFork
			}
		}
		if head.Seq > t.head.Seq {
			t.head = head
		}
		return nil
	})
}

// AuditHead implements ports.AuditLog.
func (a auditLog) AuditHead(ctx context.Context, tenant core.TenantID) (head core.AuditHead, err error) {
	err = a.at(ctx, "AuditHead", tenant, func(t *trail) error { head = t.head; return nil })
	return head, err
}

// AuditEntries implements ports.AuditLog.
func (a auditLog) AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) (list []core.AuditEntry, err error) {
	err = a.at(ctx, "AuditEntries", tenant, func(t *trail) error {
		list = slices.Clone(t.entries[min(int(after), len(t.entries)):min(int(after)+limit, len(t.entries))])
		return nil
	})
	return list, err
}

// LastCheckpoint implements ports.AuditStatements.
func (a auditLog) LastCheckpoint(ctx context.Context, tenant core.TenantID) (c core.Checkpoint, err error) {
	err = a.at(ctx, "LastCheckpoint", tenant, func(t *trail) error {
		if len(t.checkpoints) == 0 {
			return core.NotFound()
		}
		c = t.checkpoints[len(t.checkpoints)-1]
		return nil
	})
	return c, err
}

// AddCheckpoint implements ports.AuditStatements.
func (a auditLog) AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error {
	return a.at(ctx, "AddCheckpoint", tenant, func(t *trail) error {
		t.checkpoints = append(t.checkpoints, c)
		return nil
	})
}

// FindAudit implements ports.AuditLog; nobody here reads.
func (a auditLog) FindAudit(context.Context, core.TenantID, core.AuditQuery) ([]core.AuditEntry, error) {
	return nil, nil
}

// AuditTenants implements ports.AuditLog; nobody here verifies.
func (a auditLog) AuditTenants(context.Context, core.TenantID, int) ([]core.TenantID, error) {
	return nil, nil
}

// AuditDropped implements ports.AuditStatements; nothing here is dropped.
func (a auditLog) AuditDropped(context.Context, core.TenantID) (core.AuditDrop, error) {
	return core.AuditDrop{}, nil
}

// BeginAudit implements ports.AuditStatements; no log here begins late.
func (a auditLog) BeginAudit(context.Context, core.TenantID, core.AuditDrop) error { return nil }
