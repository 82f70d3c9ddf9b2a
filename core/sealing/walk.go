package sealing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
)

// Bounds of what a look holds in memory.
const (
	walkPage       = 100
	walkBatch      = 64
	walkBatchBytes = 2 << 20
)

// walk is one look at all that is sealed under a tenant's data keys.
type walk struct {
	*Reencryptor
	tenant  core.TenantID // whose data keys
	owner   core.TenantID // whose records: the tenant's, or any one's with the deployment's keys
	version uint32        // that everything is to be under
	state   core.Reencryption

	seen    int64 // records
	found   int64 // of them, and of buffers, under an older key
	damaged int64
	held    time.Time // when the lease was last prolonged
	batch   []core.Resealed
	bytes   int
}

// look goes through everything and seals anew what is under an older key. Of
// records that do not open it tells at its end, by an error: their key stays.
func (r *Reencryptor) look(ctx context.Context, tenant core.TenantID, version uint32, state core.Reencryption) (*walk, error) {
	w := &walk{Reencryptor: r, tenant: tenant, owner: tenant, version: version, state: state, held: r.seal.Clock.Now()}
	err := w.everything(ctx)
	if err == nil {
		err = w.write(ctx)
	}
	if err == nil && w.damaged > 0 {
		err = fmt.Errorf("sealing: %d records of tenant %s are damaged: %w", w.damaged, tenant, core.ErrSealed)
	}
	return w, err
}

func (w *walk) everything(ctx context.Context) error {
	if w.tenant == core.DeploymentTenant {
		return w.deployment(ctx)
	}
	return pages(func(p core.Page) (int, int64, error) {
		list, err := w.store.Users(ctx, w.tenant, p)
		for _, u := range list {
			if err := w.user(ctx, u); err != nil && !core.Is(err, core.CodeNotFound) {
				return 0, 0, err
			}
			p.After = u.Position
		}
		return len(list), p.After, err
	})
}

// pages reads a list to its end: page gives how many items there were, and the
// position of the last.
func pages(page func(core.Page) (int, int64, error)) error {
	p := core.Page{Limit: walkPage}
	for {
		n, last, err := page(p)
		if err != nil || n == 0 {
			return err
		}
		p.After = last
	}
}

// user looks at the buffer before the blobs: what a flush moves meanwhile is
// met in one of them.
func (w *walk) user(ctx context.Context, u core.UserRecord) error {
	if err := w.prolong(ctx); err != nil {
		return err
	}
	if err := w.record(ctx, core.UserPlace(w.tenant, u.ID, u.Version), u.Sealed); err != nil {
		return err
	}
	err := pages(func(p core.Page) (int, int64, error) {
		list, err := w.store.Conversations(ctx, w.tenant, u.ID, p)
		for _, c := range list {
			if err := w.record(ctx, core.ConversationPlace(w.tenant, u.ID, c.ID, c.Version), c.Sealed); err != nil {
				return 0, 0, err
			}
			p.After = c.Position
		}
		return len(list), p.After, err
	})
	if err != nil {
		return err
	}
	if err := w.buffers(ctx, u.ID); err != nil {
		return err
	}
	if err := w.blobs(ctx, u.ID); err != nil {
		return err
	}
	for _, kind := range core.DerivedKinds() {
		if err := w.derived(ctx, u.ID, kind); err != nil {
			return err
		}
	}
	return nil
}

// buffers seals what is buffered under an older key into blobs: the entries of a
// buffer are never changed in place.
func (w *walk) buffers(ctx context.Context, user core.UserID) error {
	flush := map[core.ConversationID]bool{}
	err := pages(func(p core.Page) (int, int64, error) {
		list, err := w.store.UserBuffer(ctx, w.tenant, user, p)
		for _, e := range list {
			if version, _ := core.EnvelopeKeyVersion(e.Sealed); version < w.version {
				flush[e.Conversation] = true
				w.found++
			}
			p.After = e.Position
		}
		return len(list), p.After, err
	})
	if err != nil {
		return err
	}
	for conversation := range flush {
		err := w.flush.FlushBuffer(ctx, w.tenant, user, conversation)
		switch {
		case err == nil, core.Is(err, core.CodeNotFound), core.Is(err, core.CodeVersionConflict):
		case errors.Is(err, core.ErrSealed):
			w.damaged++
			w.seal.report(ctx, "re-encrypting a buffer", err)
		default:
			return err
		}
	}
	return nil
}

// blobs reads the headers, and a blob itself where its header names an older key.
func (w *walk) blobs(ctx context.Context, user core.UserID) error {
	return pages(func(p core.Page) (int, int64, error) {
		list, err := w.store.Blobs(ctx, w.tenant, user, p, false)
		for _, header := range list {
			if err := w.blob(ctx, user, header); err != nil {
				return 0, 0, err
			}
			p.After = header.Position
		}
		return len(list), p.After, err
	})
}

func (w *walk) blob(ctx context.Context, user core.UserID, header core.BlobRecord) error {
	if header.KeyVersion >= w.version {
		w.seen++
		return nil
	}
	b, err := w.store.Blob(ctx, w.tenant, user, header.ID)
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.record(ctx, core.BlobPlace(w.tenant, b), b.Sealed)
}

