package services

import (
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

func TestSuspendedTenantIsRefusedUntilItIsResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, key := w.tenant("acme", tenancy.SettingsPatch{})
	operator := w.tenancy.Operator()
	for range 2 { // again changes nothing
		suspended, err := operator.Suspend(w.ctx, caller.Tenant)
		if err != nil || suspended.SuspendedAt == nil || suspended.Name != "acme" {
			t.Fatalf("got %+v, %v", suspended, err)
		}
	}
	if _, err := w.keys.Authenticate(w.ctx, key.Secret); !core.Is(err, core.CodeTenantSuspended) {
		t.Fatalf("its key: %v", err)
	}
	// What is changed meanwhile does not end it.
	if _, err := w.tenancy.UpdateTenant(w.ctx, core.Caller{Tenant: caller.Tenant}, tenancy.TenantPatch{Name: core.SetTo("Acme")}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.keys.Authenticate(w.ctx, key.Secret); !core.Is(err, core.CodeTenantSuspended) {
		t.Fatalf("after a change: %v", err)
	}
	if resumed, err := operator.Resume(w.ctx, caller.Tenant); err != nil || resumed.SuspendedAt != nil {
		t.Fatalf("got %+v, %v", resumed, err)
	}
	if _, err := w.keys.Authenticate(w.ctx, key.Secret); err != nil {
		t.Fatal(err)
	}
	events, err := w.store.Events(w.ctx, caller.Tenant, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[core.EventType]int{}
	for _, e := range events {
		counts[e.Type]++
		if e.Actor.Key != "" {
			t.Errorf("%s is by %s", e.Type, e.Actor.Key)
		}
	}
	if counts[core.EventTenantSuspended] != 1 || counts[core.EventTenantResumed] != 1 {
		t.Errorf("recorded %v", counts)
	}
}

func TestOperatorMaySetMoreThanTheTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", tenancy.SettingsPatch{})
	tight := tenancy.New(w.tenancy.Deps, tenancy.Options{
		Defaults: core.DefaultSettings(),
		Ceilings: tenancy.Ceilings{RetentionDays: 30, MaxUsers: 10, MaxConversationsPerUser: 10, BatchSize: 10, RateLimitPerMinute: 6000},
	})
	patch := tenancy.TenantPatch{Settings: tenancy.SettingsPatch{MaxUsers: core.SetTo[int64](5000), RetentionDays: core.SetTo[int64](0)}}
	if _, err := tight.UpdateTenant(w.ctx, caller, patch, 0); !core.Is(err, core.CodeValidation) {
		t.Fatalf("the tenant set it: %v", err)
	}
	got, err := tight.Operator().UpdateTenant(w.ctx, core.Caller{Tenant: caller.Tenant}, patch, 0)
	if err != nil || got.Settings.MaxUsers != 5000 || got.Settings.RetentionDays != 0 {
		t.Fatalf("got %+v, %v", got.Settings, err)
	}
	over := tenancy.TenantPatch{Settings: tenancy.SettingsPatch{MaxUsers: core.SetTo[int64](core.MaxQuota + 1)}}
	if _, err := tight.Operator().UpdateTenant(w.ctx, core.Caller{Tenant: caller.Tenant}, over, 0); !core.Is(err, core.CodeValidation) {
		t.Errorf("past the hard limit: %v", err)
	}
	rate := tenancy.TenantPatch{Settings: tenancy.SettingsPatch{RateLimitPerMinute: core.SetTo[int64](7000)}}
	if _, err := tight.Operator().UpdateTenant(w.ctx, core.Caller{Tenant: caller.Tenant}, rate, 0); !core.Is(err, core.CodeValidation) {
		t.Errorf("past the deployment's rate: %v", err)
	}
}
