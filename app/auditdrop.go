package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

// monthlyLog drops entries month by month.
type monthlyLog interface {
	Droppable(ctx context.Context, before time.Time) (map[core.TenantID]int64, error)
	DropMonths(ctx context.Context, before time.Time, drops map[core.TenantID]core.AuditDrop) error
}

// AuditDropped is what Drop did with one tenant's log.
type AuditDropped struct {
	Tenant      core.TenantID
	First, Last int64  // what was dropped; First is above Last for nothing
	Why         string // why more was not, although it is as old; "" where nothing is
	Fault       *audit.FaultError
}

// Drop drops the events that happened before a month from the beginning of each
// log, once the log was verified to its end. What stands for them is signed,
// published as checkpoints are, and noted in the step that drops. Events that no
// checkpoint covers, or that an outbox still holds, stay; so does a log that is
// not as it was recorded. A server may run meanwhile.
func (r *AuditReader) Drop(ctx context.Context, before time.Time) (list []AuditDropped, err error) {
	if r.monthly == nil {
		return nil, errors.New("only an audit log in Postgres is dropped by month: audit.backend is store")
	}
	signer, err := r.signer(ctx)
	if err != nil {
		return nil, err
	}
	copies := auditing{close: func() error { return nil }}
	publish, err := copies.publishTo(r.cfg.Audit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, copies.close()) }()
	d := dropping{AuditReader: r, signer: signer, drops: map[core.TenantID]core.AuditDrop{}}
	if list, err = d.seal(ctx, before); err != nil || len(d.drops) == 0 {
		return list, err
	}
	for tenant, drop := range d.drops {
		if publish == nil {
			break
		}
		if err := publish(tenant, drop.Note); err != nil {
			return nil, err
		}
	}
	return list, r.monthly.DropMonths(ctx, before, d.drops)
}

type dropping struct {
	*AuditReader
	signer *audit.Signer
	drops  map[core.TenantID]core.AuditDrop
}

// seal makes what stands for all that may go.
func (d *dropping) seal(ctx context.Context, before time.Time) (list []AuditDropped, err error) {
	ends, err := d.monthly.Droppable(ctx, before)
	if err != nil {
		return nil, err
	}
	waiting, err := d.firstWaiting(ctx)
	if err != nil {
		return nil, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(ends)) {
		one, err := d.sealOne(ctx, tenant, ends[tenant], waiting)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tenant, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// firstWaiting is the first event in each outbox that holds any: one that was
// delivered may be again, and could not be told from another then.
func (d *dropping) firstWaiting(ctx context.Context) (map[core.TenantID]int64, error) {
	first := map[core.TenantID]int64{}
	for after := core.TenantID(""); ; {
		boxes, err := d.store.Outboxes(ctx, after, tenantsAtOnce)
		if err != nil || len(boxes) == 0 {
			return first, err
		}
		for _, box := range boxes {
			first[box.Tenant], after = box.First, box.Tenant
		}
	}
}

func (d *dropping) sealOne(ctx context.Context, tenant core.TenantID, end int64, waiting map[core.TenantID]int64) (one AuditDropped, err error) {
	one = AuditDropped{Tenant: tenant, Last: end}
	was, err := d.AuditDropped(ctx, tenant)
	if err != nil {
		return one, err
	}
	one.First = was.Head.Seq + 1
	last, err := d.LastCheckpoint(ctx, tenant)
	if err != nil && !core.Is(err, core.CodeNotFound) {
		return one, err
	}
	if last.Seq < one.Last {
		one.Last, one.Why = last.Seq, "no checkpoint covers the rest yet"
	}
	if first, some := waiting[tenant]; some && first <= one.Last {
		one.Last, one.Why = first-1, "the rest is still in the outbox"
	}
	if one.Last < one.First {
		return one, nil
	}
	drop, err := audit.SealDrop(ctx, d, tenant, one.Last, d.signer, clock{}.Now(), audit.Verification{Key: d.signer.Key()})
	if errors.As(err, &one.Fault) {
		one.Last, one.Why = one.First-1, "the log is not as it was recorded"
		return one, nil
	}
	if err == nil {
		d.drops[tenant] = drop
	}
	return one, err
}