// derived reads the headers of derived records, and those themselves that name an
// older key.
func (w *walk) derived(ctx context.Context, user core.UserID, kind core.DerivedKind) error {
	return pages(func(p core.Page) (int, int64, error) {
		list, err := w.store.Derived(ctx, w.tenant, user, kind, p, false)
		for _, header := range list {
			if header.KeyVersion < w.version {
				if err := w.derivedRecord(ctx, header); err != nil {
					return 0, 0, err
				}
			}
			p.After = header.Position
		}
		return len(list), p.After, err
	})
}

// derivedRecord seals one anew. One that does not open is removed: it can be
// computed again.
func (w *walk) derivedRecord(ctx context.Context, header core.DerivedRecord) error {
	at := core.Page{After: header.Position - 1, Limit: 1}
	list, err := w.store.Derived(ctx, w.tenant, header.User, header.Kind, at, true)
	if err != nil || len(list) == 0 || list[0].ID != header.ID {
		return err // it is gone
	}
	place := core.DerivedPlace(w.tenant, list[0])
	w.found++
	plain, err := w.seal.Open(ctx, place, list[0].Sealed)
	if errors.Is(err, core.ErrSealed) {
		w.seal.report(ctx, "re-encrypting what was computed", err)
		return w.store.PutDerived(ctx, w.tenant, header.User, header.Kind, nil, []core.DerivedID{header.ID})
	}
	if err != nil {
		return err
	}
	return w.again(ctx, place, list[0].Sealed, plain)
}

// deployment looks at what the deployment's own data keys seal: the tenants'
// profiles and the names of their API keys.
func (w *walk) deployment(ctx context.Context) error {
	return w.seal.eachTenant(ctx, func(id core.TenantID) error {
		w.owner = id
		t, err := w.seal.Tenants.Tenant(ctx, id)
		if err == nil {
			err = w.record(ctx, core.TenantPlace(id, t.Version), t.Profile)
		}
		if err == nil {
			err = w.apiKeys(ctx, id)
		}
		if err == nil {
			err = w.write(ctx)
		}
		if core.Is(err, core.CodeNotFound) {
			return nil
		}
		return err
	})
}

func (w *walk) apiKeys(ctx context.Context, id core.TenantID) error {
	return pages(func(p core.Page) (int, int64, error) {
		list, err := w.store.APIKeys(ctx, id, p)
		for _, k := range list {
			if err := w.record(ctx, core.KeyPlace(id, k.ID), k.Sealed); err != nil {
				return 0, 0, err
			}
			p.After = k.Position
		}
		return len(list), p.After, err
	})
}

// record seals one anew if it is under an older key.
func (w *walk) record(ctx context.Context, place core.Place, sealed []byte) error {
	w.seen++
	if version, _ := core.EnvelopeKeyVersion(sealed); version >= w.version {
		return nil
	}
	w.found++
	plain, err := w.seal.Open(ctx, place, sealed)
	if errors.Is(err, core.ErrSealed) {
		w.damaged++
		w.seal.report(ctx, "re-encrypting a record", err)
		return nil
	}
	if err != nil {
		return err
	}
	return w.again(ctx, place, sealed, plain)
}

// again seals anew what was opened, which is cleared.
func (w *walk) again(ctx context.Context, place core.Place, sealed, plain []byte) error {
	defer clear(plain)
	anew, err := w.seal.Seal(ctx, place, plain)
	if err != nil {
		return err
	}
	if version, _ := core.EnvelopeKeyVersion(anew); version < w.version {
		return errUnfinished // the store answered with older keys than it had
	}
	w.batch = append(w.batch, core.Resealed{Place: place, Was: sealed, Now: anew})
	w.bytes += len(sealed) + len(anew)
	if len(w.batch) >= walkBatch || w.bytes >= walkBatchBytes {
		return w.write(ctx)
	}
	return nil
}

// prolong keeps the lease while a look takes long.
func (w *walk) prolong(ctx context.Context) error {
	now := w.seal.Clock.Now()
	if since := now.Sub(w.held); since >= 0 && since < reencryptHold/3 {
		return nil
	}
	w.held = now
	mine, err := w.hold(ctx, w.tenant)
	if err == nil && !mine {
		return errOvertaken
	}
	return err
}

// write stores a batch, tells how far the look has come, and keeps the lease.
func (w *walk) write(ctx context.Context) error {
	if len(w.batch) == 0 {
		return nil
	}
	if _, err := w.store.Reseal(ctx, w.owner, w.batch); err != nil {
		return err
	}
	w.batch, w.bytes = nil, 0
	if err := w.prolong(ctx); err != nil {
		return err
	}
	now, err := w.store.Reencryption(ctx, w.tenant)
	if err != nil {
		return err
	}
	if now.Version > w.version {
		return errOvertaken
	}
	w.state.State, w.state.Version = core.ReencryptionRunning, w.version
	w.state.Total = max(w.state.Total, w.seen)
	w.state.Done = max(w.state.Done, w.seen)
	return w.store.SetReencryption(ctx, w.tenant, w.state)
}
