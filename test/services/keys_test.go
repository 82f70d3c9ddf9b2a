package services

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/ports"
)

// ownKeys holds tenants' own keys; while gone is set, it refuses all.
type ownKeys struct {
	ports.WrappingKeys
	gone bool
}

func (*ownKeys) Provider() string { return "own" }

func (o *ownKeys) Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	if o.gone {
		return nil, core.NewError(core.CodeKeyUnavailable, "gone")
	}
	return o.WrappingKeys.Unwrap(ctx, tenant, version, wrapped)
}

// FlushBuffer seals what a conversation has buffered.
func (w *world) FlushBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, c core.ConversationID) error {
	record, err := w.store.Tenant(ctx, tenant)
	if err == nil {
		_, err = w.memory.Flush(ctx, core.Caller{Tenant: tenant, Settings: record.Settings}, core.Op{}, user, c)
	}
	return err
}

func (w *world) reencrypt() {
	w.t.Helper()
	if err := sealing.NewReencryptor(w.sealing, w.store, w, time.Second).Run(w.ctx); err != nil {
		w.t.Fatal(err)
	}
}

func mode(m core.EncryptionMode) tenancy.TenantPatch {
	text := string(m)
	return tenancy.TenantPatch{Settings: tenancy.SettingsPatch{EncryptionMode: core.Patch[string]{Set: true, Value: &text}}}
}

func (w *world) events(tenant core.TenantID) (list []core.EventType) {
	w.t.Helper()
	events, err := w.store.Events(w.ctx, tenant, 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		list = append(list, e.Type)
	}
	return list
}

func (w *world) dataKeys(tenant core.TenantID) (list []string) {
	w.t.Helper()
	keys, err := w.store.DataKeys(w.ctx, tenant)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range keys {
		list = append(list, k.Provider)
	}
	return list
}

// A tenant takes its data under its own key and back; what is stored, found by
// a reference, and searched is the same throughout.
func TestChangeOfModeKeepsEverythingAndLeavesNoOldKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	caller, key := w.tenant("ada", tenancy.SettingsPatch{})
	ref := "crm-42"
	u, err := w.tenancy.CreateUser(w.ctx, caller, core.Op{}, tenancy.NewUser{ExternalRef: &ref})
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.tenancy.CreateConversation(w.ctx, caller, core.Op{}, u.ID, tenancy.NewConversation{})
	if err != nil {
		t.Fatal(err)
	}
	said := numbered("parcel", 1, 25)
	w.ingest(caller, u.ID, c.ID, said...)
	check := func(when string) {
		t.Helper()
		if got := w.contents(caller, u.ID, c.ID, false); !slices.Equal(got, said) {
			t.Errorf("%s: read %q", when, got)
		}
		if got := w.finds(caller, u.ID, "parcel"); len(got) != len(said) {
			t.Errorf("%s: found %d", when, len(got))
		}
		if got, err := w.tenancy.UserByRef(w.ctx, caller, ref); err != nil || got.ID != u.ID {
			t.Errorf("%s: by its reference: %v, %v", when, got.ID, err)
		}
	}
	before := len(w.events(caller.Tenant))
	if _, err := w.tenancy.UpdateTenant(w.ctx, caller, mode(core.EncryptionTenant), 0); err != nil {
		t.Fatal(err)
	}
	if got := w.events(caller.Tenant)[before:]; !slices.Equal(got, []core.EventType{core.EventSettingsUpdated, core.EventEncryptionRotated}) {
		t.Errorf("recorded %v", got)
	}
	caller = w.signIn(key.Secret)
	check("changed")
	w.reencrypt()
	check("re-encrypted")
	w.clock.advance(sealing.DefaultCacheTTL + 2*time.Minute)
	w.reencrypt()
	check("the old key destroyed")
	if got := w.dataKeys(caller.Tenant); !slices.Equal(got, []string{core.ProviderDataKey, "own"}) {
		t.Errorf("data keys by %v", got)
	}
	w.own.gone = true
	w.clock.advance(sealing.DefaultCacheTTL)
	_, err = w.memory.List(w.ctx, caller, u.ID, c.ID, "", 1, false)
	want(t, core.CodeKeyUnavailable, err)
	_, err = w.tenancy.UpdateTenant(w.ctx, caller, mode(core.EncryptionPlatform), 0)
	want(t, core.CodeKeyUnavailable, err)
	if got := w.dataKeys(caller.Tenant); len(got) != 2 {
		t.Errorf("a refused change left data keys by %v", got)
	}
	w.own.gone = false
	w.clock.advance(time.Second)
	if _, err := w.tenancy.UpdateTenant(w.ctx, caller, mode(core.EncryptionPlatform), 0); err != nil {
		t.Fatal(err)
	}
	w.reencrypt()
	w.clock.advance(sealing.DefaultCacheTTL + 2*time.Minute)
	w.reencrypt()
	w.own.gone = true
	check("back, and the tenant's own key gone")
}

