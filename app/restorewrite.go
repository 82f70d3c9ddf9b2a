package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/backup"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/transfer"
	"github.com/raven-memory/raven/ports"
)

var errReadBack = errors.New("what was read back is not what was written")

// renamer gives records other names to be found by.
type renamer struct {
	tenants *tenancy.Service
	keys    *fileKeys
}

func (n *renamer) tenant(ctx context.Context, t *core.TenantImage) (err error) {
	if n == nil {
		return nil
	}
	n.keys.tenant = t.DataKeys
	t.EmailKey, err = n.tenants.EmailKey(ctx, t.Record)
	return err
}

func (n *renamer) user(ctx context.Context, tenant core.TenantID, u *core.UserImage) (err error) {
	if n == nil {
		return nil
	}
	if u.Record.RefKey, err = n.tenants.UserRefKey(ctx, tenant, u.Record); err != nil {
		return err
	}
	for i := range u.Conversations {
		c := &u.Conversations[i]
		if c.RefKey, err = n.tenants.ConversationRefKey(ctx, tenant, *c); err != nil {
			return err
		}
	}
	return nil
}

// puttingBack writes a backup's records to an empty store.
type puttingBack struct {
	*restoring
	store  transferStore
	log    ports.AuditLog
	copy   *auditCopy
	rename *renamer

	foreign  bool              // the store turned out to hold another deployment
	image    *core.TenantImage // of the tenant whose users come
	users    transfer.Digest
	progress transfer.Progress
}

func (p *puttingBack) all(ctx context.Context, records *backup.Reader) error {
	for {
		record, err := records.Next()
		if errors.Is(err, io.EOF) {
			return p.finishTenant(ctx)
		}
		if err == nil && record.User == nil {
			err = p.finishTenant(ctx)
		}
		if err == nil {
			err = p.put(ctx, record)
		}
		if err != nil {
			return err
		}
	}
}

func (p *puttingBack) put(ctx context.Context, r backup.Record) error {
	switch {
	case r.Header != nil:
		d, err := p.store.InitDeployment(ctx, r.Header.Deployment)
		if err == nil && d.ID != r.Header.Deployment.ID {
			p.foreign = true
			err = fmt.Errorf("%w: the store holds the deployment %s", ErrNotEmpty, d.ID)
		}
		return err
	case r.Tenant != nil:
		return p.beginTenant(ctx, r.Tenant)
	case r.User != nil:
		return p.user(ctx, *r.User)
	case r.Log != nil:
		return p.auditLog(ctx, *r.Log)
	}
	return nil
}

// addLater gives a tenant the data keys that were made while it was backed up.
func (r *restoring) addLater(image *core.TenantImage) {
	for _, k := range r.later[image.Record.ID] {
		image.DataKeys = slices.DeleteFunc(image.DataKeys, func(w core.WrappedKey) bool { return w.Version == k.Version })
		image.DataKeys = append(image.DataKeys, k)
	}
	slices.SortFunc(image.DataKeys, func(a, b core.WrappedKey) int { return int(int64(a.Version) - int64(b.Version)) })
}

func (p *puttingBack) beginTenant(ctx context.Context, image *core.TenantImage) error {
	id := image.Record.ID
	p.addLater(image)
	if err := p.rename.tenant(ctx, image); err != nil {
		return fmt.Errorf("tenant %s: %w", id, err)
	}
	p.image, p.users = image, transfer.Digest{}
	p.progress.Tenant, p.progress.Users = id, 0
	p.report(p.progress)
	return p.store.BeginTenant(ctx, id)
}

func (p *puttingBack) user(ctx context.Context, u core.UserImage) error {
	id := p.image.Record.ID
	err := p.rename.user(ctx, id, &u)
	if err == nil {
		err = p.store.ImportUser(ctx, id, u)
	}
	if err != nil {
		return fmt.Errorf("tenant %s: user %s: %w", id, u.Record.ID, err)
	}
	p.progress.Users++
	p.report(p.progress)
	return p.users.AddUser(u)
}

// finishTenant ends the tenant at hand, if there is one, and reads it back.
func (p *puttingBack) finishTenant(ctx context.Context) error {
	if p.image == nil {
		return nil
	}
	image, id := p.image, p.image.Record.ID
	p.image = nil
	p.progress.Tenants++
	err := p.store.FinishTenant(ctx, *image)
	if err == nil {
		err = p.positions(ctx, id, image.Positions)
	}
	if err == nil {
		err = p.verifyTenant(ctx, *image)
	}
	if err != nil {
		return fmt.Errorf("tenant %s: %w", id, err)
	}
	return nil
}

