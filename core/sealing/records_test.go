package sealing_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

// records keeps in memory what re-encryption walks through, for one user a
// tenant. step, when set, is called before each write; its error is the write's.
type records struct {
	*store
	step func(doing string) error

	mu      sync.Mutex
	users   map[core.TenantID][]core.UserRecord
	conv    map[core.TenantID][]core.ConversationRecord
	buffer  map[core.TenantID][]core.BufferEntry
	blobs   map[core.TenantID][]core.BlobRecord
	derived map[core.TenantID][]core.DerivedRecord
	tenants map[core.TenantID]core.TenantRecord
	apiKeys map[core.TenantID][]core.KeyRecord
	state   map[core.TenantID]core.Reencryption
	modes   map[core.TenantID]core.EncryptionMode
	events  []core.Event
}

var _ sealing.Records = (*records)(nil)

func newRecords(s *store) *records {
	return &records{
		store: s, users: map[core.TenantID][]core.UserRecord{}, conv: map[core.TenantID][]core.ConversationRecord{},
		buffer: map[core.TenantID][]core.BufferEntry{}, blobs: map[core.TenantID][]core.BlobRecord{},
		derived: map[core.TenantID][]core.DerivedRecord{},
		tenants: map[core.TenantID]core.TenantRecord{}, apiKeys: map[core.TenantID][]core.KeyRecord{},
		state: map[core.TenantID]core.Reencryption{}, modes: map[core.TenantID]core.EncryptionMode{},
	}
}

func after[T any](list []T, p core.Page, position func(T) int64) []T {
	i := slices.IndexFunc(list, func(v T) bool { return position(v) > p.After })
	if i < 0 {
		return nil
	}
	return slices.Clone(list[i:min(i+p.Limit, len(list))])
}

// owned is the list for the one user who has something.
func owned[T any](list []T, user core.UserID) []T {
	if user != "usr_0" {
		return nil
	}
	return list
}

func (r *records) Users(_ context.Context, tenant core.TenantID, p core.Page) ([]core.UserRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return after(r.users[tenant], p, func(v core.UserRecord) int64 { return v.Position }), nil
}

func (r *records) Conversations(_ context.Context, tenant core.TenantID, user core.UserID, p core.Page) ([]core.ConversationRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return after(owned(r.conv[tenant], user), p, func(v core.ConversationRecord) int64 { return v.Position }), nil
}

func (r *records) UserBuffer(_ context.Context, tenant core.TenantID, user core.UserID, p core.Page) ([]core.BufferEntry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return after(owned(r.buffer[tenant], user), p, func(v core.BufferEntry) int64 { return v.Position }), nil
}

func (r *records) Blobs(_ context.Context, tenant core.TenantID, user core.UserID, p core.Page, _ bool) ([]core.BlobRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := after(owned(r.blobs[tenant], user), p, func(v core.BlobRecord) int64 { return v.Position })
	for i := range list {
		list[i].Sealed = nil
	}
	return list, nil
}

func (r *records) Blob(_ context.Context, tenant core.TenantID, _ core.UserID, id core.BlobID) (core.BlobRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.blobs[tenant], func(b core.BlobRecord) bool { return b.ID == id })
	if i < 0 {
		return core.BlobRecord{}, core.NotFound()
	}
	return r.blobs[tenant][i], nil
}

func (r *records) Derived(_ context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, p core.Page, payload bool) ([]core.DerivedRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(owned(r.derived[tenant], user)), func(d core.DerivedRecord) bool { return d.Kind != kind })
	list = after(list, p, func(v core.DerivedRecord) int64 { return v.Position })
	for i := range list {
		if !payload {
			list[i].Sealed = nil
		}
	}
	return list, nil
}

// PutDerived only removes.
func (r *records) PutDerived(_ context.Context, tenant core.TenantID, _ core.UserID, _ core.DerivedKind, _ []core.DerivedRecord, replaces []core.DerivedID) error {
	if err := r.doing("remove"); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.derived[tenant] = slices.DeleteFunc(r.derived[tenant], func(d core.DerivedRecord) bool { return slices.Contains(replaces, d.ID) })
	return nil
}

func (r *records) APIKeys(_ context.Context, tenant core.TenantID, p core.Page) ([]core.KeyRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return after(r.apiKeys[tenant], p, func(v core.KeyRecord) int64 { return v.Position }), nil
}

func (r *records) Tenant(_ context.Context, id core.TenantID) (core.TenantRecord, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.tenants[id]
	t.Settings.EncryptionMode = r.modes[id]
	return t, nil
}

func (r *records) TenantIDs(_ context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	ids := slices.Sorted(maps.Keys(r.store.tenants))
	ids = slices.DeleteFunc(ids, func(id core.TenantID) bool { return id <= after })
	return ids[:min(limit, len(ids))], nil
}

func (r *records) Usage(_ context.Context, id core.TenantID) (core.Usage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return core.Usage{
		Users: int64(len(r.users[id])), Conversations: int64(len(r.conv[id])), Blobs: int64(len(r.blobs[id])),
	}, nil
}

func (r *records) doing(what string) error {
	if r.step == nil {
		return nil
	}
	return r.step(what)
}

// change runs do on the tenant's list of keys.
func (r *records) change(tenant core.TenantID, do func([]core.WrappedKey) ([]core.WrappedKey, error)) error {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if tenant == core.DeploymentTenant {
		list, err := do(slices.Clone(r.deployment.DataKeys))
		if err == nil {
			r.deployment.DataKeys = list
		}
		return err
	}
	list, err := do(slices.Clone(r.store.tenants[tenant]))
	if err == nil {
		r.store.tenants[tenant] = list
	}
	return err
}

