package sealing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Bounds of re-encryption.
const (
	reencryptLease   = "re-encryption"
	reencryptHold    = 15 * time.Second // of the lease; what a dead process held waits for so long
	reencryptTenants = 200              // asked for at once
	reencryptLooks   = 4                // at a tenant's records in one round
	minRetry         = time.Minute      // after a round that failed for a tenant
	maxRetry         = time.Hour

	// destroyMargin covers clocks that differ and steps that nothing bounds.
	destroyMargin = time.Minute
)

// Records is every store port that re-encryption needs.
type Records interface {
	ports.KeyRotation
	ports.Derived
	Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error)
	Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error)
	UserBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error)
	Blobs(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page, payload bool) ([]core.BlobRecord, error)
	Blob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID) (core.BlobRecord, error)
	APIKeys(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.KeyRecord, error)
}

// flusher seals what a conversation has buffered, under the newest data key.
type flusher interface {
	FlushBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) error
}

// Reencryptor brings what is stored under the newest data keys, and destroys
// those that nothing uses any more. Any number of processes may run one, and
// any may die at any moment: each step leaves everything readable, and what was
// done is not done again. Safe for concurrent use.
type Reencryptor struct {
	seal  *Service
	store Records
	flush flusher
	keep  time.Duration

	mu    sync.Mutex
	retry map[core.TenantID]retry
}

// retry says when to try again what failed.
type retry struct {
	wait time.Duration
	at   time.Time
}

// NewReencryptor makes one. stepTime is the longest that a step of any process
// takes which seals something: an old data key is kept for that long, and for as
// long as a cache may hold it, after there is a newer one.
func NewReencryptor(seal *Service, store Records, flush flusher, stepTime time.Duration) *Reencryptor {
	return &Reencryptor{
		seal: seal, store: store, flush: flush,
		keep:  max(seal.cache.ttl, 0) + stepTime + destroyMargin,
		retry: map[core.TenantID]retry{},
	}
}

