package app

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/backup"
	"github.com/raven-memory/raven/core/transfer"
	"github.com/raven-memory/raven/ports"
)

const (
	auditPage = 500
	userTries = 200 // to read a user between two changes of it: few milliseconds each
)

// backingUp reads a store that others may be writing to.
type backingUp struct {
	store  transferStore
	log    ports.AuditLog
	to     *backup.Writer
	report func(transfer.Progress)
	done   map[core.TenantID]bool // tenants whose log is written
}

func (b *backingUp) all(ctx context.Context, h *backup.Header) error {
	if err := b.to.Write(backup.Record{Header: h}); err != nil {
		return err
	}
	if h.Tenant != "" {
		there, err := b.tenant(ctx, h.Tenant)
		if err == nil && !there {
			err = fmt.Errorf("there is no tenant %q", h.Tenant)
		}
		return err
	}
	err := eachTenant(ctx, b.store, func(id core.TenantID) error {
		_, err := b.tenant(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.otherLogs(ctx); err != nil {
		return err
	}
	return b.deploymentLog(ctx)
}

// tenant writes a tenant. What it holds may be deleted meanwhile. Positions are
// read before the numbers that they can't be ahead of.
func (b *backingUp) tenant(ctx context.Context, id core.TenantID) (there bool, err error) {
	p := transfer.Progress{Tenant: id, Tenants: len(b.done)}
	b.report(p)
	positions, err := b.store.Positions(ctx, id)
	if err != nil {
		return false, err
	}
	image, err := transfer.ReadTenant(ctx, b.store, id)
	if core.Is(err, core.CodeNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("tenant %s: %w", id, err)
	}
	image.Positions = positions
	image.Events = through(image.Events, image.LastSeq)
	if err := b.to.Write(backup.Record{Tenant: &image}); err != nil {
		return true, err
	}
	err = transfer.EachUser(ctx, b.store, id, func(record core.UserRecord) error {
		b.report(p)
		p.Users++
		return b.user(ctx, id, record)
	})
	if err == nil || core.Is(err, core.CodeNotFound) {
		err = b.laterKeys(ctx, id, image.DataKeys)
	}
	if err != nil {
		return true, fmt.Errorf("tenant %s: %w", id, err)
	}
	b.done[id] = true
	return true, b.auditLog(ctx, id, image.LastSeq, backup.Log{Tenant: id})
}

// through leaves out events that came after the last that was counted.
func through(events []core.Event, last int64) []core.Event {
	return slices.DeleteFunc(events, func(e core.Event) bool { return e.Seq > last })
}

// user writes a user as of one moment: one in which its memory did not change.
func (b *backingUp) user(ctx context.Context, tenant core.TenantID, record core.UserRecord) error {
	for range userTries {
		u, err := transfer.ReadUser(ctx, b.store, tenant, record)
		if err == nil {
			var version int64
			if version, err = b.store.MemoryVersion(ctx, tenant, record.ID); err == nil && version == u.MemoryVersion {
				return b.to.Write(backup.Record{User: &u})
			}
		}
		if core.Is(err, core.CodeNotFound) { // deleted meanwhile
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("user %s changed each time while it was read; try again when it is written to less", record.ID)
}

// laterKeys writes keys that users may be sealed under by now.
func (b *backingUp) laterKeys(ctx context.Context, id core.TenantID, was []core.WrappedKey) error {
	is, err := b.store.DataKeys(ctx, id)
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	is = slices.DeleteFunc(is, func(k core.WrappedKey) bool {
		return slices.ContainsFunc(was, func(w core.WrappedKey) bool {
			return w.Version == k.Version && w.Provider == k.Provider && bytes.Equal(w.Wrapped, k.Wrapped)
		})
	})
	if len(is) == 0 {
		return nil
	}
	return b.to.Write(backup.Record{Keys: &backup.Keys{Tenant: id, DataKeys: is}})
}

// otherLogs writes the logs of tenants that are deleted, also of those whose last
// events are in the outbox only.
func (b *backingUp) otherLogs(ctx context.Context) error {
	after := core.TenantID("")
	for {
		tenants, err := b.log.AuditTenants(ctx, after, tenantsAtOnce)
		if err != nil {
			return err
		}
		if len(tenants) == 0 {
			break
		}
		for _, id := range tenants {
			if err := b.otherLog(ctx, id); err != nil {
				return err
			}
			after = id
		}
	}
	for after = ""; ; {
		outboxes, err := b.store.Outboxes(ctx, after, tenantsAtOnce)
		if err != nil || len(outboxes) == 0 {
			return err
		}
		for _, o := range outboxes {
			if err := b.otherLog(ctx, o.Tenant); err != nil {
				return err
			}
			after = o.Tenant
		}
	}
}

// otherLog writes a log, unless that is done or the tenant was made since.
func (b *backingUp) otherLog(ctx context.Context, id core.TenantID) error {
	if b.done[id] || id == core.DeploymentTenant {
		return nil
	}
	b.done[id] = true
	if _, err := b.store.Tenant(ctx, id); !core.Is(err, core.CodeNotFound) {
		return err
	}
	return b.ownerlessLog(ctx, id, nil)
}

// deploymentLog writes the deployment's own log.
func (b *backingUp) deploymentLog(ctx context.Context) error {
	positions, err := b.store.Positions(ctx, core.DeploymentTenant)
	if err != nil {
		return err
	}
	return b.ownerlessLog(ctx, core.DeploymentTenant, positions)
}

// ownerlessLog writes a log of whom there is no image, and the events that are
// on their way to it.
func (b *backingUp) ownerlessLog(ctx context.Context, id core.TenantID, positions map[string]int64) error {
	var pending []core.Event
	for after := int64(0); ; {
		some, err := b.store.Events(ctx, id, after, auditPage)
		if err != nil && !core.Is(err, core.CodeNotFound) {
			return err
		}
		if len(some) == 0 {
			break
		}
		pending, after = append(pending, some...), some[len(some)-1].Seq
	}
	head, err := b.log.AuditHead(ctx, id)
	if err != nil {
		return err
	}
	pending = slices.DeleteFunc(pending, func(e core.Event) bool { return e.Seq <= head.Seq })
	return b.auditLog(ctx, id, head.Seq, backup.Log{Tenant: id, Pending: pending, Positions: positions})
}

// auditLog writes a log through a number, and with its last part what end says.
func (b *backingUp) auditLog(ctx context.Context, id core.TenantID, last int64, end backup.Log) error {
	check := newAuditCopy(nil)
	sum, err := b.droppedOf(ctx, id, end.Positions, check)
	if err != nil {
		return err
	}
	for sum < last {
		entries, err := b.log.AuditEntries(ctx, id, sum, int(min(auditPage, last-sum)))
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			break // what is not in the log yet is in the outbox
		}
		if err := check.add(ctx, backup.Log{Tenant: id, Entries: entries}); err != nil {
			return fmt.Errorf("the audit log is damaged, see raven audit verify --tenant %s: %w", id, err)
		}
		if err := b.to.Write(backup.Record{Log: &backup.Log{Tenant: id, Entries: entries, Positions: end.Positions}}); err != nil {
			return err
		}
		sum = entries[len(entries)-1].Event.Seq
	}
	c, err := b.log.LastCheckpoint(ctx, id)
	switch {
	case err == nil && c.Seq <= sum:
		end.Checkpoint = &c
	case err != nil && !core.Is(err, core.CodeNotFound):
		return err
	}
	if !follows(end, sum) {
		return fmt.Errorf("the audit log is shorter than was noted; see raven audit verify --tenant %s", id)
	}
	return b.to.Write(backup.Record{Log: &end})
}

// droppedOf writes what stands for entries that were dropped, and gives the last.
func (b *backingUp) droppedOf(ctx context.Context, id core.TenantID, positions map[string]int64, check *auditCopy) (int64, error) {
	d, err := b.log.AuditDropped(ctx, id)
	if err != nil || d.Head.Seq == 0 {
		return 0, err
	}
	part := backup.Log{Tenant: id, Dropped: &d, Positions: positions}
	if err := check.add(ctx, part); err != nil {
		return 0, err
	}
	return d.Head.Seq, b.to.Write(backup.Record{Log: &part})
}

// follows reports whether a log that ends with last and the events that are
// pending have every number through those that sinks have.
func follows(l backup.Log, last int64) bool {
	for _, e := range l.Pending {
		if e.Seq != last+1 {
			return false
		}
		last = e.Seq
	}
	for _, at := range l.Positions {
		if at > last {
			return false
		}
	}
	return true
}
