package services

import (
	"bytes"
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

const hookURL = "https://hooks.example.com/raven"

func withURL(url string) tenancy.SettingsPatch {
	return tenancy.SettingsPatch{WebhookURL: core.Patch[string]{Set: true, Value: &url}}
}

func (w *world) webhook(caller core.Caller) core.Webhook {
	w.t.Helper()
	hook, err := w.tenancy.Webhook(w.ctx, caller.Tenant)
	if err != nil {
		w.t.Fatal(err)
	}
	return hook
}

func (w *world) addSecret(caller core.Caller, op core.Op, secret string) core.Webhook {
	w.t.Helper()
	hook, err := w.tenancy.AddWebhookSecret(w.ctx, caller, op, []byte(secret))
	if err != nil {
		w.t.Fatal(err)
	}
	return hook
}

func TestWebhookSecretsOverlapByADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	if hook := w.webhook(caller); hook.URL != hookURL || hook.Disabled || len(hook.Secrets) != 0 {
		t.Fatalf("a new tenant's webhook is %+v", hook)
	}
	w.addSecret(caller, core.Op{}, "first")
	w.clock.advance(time.Hour)
	w.addSecret(caller, core.Op{}, "second")
	secondUntil := w.clock.Now().Add(24 * time.Hour)
	hook := w.webhook(caller)
	if len(hook.Secrets) != 2 || string(hook.Secrets[0].Secret) != "second" || !hook.Secrets[0].Until.IsZero() ||
		string(hook.Secrets[1].Secret) != "first" || !hook.Secrets[1].Until.Equal(secondUntil) {
		t.Fatalf("secrets %+v", hook.Secrets)
	}
	w.clock.advance(25 * time.Hour)
	if hook = w.addSecret(caller, core.Op{}, "third"); len(hook.Secrets) != 2 || string(hook.Secrets[1].Secret) != "second" {
		t.Errorf("the secret that signs no more is kept: %+v", hook.Secrets)
	}
	for range 20 {
		hook = w.addSecret(caller, core.Op{}, "more")
	}
	if len(hook.Secrets) != 8 {
		t.Errorf("%d secrets sign at once", len(hook.Secrets))
	}
}

func TestWebhookSecretIsSealedAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	secret := "0123456789abcdefghijklmnopqrstuv"
	w.addSecret(caller, core.Op{}, secret)
	record, err := w.store.Tenant(w.ctx, caller.Tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, readable := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hookURL} {
		if bytes.Contains(record.Profile, []byte(readable)) || record.Settings.WebhookURL != "" {
			t.Errorf("the store holds %q", readable)
		}
	}
	events, err := w.store.Events(w.ctx, caller.Tenant, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	if last.Type != core.EventSettingsUpdated || last.Actor != caller.Actor() || last.Data["changed"] != "webhook_secret" || len(last.Data) != 2 {
		t.Errorf("the event is %+v", last)
	}
}

func TestSettingsKeepWebhookSecretsAndSecretsKeepSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	w.addSecret(caller, core.Op{}, "first")
	name, size := "Acme & Sons", int64(3)
	changed, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{
		Name: core.Patch[string]{Set: true, Value: &name}, Settings: tenancy.SettingsPatch{BatchSize: core.Patch[int64]{Set: true, Value: &size}},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.addSecret(caller, core.Op{}, "second")
	now, err := w.tenancy.Tenant(w.ctx, caller)
	if err != nil || now.Name != name || now.Settings != changed.Settings || now.Settings.WebhookURL != hookURL || now.Version != changed.Version+1 {
		t.Errorf("tenant %+v, %v", now, err)
	}
	if hook := w.webhook(caller); len(hook.Secrets) != 2 || hook.URL != hookURL {
		t.Errorf("webhook %+v", hook)
	}
	if _, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: tenancy.SettingsPatch{WebhookURL: core.Patch[string]{Set: true}}}, 0); err != nil {
		t.Fatal(err)
	}
	if hook := w.webhook(caller); len(hook.Secrets) != 2 || hook.URL != "" {
		t.Errorf("without an URL: %+v", hook)
	}
}

func TestDisabledWebhookIsEnabledByItsURLSetAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	w.addSecret(caller, core.Op{}, "first")
	if err := w.tenancy.DisableWebhook(w.ctx, caller.Tenant, "https://former.example/"); err != nil || w.webhook(caller).Disabled {
		t.Fatalf("the answer of a former URL disables the webhook: %v", err)
	}
	for range 2 {
		if err := w.tenancy.DisableWebhook(w.ctx, caller.Tenant, hookURL); err != nil {
			t.Fatal(err)
		}
	}
	disabled, err := w.tenancy.Tenant(w.ctx, caller)
	if err != nil || !w.webhook(caller).Disabled || disabled.Settings.WebhookURL != hookURL {
		t.Fatalf("%+v, %v", disabled, err)
	}
	events, err := w.store.Events(w.ctx, caller.Tenant, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if last := events[len(events)-1]; last.Data["changed"] != "webhook_disabled" || last.Actor != (core.Actor{}) || last.Data["version"] != disabled.Version {
		t.Errorf("the event is %+v of version %d", last, disabled.Version)
	}
	size := int64(3)
	if _, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: tenancy.SettingsPatch{BatchSize: core.Patch[int64]{Set: true, Value: &size}}}, 0); err != nil || !w.webhook(caller).Disabled {
		t.Fatalf("another setting enables it: %v", err)
	}
	enabled, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: withURL(hookURL)}, 0)
	if err != nil || w.webhook(caller).Disabled || enabled.Version != disabled.Version+2 {
		t.Errorf("%+v, %v", enabled, err)
	}
	if again, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: withURL(hookURL)}, 0); err != nil || again.Version != enabled.Version {
		t.Errorf("the URL it has makes version %d of %d, %v", again.Version, enabled.Version, err)
	}
}

func TestWebhookSecretIsAddedOnceAnOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	op := core.Op{ID: "op_secret", Until: w.clock.Now().Add(time.Hour)}
	w.addSecret(caller, op, "first")
	if hook := w.addSecret(caller, op, "other"); len(hook.Secrets) != 1 || string(hook.Secrets[0].Secret) != "first" {
		t.Errorf("run again: %+v", hook.Secrets)
	}
	if hook := w.webhook(caller); len(hook.Secrets) != 1 {
		t.Errorf("stored: %+v", hook.Secrets)
	}
}

func TestWebhookSecretsMadeAtOnceAreAllThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	var wg sync.WaitGroup
	for _, secret := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			if _, err := w.tenancy.AddWebhookSecret(w.ctx, caller, core.Op{}, []byte(secret)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if hook := w.webhook(caller); len(hook.Secrets) != 4 {
		t.Errorf("%d secrets", len(hook.Secrets))
	}
}

func TestWebhookOfADeletedTenantIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("acme", withURL(hookURL))
	if _, err := w.tenancy.DeleteTenant(w.ctx, caller, string(caller.Tenant)); err != nil {
		t.Fatal(err)
	}
	_, err := w.tenancy.Webhook(w.ctx, caller.Tenant)
	want(t, core.CodeNotFound, err)
	want(t, core.CodeNotFound, w.tenancy.DisableWebhook(w.ctx, caller.Tenant, hookURL))
	_, err = w.tenancy.AddWebhookSecret(w.ctx, caller, core.Op{}, []byte("late"))
	want(t, core.CodeNotFound, err)
}