// Run goes once through all tenants that have something to do. What fails for
// one is reported and tried again in a later call.
func (r *Reencryptor) Run(ctx context.Context) error {
	own, err := r.seal.wrappedKeys(ctx, core.DeploymentTenant)
	if err != nil {
		return err
	}
	if len(older(own)) > 0 {
		if err := r.tend(ctx, core.DeploymentTenant); err != nil {
			return err
		}
	}
	var after core.TenantID
	for {
		ids, err := r.store.Rotating(ctx, after, reencryptTenants)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if id == core.DeploymentTenant {
				continue
			}
			if err := r.tend(ctx, id); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// tend does what there is to do for a tenant, unless another process does.
func (r *Reencryptor) tend(ctx context.Context, tenant core.TenantID) error {
	now := r.seal.Clock.Now()
	if !r.ready(tenant, now) {
		return nil
	}
	mine, err := r.hold(ctx, tenant)
	if err == nil && mine {
		err = r.round(ctx, tenant)
		if r.seal.Leases != nil {
			r.seal.report(ctx, "ending a lease", r.seal.Leases.EndLease(context.WithoutCancel(ctx), tenant, reencryptLease, r.seal.Node))
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if core.Is(err, core.CodeNotFound) || errors.Is(err, errOvertaken) { // deleted meanwhile, or in other hands
		err = nil
	}
	r.ended(tenant, err, r.seal.Clock.Now())
	r.seal.report(ctx, "re-encrypting", err)
	return nil
}

// ready reports whether a tenant's turn has come; also where the clock was set
// back since it failed, and nobody can tell.
func (r *Reencryptor) ready(tenant core.TenantID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.retry[tenant]
	return !now.Before(next.at) || next.at.Sub(now) > next.wait
}

func (r *Reencryptor) ended(tenant core.TenantID, err error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.retry, tenant)
		return
	}
	wait := minRetry
	if errors.Is(err, core.ErrSealed) { // damage does not mend itself
		wait = min(max(2*r.retry[tenant].wait, minRetry), maxRetry)
	}
	r.retry[tenant] = retry{wait: wait, at: now.Add(wait)}
}

// hold takes or prolongs the lease.
func (r *Reencryptor) hold(ctx context.Context, tenant core.TenantID) (bool, error) {
	if r.seal.Leases == nil {
		return true, nil
	}
	now := r.seal.Clock.Now()
	return r.seal.Leases.Lease(ctx, tenant, reencryptLease, r.seal.Node, now, now.Add(reencryptHold))
}

var (
	// errUnfinished says that a round left something for the next.
	errUnfinished = errors.New("sealing: records were still being sealed under an older data key")
	// errOvertaken says that another process has the lease, or there is a newer key.
	errOvertaken = errors.New("sealing: somebody else re-encrypts")
)

// round re-encrypts what is due, then destroys what is old enough.
func (r *Reencryptor) round(ctx context.Context, tenant core.TenantID) error {
	list, err := r.seal.wrappedKeys(ctx, tenant)
	if err != nil {
		return err
	}
	state, err := r.store.Reencryption(ctx, tenant)
	if err != nil {
		return err
	}
	if due(state, list) {
		r.seal.Forget(tenant) // so that what is sealed here is under the newest key
		if err := r.finish(ctx, tenant, list, state); err != nil {
			return r.failed(ctx, tenant, list, state, err)
		}
	}
	key, _ := newest.pick(list)
	if len(older(list)) == 0 || r.seal.Clock.Now().Before(key.CreatedAt.Add(r.keep)) {
		return nil
	}
	r.seal.Forget(tenant)
	return r.destroy(ctx, tenant, list)
}

// finish looks at all records until a look finds none under an older key.
func (r *Reencryptor) finish(ctx context.Context, tenant core.TenantID, list []core.WrappedKey, state core.Reencryption) error {
	if err := r.seal.rewrap(ctx, tenant); err != nil {
		return err
	}
	key, _ := newest.pick(list)
	for range reencryptLooks {
		w, err := r.look(ctx, tenant, key.Version, state)
		if err != nil {
			return err
		}
		if w.found > 0 {
			state = w.state
			continue
		}
		state = w.state
		state.State, state.Version = core.ReencryptionIdle, key.Version
		state.Done, state.Total = w.seen, w.seen
		return r.store.SetReencryption(ctx, tenant, state)
	}
	return errUnfinished
}

// failed notes that a round failed; what it had reached stays told.
func (r *Reencryptor) failed(ctx context.Context, tenant core.TenantID, list []core.WrappedKey, state core.Reencryption, err error) error {
	if ctx.Err() != nil || core.Is(err, core.CodeNotFound) || errors.Is(err, errOvertaken) {
		return err
	}
	now, again := r.store.Reencryption(ctx, tenant)
	if again != nil {
		return errors.Join(err, again)
	}
	key, _ := newest.pick(list)
	if now.State == core.ReencryptionIdle && now.Version == key.Version {
		return err
	}
	if now.Version == 0 {
		now = state
	}
	now.State, now.Version = core.ReencryptionFailed, key.Version
	return errors.Join(err, r.store.SetReencryption(ctx, tenant, now))
}

// destroy removes the older data keys, once a look through everything, begun
// when no process could seal by them any more, found nothing under them.
func (r *Reencryptor) destroy(ctx context.Context, tenant core.TenantID, list []core.WrappedKey) error {
	state, err := r.store.Reencryption(ctx, tenant)
	if err != nil {
		return err
	}
	key, _ := newest.pick(list)
	w, err := r.look(ctx, tenant, key.Version, state)
	if err != nil {
		return err
	}
	if w.found > 0 { // re-encrypted now; a later look may find none
		return nil
	}
	for _, old := range older(list) {
		if err := r.store.DestroyDataKey(ctx, tenant, old.Version); err != nil {
			return fmt.Errorf("destroy data key %d: %w", old.Version, err)
		}
	}
	r.seal.Forget(tenant)
	return nil
}
