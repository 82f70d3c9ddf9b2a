package services

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/tenancy"
)

func recallQuery(text string) recall.Query { return recall.Query{Text: text, Limit: 10} }

func TestEmailIsTakenInAnyLetterCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tenant("ada", tenancy.SettingsPatch{})
	_, _, err := w.tenancy.Register(w.ctx, core.Op{}, tenancy.Registration{Name: "x", Email: "ADA@Example.com"})
	want(t, core.CodeEmailTaken, err)
}

func TestSettingsKeepTheirBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("bounds", tenancy.SettingsPatch{})
	for name, patch := range map[string]tenancy.SettingsPatch{
		"retention below":   {RetentionDays: core.SetTo[int64](-1)},
		"retention above":   {RetentionDays: core.SetTo[int64](3651)},
		"batch of none":     {BatchSize: core.SetTo[int64](0)},
		"batch above":       {BatchSize: core.SetTo[int64](501)},
		"users below":       {MaxUsers: core.SetTo[int64](-1)},
		"rate above":        {RateLimitPerMinute: core.SetTo[int64](6001)},
		"rate of none":      {RateLimitPerMinute: core.SetTo[int64](0)},
		"an unknown mode":   {EncryptionMode: core.SetTo("none")},
		"no key provider":   {EncryptionMode: core.SetTo("tenant")},
		"plain http":        {WebhookURL: core.SetTo("http://example.com/")},
		"user info":         {WebhookURL: core.SetTo("https://a:b@example.com/")},
		"the metadata host": {WebhookURL: core.SetTo("https://169.254.169.254/")},
		"a mapped loopback": {WebhookURL: core.SetTo("https://[::ffff:127.0.0.1]/")},
		"no host":           {WebhookURL: core.SetTo("https:///x")},
	} {
		_, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: patch}, 0)
		if !core.Is(err, core.CodeValidation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	now, err := w.tenancy.Tenant(w.ctx, caller)
	if err != nil || now.Settings != core.DefaultSettings() || now.Version != 1 {
		t.Errorf("a refused change changed %+v, %v", now, err)
	}
	set, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: tenancy.SettingsPatch{
		BatchSize: core.SetTo[int64](500), WebhookURL: core.SetTo("https://example.com/hook"),
	}}, 1)
	if err != nil || set.Settings.BatchSize != 500 || set.Settings.WebhookURL != "https://example.com/hook" || set.Version != 2 {
		t.Errorf("set to %+v, %v", set, err)
	}
	back, err := w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Settings: tenancy.SettingsPatch{
		BatchSize: core.Null[int64](), WebhookURL: core.Null[string](),
	}}, 2)
	if err != nil || back.Settings != core.DefaultSettings() {
		t.Errorf("null gives %+v, %v", back.Settings, err)
	}
	_, err = w.tenancy.UpdateTenant(w.ctx, caller, tenancy.TenantPatch{Name: core.SetTo("late")}, 2)
	want(t, core.CodePreconditionFailed, err)
}

