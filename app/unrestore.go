package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/backup"
)

// ErrHalfRestored says that a restore to the store was cut short.
var ErrHalfRestored = errors.New("a restore to this store was cut short: run raven restore with the same backup again, which begins anew")

// unrestorable is a store from which a restore can be taken back. The embedded
// store needs none of it: it is restored beside its place.
type unrestorable interface {
	RestoreMark(ctx context.Context) (string, error)
	SetRestoreMark(ctx context.Context, mark string) error
	UnimportUser(ctx context.Context, tenant core.TenantID, u core.UserImage) error
	UnimportTenant(ctx context.Context, image core.TenantImage) error
	UnimportLog(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry) error
	UnimportDeployment(ctx context.Context) error
}

// checkWhole fails with ErrHalfRestored.
func checkWhole(ctx context.Context, s any) error {
	u, ok := s.(unrestorable)
	if !ok {
		return nil
	}
	mark, err := u.RestoreMark(ctx)
	if err == nil && mark != "" {
		err = fmt.Errorf("%w (%s)", ErrHalfRestored, mark)
	}
	return err
}

// name tells one backup from another.
func (r *restoring) name() string {
	return r.header.Deployment.ID + " as of " + r.header.CreatedAt.UTC().Format(time.RFC3339Nano)
}

// mark notes that a restore is under way.
func (r *restoring) mark(ctx context.Context, s transferStore) error {
	if u, ok := s.(unrestorable); ok {
		return u.SetRestoreMark(ctx, r.name())
	}
	return nil
}

func (r *restoring) unmark(ctx context.Context, s transferStore) error {
	if u, ok := s.(unrestorable); ok {
		return u.SetRestoreMark(ctx, "")
	}
	return nil
}

// takeBackEarlier removes what a restore of this backup left that was cut short.
func (r *restoring) takeBackEarlier(ctx context.Context, cfg config.Config, s transferStore) error {
	u, ok := s.(unrestorable)
	if !ok {
		return nil
	}
	mark, err := u.RestoreMark(ctx)
	if err != nil || mark == "" {
		return err
	}
	if mark != r.name() {
		return fmt.Errorf("%w: the store holds a part of another backup, %s; restore that one, or empty the store", ErrNotEmpty, mark)
	}
	return r.takeBack(ctx, cfg, s)
}

// takeBack removes all that the backup's records name from a store that was empty
// before it was restored to.
func (r *restoring) takeBack(ctx context.Context, cfg config.Config, s transferStore) error {
	u, ok := s.(unrestorable)
	if !ok {
		return nil
	}
	rename, done, err := r.renamer(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	records, err := r.records()
	if err != nil {
		return err
	}
	t := &takingBack{restoring: r, store: u, rename: rename}
	if err := t.all(ctx, records); err != nil {
		return err
	}
	if err := u.UnimportDeployment(ctx); err != nil {
		return err
	}
	return u.SetRestoreMark(ctx, "")
}

// takingBack removes a backup's records from a store.
type takingBack struct {
	*restoring
	store  unrestorable
	rename *renamer
	tenant *core.TenantImage // whose users come; it goes after them
}

func (t *takingBack) all(ctx context.Context, records *backup.Reader) error {
	for {
		record, err := records.Next()
		if errors.Is(err, io.EOF) {
			return t.end(ctx)
		}
		if err == nil && record.User == nil {
			err = t.end(ctx)
		}
		switch {
		case err != nil:
		case record.Tenant != nil:
			t.tenant = record.Tenant
			t.addLater(t.tenant)
			err = t.rename.tenant(ctx, t.tenant)
		case record.User != nil:
			if err = t.rename.user(ctx, t.tenant.Record.ID, record.User); err == nil {
				err = t.store.UnimportUser(ctx, t.tenant.Record.ID, *record.User)
			}
		case record.Log != nil:
			err = t.store.UnimportLog(ctx, record.Log.Tenant, append(record.Log.Entries, entriesOf(record.Log.Pending)...))
		}
		if err != nil {
			return err
		}
	}
}

// end removes the tenant at hand, whose users are gone.
func (t *takingBack) end(ctx context.Context) error {
	if t.tenant == nil {
		return nil
	}
	image := *t.tenant
	t.tenant = nil
	return t.store.UnimportTenant(ctx, image)
}

// entriesOf are entries of events that are on their way to the log.
func entriesOf(events []core.Event) (entries []core.AuditEntry) {
	for _, e := range events {
		entries = append(entries, core.AuditEntry{Event: e})
	}
	return entries
}
