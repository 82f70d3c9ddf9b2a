package audit

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// CarryOver takes over what the log that the deployment had before holds and
// this one lacks, of every tenant. It may be run again.
func (s *Service) CarryOver(ctx context.Context) error {
	if s.Earlier == nil {
		return nil
	}
	after := core.TenantID("")
	for {
		tenants, err := s.Earlier.AuditTenants(ctx, after, verifyPage)
		if err != nil || len(tenants) == 0 {
			return err
		}
		for _, t := range tenants {
			if err := s.carry(ctx, t); err != nil {
				return err
			}
		}
		after = tenants[len(tenants)-1]
	}
}

// carry takes over one tenant's entries, and then its checkpoint. Their hashes
// are made anew, and must be those that they had.
func (s *Service) carry(ctx context.Context, tenant core.TenantID) error {
	for {
		head, err := s.Log.AuditHead(ctx, tenant)
		if err != nil {
			return err
		}
		if head.Seq == 0 {
			if head, err = s.carryDropped(ctx, tenant); err != nil {
				return err
			}
		}
		old, err := s.Earlier.AuditEntries(ctx, tenant, head.Seq, verifyPage)
		if err != nil {
			return err
		}
		if len(old) == 0 {
			return s.carryCheckpoint(ctx, tenant, head.Seq)
		}
		if err := s.append(ctx, tenant, head, old); err != nil {
			return err
		}
	}
}

// carryDropped begins the log where the one before does.
func (s *Service) carryDropped(ctx context.Context, tenant core.TenantID) (core.AuditHead, error) {
	d, err := s.Earlier.AuditDropped(ctx, tenant)
	if err != nil || d.Head.Seq == 0 {
		return core.AuditHead{}, err
	}
	if !(tree{d.Head.Seq, d.Head.Tree}).whole() {
		return core.AuditHead{}, errDamagedDrop(tenant)
	}
	return d.Head, s.Log.BeginAudit(ctx, tenant, d)
}

// append adds entries of another log.
func (s *Service) append(ctx context.Context, tenant core.TenantID, head core.AuditHead, old []core.AuditEntry) error {
	events := make([]core.Event, 0, len(old))
	for i, e := range old {
		if e.Event.Seq != head.Seq+int64(i)+1 {
			return fork(tenant, head.Seq+int64(i)+1, "is missing in the log before")
		}
		events = append(events, e.Event)
	}
	entries, next, err := s.entries(head, events)
	if err != nil {
		return err
	}
	for i := range entries {
		if entries[i].Chain != old[i].Chain {
			return fork(tenant, events[i].Seq, "is not what it was in the log before")
		}
		entries[i].Added = old[i].Added
	}
	return s.Log.AppendAudit(ctx, tenant, entries, next)
}

func (s *Service) carryCheckpoint(ctx context.Context, tenant core.TenantID, size int64) error {
	old, err := s.Earlier.LastCheckpoint(ctx, tenant)
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	last, err := s.Log.LastCheckpoint(ctx, tenant)
	if err != nil && !core.Is(err, core.CodeNotFound) {
		return err
	}
	if last.Seq >= old.Seq || old.Seq > size {
		return nil
	}
	return s.Log.AddCheckpoint(ctx, tenant, old)
}