func TestQuotaHoldsUnderARace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("race", tenancy.SettingsPatch{MaxUsers: core.SetTo[int64](30), MaxConversationsPerUser: core.SetTo[int64](10)})
	var made, full atomic.Int64
	var wg sync.WaitGroup
	for range 80 {
		wg.Go(func() {
			_, err := w.tenancy.CreateUser(w.ctx, caller, core.Op{}, tenancy.NewUser{})
			switch {
			case err == nil:
				made.Add(1)
			case core.Is(err, core.CodeQuotaExhausted):
				full.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 30 || full.Load() != 50 {
		t.Errorf("%d made, %d refused", made.Load(), full.Load())
	}
}

func TestGetOrCreateMakesOneUserUnderARace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("ensure", tenancy.SettingsPatch{MaxUsers: core.SetTo[int64](1)})
	ref := "the one"
	var created atomic.Int64
	var mu sync.Mutex
	ids := map[core.UserID]bool{}
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			user, made, err := w.tenancy.EnsureUser(w.ctx, caller, tenancy.NewUser{ExternalRef: &ref})
			if err != nil {
				t.Error(err)
				return
			}
			if made {
				created.Add(1)
			}
			mu.Lock()
			ids[user.ID] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if created.Load() != 1 || len(ids) != 1 {
		t.Errorf("made %d times, %d users", created.Load(), len(ids))
	}
}

func TestDeletedTenantIsUnreadableAtOnceAndGoneAfterThePurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, key := w.tenant("leaving", tenancy.SettingsPatch{BatchSize: core.SetTo[int64](2)})
	stays, _ := w.tenant("staying", tenancy.SettingsPatch{})
	user, c := w.conversation(caller)
	w.ingest(caller, user, c, "one", "two", "three")
	other, d := w.conversation(stays)
	w.ingest(stays, other, d, "still here")
	_, err := w.tenancy.DeleteTenant(w.ctx, caller, "ten_wrong")
	want(t, core.CodeValidation, err)
	if _, err := w.tenancy.DeleteTenant(w.ctx, caller, string(caller.Tenant)); err != nil {
		t.Fatal(err)
	}
	_, err = w.keys.Authenticate(w.ctx, key.Secret)
	want(t, core.CodeUnauthenticated, err)
	_, err = w.memory.List(w.ctx, caller, user, c, "", 10, false)
	want(t, core.CodeNotFound, err)
	_, err = w.recall.Search(w.ctx, caller, user, recallQuery("one"))
	want(t, core.CodeNotFound, err)
	w.tenant("leaving", tenancy.SettingsPatch{}) // the email is free
	if err := w.tenancy.Purge(w.ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.contents(stays, other, d, false); len(got) != 1 {
		t.Errorf("another tenant has %v", got)
	}
}

func TestRotatedKeyWorksUntilTheEndOfItsGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, first := w.tenant("rotate", tenancy.SettingsPatch{})
	second, err := w.keys.Rotate(w.ctx, caller, core.Op{}, first.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour - time.Millisecond)
	w.signIn(first.Secret)
	w.clock.advance(time.Millisecond)
	_, err = w.keys.Authenticate(w.ctx, first.Secret)
	want(t, core.CodeUnauthenticated, err)
	if again := w.signIn(second.Secret); again.Scopes != core.FullAccess {
		t.Errorf("the new key has %s", again.Scopes)
	}
	_, err = w.keys.Rotate(w.ctx, caller, core.Op{}, first.ID, 0)
	want(t, core.CodeNotFound, err)
	want(t, core.CodeLastAdminKey, w.keys.Revoke(w.ctx, caller, core.Op{}, second.ID))
}

func TestKeyGrantsNoMoreThanItsMakerHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, full := w.tenant("grant", tenancy.SettingsPatch{})
	admin, err := w.keys.Create(w.ctx, owner, core.Op{}, core.NewKey{Name: "admin", Scopes: core.ScopeTenantAdmin | core.ScopeTenantRead})
	if err != nil {
		t.Fatal(err)
	}
	limited := w.signIn(admin.Secret)
	_, err = w.keys.Create(w.ctx, limited, core.Op{}, core.NewKey{Name: "more", Scopes: core.ScopeMemoryRead | core.ScopeTenantRead})
	want(t, core.CodeInsufficientScope, err)
	_, err = w.keys.Rotate(w.ctx, limited, core.Op{}, full.ID, 0)
	want(t, core.CodeInsufficientScope, err)
	if _, err = w.keys.Create(w.ctx, limited, core.Op{}, core.NewKey{Name: "less", Scopes: core.ScopeTenantRead}); err != nil {
		t.Error(err)
	}
}

func TestLastUseIsNotedWithoutAWriteARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, first := w.tenant("uses", tenancy.SettingsPatch{})
	w.clock.advance(time.Minute)
	w.signIn(first.Secret)
	lastUse := func() *time.Time {
		list, err := w.keys.List(w.ctx, caller, "", 10)
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list.Items[0].LastUsedAt
	}
	if at := lastUse(); at == nil || !at.Equal(w.clock.Now()) {
		t.Errorf("before it is written: %v", at)
	}
	if err := w.keys.FlushUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	if at := lastUse(); at == nil || !at.Equal(w.clock.Now()) {
		t.Errorf("after: %v", at)
	}
}

// TestRepeatedCreationGivesWhatIsThere repeats operations whose answers were lost,
// after what they made was changed, and after it was deleted.
func TestRepeatedCreationGivesWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller, _ := w.tenant("repeats", tenancy.SettingsPatch{})
	ids := core.NewIDs(w.clock.Now, rand.Reader)
	first, second := core.Op{ID: ids.Operation(), Until: w.clock.Now().Add(time.Hour)}, core.Op{ID: ids.Operation(), Until: w.clock.Now().Add(time.Hour)}
	was, is := "Zoe", "Zora"
	create := func() (core.User, error) {
		return w.tenancy.CreateUser(w.ctx, caller, first, tenancy.NewUser{DisplayName: &was})
	}
	user, err := create()
	if err != nil {
		t.Fatal(err)
	}
	talk := func() (core.Conversation, error) {
		return w.tenancy.CreateConversation(w.ctx, caller, second, user.ID, tenancy.NewConversation{Title: &was})
	}
	c, err := talk()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.tenancy.UpdateUser(w.ctx, caller, user.ID, tenancy.UserPatch{DisplayName: core.SetTo(is)}, 0); err != nil {
		t.Fatal(err)
	}
	if again, err := create(); err != nil || again.ID != user.ID || *again.DisplayName != is {
		t.Errorf("the user again: %+v, %v", again, err)
	}
	if again, err := talk(); err != nil || again.ID != c.ID {
		t.Errorf("the conversation again: %+v, %v", again, err)
	}
	if err := w.tenancy.DeleteConversation(w.ctx, caller, user.ID, c.ID, 0); err != nil {
		t.Fatal(err)
	}
	_, err = talk()
	want(t, core.CodeNotFound, err)
	if err := w.tenancy.DeleteUser(w.ctx, caller, user.ID, 0); err != nil {
		t.Fatal(err)
	}
	_, err = create()
	want(t, core.CodeNotFound, err)
}
