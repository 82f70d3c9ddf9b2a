package app

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/backup"
	"github.com/raven-memory/raven/ports"
)

// auditCopy copies audit logs part by part. Every hash is made anew and has to
// be the one that the part has.
type auditCopy struct {
	service *audit.Service
	from    *partLog
}

// newAuditCopy copies to a log; to nowhere when it is nil, only to check.
func newAuditCopy(to ports.AuditLog) *auditCopy {
	if to == nil {
		to = headsOnly{heads: map[core.TenantID]core.AuditHead{}}
	}
	from := &partLog{}
	return &auditCopy{from: from, service: audit.New(audit.Deps{Log: to, Earlier: from, Clock: clock{}}, audit.Options{})}
}

// add fails with core.ErrAuditFork for a part that does not follow, or is not
// what its hashes say. What is pending of a deleted tenant goes into the log; of
// the deployment it goes the way of all events.
func (c *auditCopy) add(ctx context.Context, part backup.Log) error {
	c.from.part = part
	err := c.service.CarryOver(ctx)
	if err == nil && part.Tenant != core.DeploymentTenant {
		err = c.service.LogSink().Deliver(ctx, part.Tenant, part.Pending)
	}
	return err
}

// partLog is a log of which only a part is there.
type partLog struct {
	ports.AuditLog
	part backup.Log
}

// AuditTenants gives the one whose part is there.
func (p *partLog) AuditTenants(_ context.Context, after core.TenantID, _ int) ([]core.TenantID, error) {
	if after != "" {
		return nil, nil
	}
	return []core.TenantID{p.part.Tenant}, nil
}

// AuditEntries gives those of the part. Where the first is not the next, that
// shows.
func (p *partLog) AuditEntries(_ context.Context, _ core.TenantID, after int64, _ int) ([]core.AuditEntry, error) {
	entries := p.part.Entries
	if n := len(entries); n == 0 || entries[n-1].Event.Seq <= after {
		return nil, nil
	}
	return entries, nil
}

// AuditDropped gives what stands for entries that no part has.
func (p *partLog) AuditDropped(context.Context, core.TenantID) (core.AuditDrop, error) {
	if p.part.Dropped == nil {
		return core.AuditDrop{}, nil
	}
	return *p.part.Dropped, nil
}

// LastCheckpoint gives that of the part.
func (p *partLog) LastCheckpoint(context.Context, core.TenantID) (core.Checkpoint, error) {
	if p.part.Checkpoint == nil {
		return core.Checkpoint{}, core.NotFound()
	}
	return *p.part.Checkpoint, nil
}

// headsOnly is a log that keeps nothing but its ends.
type headsOnly struct {
	ports.AuditLog
	heads map[core.TenantID]core.AuditHead
}

// AuditHead returns the head.
func (h headsOnly) AuditHead(_ context.Context, id core.TenantID) (core.AuditHead, error) {
	return h.heads[id], nil
}

// AppendAudit notes the head.
func (h headsOnly) AppendAudit(_ context.Context, id core.TenantID, _ []core.AuditEntry, head core.AuditHead) error {
	h.heads[id] = head
	return nil
}

// BeginAudit notes the head.
func (h headsOnly) BeginAudit(_ context.Context, id core.TenantID, d core.AuditDrop) error {
	h.heads[id] = d.Head
	return nil
}

// LastCheckpoint has none.
func (h headsOnly) LastCheckpoint(context.Context, core.TenantID) (core.Checkpoint, error) {
	return core.Checkpoint{}, core.NotFound()
}

// AddCheckpoint drops it.
func (h headsOnly) AddCheckpoint(context.Context, core.TenantID, core.Checkpoint) error { return nil }