// Two changes at once: one of them wins each step, none is lost, and a rotation
// never makes a key by the mode that was.
func TestChangesOfModeAndRotationsAtOnceAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true)
	caller, _ := w.tenant("ada", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "one")
	done := make(chan error)
	for range 3 {
		go func() {
			var err error
			for range 5 {
				if _, e := w.sealing.Rotate(w.ctx, caller, core.Op{}); e != nil && !core.Is(e, core.CodeVersionConflict) {
					err = e
				}
			}
			done <- err
		}()
	}
	for i := range 4 {
		m := []core.EncryptionMode{core.EncryptionTenant, core.EncryptionPlatform}[i%2]
		if _, err := w.tenancy.UpdateTenant(w.ctx, caller, mode(m), 0); err != nil && !core.Is(err, core.CodeVersionConflict) {
			t.Error(err)
		}
		w.reencrypt()
		record, err := w.store.Tenant(w.ctx, caller.Tenant)
		if err != nil {
			t.Fatal(err)
		}
		by := map[core.EncryptionMode]string{core.EncryptionTenant: "own", core.EncryptionPlatform: "local"}[record.Settings.EncryptionMode]
		if keys := w.dataKeys(caller.Tenant); keys[len(keys)-1] != by {
			t.Errorf("mode %s, the newest data key by %s", record.Settings.EncryptionMode, keys[len(keys)-1])
		}
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	w.reencrypt()
	if got := w.contents(caller, user, c, false); !slices.Equal(got, []string{"one"}) {
		t.Errorf("read %q", got)
	}
}

func TestDeletionNamesTheKeysItDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("ada", tenancy.SettingsPatch{})
	if _, err := w.sealing.Rotate(w.ctx, caller, core.Op{}); err != nil {
		t.Fatal(err)
	}
	d, err := w.tenancy.DeleteTenant(w.ctx, caller, string(caller.Tenant))
	if err != nil {
		t.Fatal(err)
	}
	id := string(caller.Tenant)
	if !slices.Equal(d.Keys, []string{"local:" + id + "/1", "local:" + id + "/2"}) {
		t.Errorf("keys %v", d.Keys)
	}
	receipt := "raven/deletion/v1\n" + id + "\n2026-05-04T12:00:00.000Z\nlocal:" + id + "/1\nlocal:" + id + "/2\n"
	if got := string(d.Receipt()); got != receipt {
		t.Errorf("receipt %q", got)
	}
	want(t, core.CodeNotFound, w.sealing.Available(w.ctx, caller.Tenant))
}

func TestKeysAreReplacedByAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, key := w.tenant("ada", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "one")
	w.clock.advance(100 * time.Hour)
	if err := w.sealing.RotateOld(w.ctx, 99*time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.reencrypt()
		w.clock.advance(time.Hour)
	}
	d, err := w.store.Deployment(w.ctx)
	if err != nil || len(d.DataKeys) != 2 || d.DataKeys[1].Version != 2 {
		t.Errorf("the deployment's keys %+v, %v", d.DataKeys, err)
	}
	if keys := w.dataKeys(caller.Tenant); len(keys) != 2 {
		t.Errorf("the tenant's keys %v", keys)
	}
	caller = w.signIn(key.Secret)
	record, err := w.store.Tenant(w.ctx, caller.Tenant)
	if v, _ := core.EnvelopeKeyVersion(record.Profile); err != nil || v != 2 {
		t.Errorf("the profile is under version %d, %v", v, err)
	}
	if got, err := w.tenancy.Tenant(w.ctx, caller); err != nil || got.Name != "ada" {
		t.Errorf("got %q, %v", got.Name, err)
	}
	if list, err := w.keys.List(w.ctx, caller, "", 10); err != nil || len(list.Items) != 1 || list.Items[0].Name != "first key" {
		t.Errorf("keys %+v, %v", list, err)
	}
	if got := w.contents(caller, user, c, false); !slices.Equal(got, []string{"one"}) {
		t.Errorf("read %q", got)
	}
}