func (r *records) AddDataKey(_ context.Context, tenant core.TenantID, _ core.Op, a core.DataKeyAddition) error {
	if err := r.doing("add"); err != nil {
		return err
	}
	return r.change(tenant, func(list []core.WrappedKey) ([]core.WrappedKey, error) {
		if list[len(list)-1].Version+1 != a.Key.Version || !bytes.Equal(list[0].Wrapped, a.IndexWas) {
			return nil, core.NewError(core.CodeVersionConflict, "keys")
		}
		list[0] = a.Index
		r.mu.Lock()
		defer r.mu.Unlock()
		r.state[tenant] = a.Reencryption
		r.events = append(r.events, a.Events...)
		return append(list, a.Key), nil
	})
}

func (r *records) RewrapDataKey(_ context.Context, tenant core.TenantID, was, now core.WrappedKey) error {
	if err := r.doing("rewrap"); err != nil {
		return err
	}
	return r.change(tenant, func(list []core.WrappedKey) ([]core.WrappedKey, error) {
		i := slices.IndexFunc(list, func(k core.WrappedKey) bool { return k.Version == was.Version && bytes.Equal(k.Wrapped, was.Wrapped) })
		if i < 0 {
			return nil, core.NewError(core.CodeVersionConflict, "key")
		}
		list[i] = now
		return list, nil
	})
}

func (r *records) DestroyDataKey(_ context.Context, tenant core.TenantID, version uint32) error {
	if err := r.doing("destroy"); err != nil {
		return err
	}
	return r.change(tenant, func(list []core.WrappedKey) ([]core.WrappedKey, error) {
		if version == core.IndexKeyVersion || version == list[len(list)-1].Version {
			return nil, core.NewError(core.CodeVersionConflict, "key")
		}
		return slices.DeleteFunc(list, func(k core.WrappedKey) bool { return k.Version == version }), nil
	})
}

func (r *records) Reseal(_ context.Context, tenant core.TenantID, list []core.Resealed) (done int, err error) {
	for _, s := range list { // a crash may leave some of a batch
		if err := r.doing("reseal"); err != nil {
			return done, err
		}
		done += r.reseal(tenant, s)
	}
	return done, nil
}

func (r *records) reseal(tenant core.TenantID, s core.Resealed) (done int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put := func(sealed *[]byte, place core.Place) {
		if place == s.Place && bytes.Equal(*sealed, s.Was) {
			*sealed = s.Now
			done++
		}
	}
	for i := range r.users[tenant] {
		u := &r.users[tenant][i]
		put(&u.Sealed, core.UserPlace(tenant, u.ID, u.Version))
	}
	for i := range r.conv[tenant] {
		c := &r.conv[tenant][i]
		put(&c.Sealed, core.ConversationPlace(tenant, c.User, c.ID, c.Version))
	}
	for i := range r.blobs[tenant] {
		b := &r.blobs[tenant][i]
		put(&b.Sealed, core.BlobPlace(tenant, *b))
		b.KeyVersion, _ = core.EnvelopeKeyVersion(b.Sealed)
	}
	for i := range r.derived[tenant] {
		d := &r.derived[tenant][i]
		put(&d.Sealed, core.DerivedPlace(tenant, *d))
		d.KeyVersion, _ = core.EnvelopeKeyVersion(d.Sealed)
	}
	for i := range r.apiKeys[tenant] {
		k := &r.apiKeys[tenant][i]
		put(&k.Sealed, core.KeyPlace(tenant, k.ID))
	}
	t := r.tenants[tenant]
	put(&t.Profile, core.TenantPlace(tenant, t.Version))
	r.tenants[tenant] = t
	return done
}

func (r *records) Reencryption(_ context.Context, tenant core.TenantID) (core.Reencryption, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state[tenant], nil
}

func (r *records) SetReencryption(_ context.Context, tenant core.TenantID, s core.Reencryption) error {
	if err := r.doing("progress"); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state[tenant] = s
	return nil
}

func (r *records) Rotating(_ context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	ids, err := r.TenantIDs(context.Background(), after, limit)
	return ids, err
}

// RecordEvents makes the records a ports.Recorder.
func (r *records) RecordEvents(_ context.Context, _ core.TenantID, _ core.Op, events ...core.Event) error {
	if err := r.doing("record"); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, events...)
	return nil
}

// recorded lists the types of the tenant's events.
func (r *records) recorded(tenant core.TenantID) (list []core.EventType) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Tenant == tenant {
			list = append(list, e.Type)
		}
	}
	return list
}

// leases are held until they end or their time is over.
type leases struct {
	mu   sync.Mutex
	held map[string]lease
}

type lease struct {
	holder string
	until  time.Time
}

func (l *leases) Lease(_ context.Context, tenant core.TenantID, work, holder string, now, until time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(tenant) + work
	if h, ok := l.held[key]; ok && h.holder != holder && now.Before(h.until) {
		return false, nil
	}
	l.held[key] = lease{holder, until}
	return true, nil
}

func (l *leases) EndLease(_ context.Context, tenant core.TenantID, work, holder string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[string(tenant)+work].holder == holder {
		delete(l.held, string(tenant)+work)
	}
	return nil
}