func (p *puttingBack) positions(ctx context.Context, id core.TenantID, positions map[string]int64) error {
	for sink, seq := range positions {
		if err := p.store.SetPosition(ctx, id, sink, seq); err != nil {
			return err
		}
	}
	return nil
}

func (p *puttingBack) verifyTenant(ctx context.Context, image core.TenantImage) error {
	there, err := transfer.ReadTenant(ctx, p.store, image.Record.ID)
	if err != nil {
		return err
	}
	var was, is, users transfer.Digest
	if err := errors.Join(was.AddTenant(image), is.AddTenant(there)); err != nil {
		return err
	}
	err = transfer.EachUser(ctx, p.store, image.Record.ID, func(record core.UserRecord) error {
		u, err := transfer.ReadUser(ctx, p.store, image.Record.ID, record)
		if err != nil {
			return err
		}
		return users.AddUser(u)
	})
	if err == nil && (was != is || users != p.users) {
		err = errReadBack
	}
	return err
}

// auditLog adds a part of a log, and reads it back.
func (p *puttingBack) auditLog(ctx context.Context, l backup.Log) error {
	if err := p.copy.add(ctx, l); err != nil {
		return fmt.Errorf("the audit log of %s: %w", l.Tenant, err)
	}
	if n := len(l.Entries); n > 0 {
		there, err := p.log.AuditEntries(ctx, l.Tenant, l.Entries[0].Event.Seq-1, n)
		if err != nil {
			return err
		}
		if !sameEntries(l.Entries, there) {
			return fmt.Errorf("the audit log of %s: %w", l.Tenant, errReadBack)
		}
	}
	if l.Tenant == core.DeploymentTenant {
		return p.ownEvents(ctx, l)
	}
	return nil
}

// ownEvents records the deployment's events anew, which gives them the numbers
// that they had, so that the next gets the one after. What every sink has leaves
// the outbox, which holds no more than it may.
func (p *puttingBack) ownEvents(ctx context.Context, l backup.Log) error {
	if l.Dropped != nil {
		if err := p.skipEvents(ctx, l.Dropped.Head.Seq); err != nil {
			return err
		}
	}
	if events := append(eventsOf(l.Entries), l.Pending...); len(events) > 0 {
		if err := p.store.RecordEvents(ctx, core.DeploymentTenant, core.Op{}, events...); err != nil {
			return err
		}
	}
	if n := len(l.Entries); n > 0 {
		return p.store.TrimEvents(ctx, core.DeploymentTenant, min(everySinkHas(l.Positions), l.Entries[n-1].Event.Seq))
	}
	return p.positions(ctx, core.DeploymentTenant, l.Positions)
}

// skipEvents has the deployment's next event get the number after the one given.
func (p *puttingBack) skipEvents(ctx context.Context, through int64) error {
	for last := int64(0); last < through; {
		events := standIns(min(movedEvents, through-last))
		if err := p.store.RecordEvents(ctx, core.DeploymentTenant, core.Op{}, events...); err != nil {
			return err
		}
		last += int64(len(events))
		if err := p.store.TrimEvents(ctx, core.DeploymentTenant, last); err != nil {
			return err
		}
	}
	return nil
}

// standIns are n events that nobody is told of: they take the numbers of those
// that were dropped from the log.
func standIns(n int64) []core.Event {
	ids := core.NewIDs(clock{}.Now, rand.Reader)
	events := make([]core.Event, n)
	for i := range events {
		events[i] = core.Event{ID: ids.Event(), Type: core.EventAuthFailed, At: clock{}.Now(), Tenant: core.DeploymentTenant}
	}
	return events
}

// everySinkHas is the last event that all sinks have.
func everySinkHas(positions map[string]int64) int64 {
	seq := min(positions[audit.LogSink], positions[audit.CheckpointSink])
	for _, at := range positions {
		seq = min(seq, at)
	}
	return seq
}

func eventsOf(entries []core.AuditEntry) (events []core.Event) {
	for _, e := range entries {
		events = append(events, e.Event)
	}
	return events
}

// sameEntries compares all but the time of arrival, which nothing covers and
// which another log may keep less exactly.
func sameEntries(a, b []core.AuditEntry) bool {
	text := func(entries []core.AuditEntry) string {
		list := slices.Clone(entries)
		for i := range list {
			list[i].Event.At, list[i].Added = list[i].Event.At.UTC(), time.Time{}
		}
		out, err := json.Marshal(list)
		if err != nil {
			return err.Error()
		}
		return string(out)
	}
	return len(a) == len(b) && text(a) == text(b)
}
