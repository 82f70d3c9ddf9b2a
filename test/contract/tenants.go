package contract

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Tenants is the contract of ports.Tenants.
func Tenants(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"RegistrationIsKeptWhole", registrationIsKeptWhole},
		{"RegistrationIsOneStep", registrationIsOneStep},
		{"TakenEmailIsRefused", takenEmailIsRefused},
		{"LookAlikeEmailsAreApart", lookAlikeEmailsAreApart},
		{"OneOfManyTakesAnEmail", oneOfManyTakesAnEmail},
		{"SameRegistrationTwiceIsOnce", sameRegistrationTwiceIsOnce},
		{"SameRegistrationAtOnceIsOnce", sameRegistrationAtOnceIsOnce},
		{"RefusedRegistrationIsNotRemembered", refusedRegistrationIsNotRemembered},
		{"NoTenantWithoutAnID", noTenantWithoutAnID},
		{"UpdateReplacesProfileAndSettings", updateReplacesProfileAndSettings},
		{"SuspensionIsKeptUntilItIsEnded", suspensionIsKeptUntilItIsEnded},
		{"StaleTenantUpdateIsRefused", staleTenantUpdateIsRefused},
		{"OneOfManyTenantUpdatesWins", oneOfManyTenantUpdatesWins},
		{"TenantIDsAscendInPages", tenantIDsAscendInPages},
		{"DeletedTenantIsGoneAtOnce", deletedTenantIsGoneAtOnce},
		{"DeletionFreesTheEmail", deletionFreesTheEmail},
		{"PurgeIsBoundedAndEnds", purgeIsBoundedAndEnds},
		{"PurgeLeavesOthersAlone", purgeLeavesOthersAlone},
		{"UsageCountsExactly", usageCountsExactly},
	}, tenantCalls())
}

func tenantCalls() []call {
	return []call{
		{name: "CreateTenant", step: true, run: func(ctx context.Context, w *World, _ stage, op core.Op) (any, error) {
			return w.CreateTenant(ctx, op, w.MakeTenant())
		}},
		{name: "Tenant", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Tenant(ctx, at.tenant)
		}},
		{
			name: "UpdateTenant", takes: ofTenant, step: true, events: []core.EventType{core.EventSettingsUpdated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.UpdateTenant(ctx, at.tenant, op, w.makeTenantUpdate(at.tenant, at.settings, 1))
			},
		},
		{
			name: "DeleteTenant", takes: ofTenant, step: true, events: []core.EventType{core.EventTenantDeleted},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return done(w.DeleteTenant(ctx, at.tenant, op, w.MakeEvent(at.tenant, core.EventTenantDeleted)))
			},
		},
		{name: "PurgeTenants", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.PurgeTenants(ctx, 100)
		}},
		{name: "TenantIDs", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.TenantIDs(ctx, "", 100)
		}},
		{name: "Usage", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Usage(ctx, at.tenant)
		}},
	}
}

func (w *World) makeTenantUpdate(tenant core.TenantID, s core.Settings, ifVersion int64) core.TenantUpdate {
	return core.TenantUpdate{
		Profile: w.Bytes(44), Settings: s, IfVersion: ifVersion, At: w.Now(),
		Event: w.MakeEvent(tenant, core.EventSettingsUpdated),
	}
}

func registrationIsKeptWhole(w *World) {
	n := w.MakeTenant(func(s *core.Settings) {
		*s = core.Settings{
			RetentionDays: 0, MaxUsers: core.MaxQuota, MaxConversationsPerUser: 0, BatchSize: core.MaxBatchSize,
			EncryptionMode: core.EncryptionTenant, RateLimitPerMinute: 0, AuditReads: true,
		}
	})
	got := w.mustCreateTenant(n)
	w.equal("what registration returned", got, n.Record)
	got, err := w.Tenant(w.Ctx, n.Record.ID)
	w.ok(err)
	w.equal("the tenant", got, n.Record)
	dataKeys, err := w.DataKeys(w.Ctx, n.Record.ID)
	w.ok(err)
	w.equal("its data keys", dataKeys, n.DataKeys)
	keys, err := w.APIKeys(w.Ctx, n.Record.ID, all)
	w.ok(err)
	w.equal("its API keys", keys, []core.KeyRecord{w.placed(n.Key)})
	events := w.mustEvents(n.Record.ID, 0)
	for i := range n.Events {
		n.Events[i].Seq = int64(i + 1)
	}
	w.equal("its events", events, n.Events)
	w.equal("its usage", w.mustUsage(n.Record.ID), core.Usage{})
}

// registrationIsOneStep lets each part of a registration be refused by what is
// there already, and looks for the other parts.
func registrationIsOneStep(w *World) {
	old := w.MakeTenant()
	w.mustCreateTenant(old)
	w.unchanged(func() {
		for what, spoilt := range map[string]func(n *core.NewTenant){
			"email":    func(n *core.NewTenant) { n.EmailKey = old.EmailKey },
			"id":       func(n *core.NewTenant) { n.Record.ID, n.Key.Tenant = old.Record.ID, old.Record.ID },
			"key hash": func(n *core.NewTenant) { n.Key.Hash = old.Key.Hash },
		} {
			n := w.MakeTenant()
			hash, email := n.Key.Hash, n.EmailKey
			spoilt(&n)
			if _, err := w.CreateTenant(w.Ctx, w.Op(), n); err == nil {
				w.T.Fatalf("a registration with another tenant's %s was let in", what)
			}
			if n.Record.ID != old.Record.ID {
				_, err := w.Tenant(w.Ctx, n.Record.ID)
				w.refused(err, core.CodeNotFound)
			}
			if n.Key.Hash == hash {
				_, _, err := w.FindAPIKey(w.Ctx, hash)
				w.refused(err, core.CodeNotFound)
			}
			if n.EmailKey == email { // it is not reserved by what was refused
				free := w.MakeTenant()
				free.EmailKey = email
				id := w.mustCreateTenant(free).ID
				w.mustDeleteTenant(id)
				w.forget(id)
			}
		}
		w.mustPurge(everything)
	})
}

// forget leaves a tenant out of what Everything tells.
func (w *World) forget(id core.TenantID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tenants = slices.DeleteFunc(w.tenants, func(t core.TenantID) bool { return t == id })
}

func takenEmailIsRefused(w *World) {
	first := w.MakeTenant()
	w.mustCreateTenant(first)
	second := w.MakeTenant()
	second.EmailKey = first.EmailKey
	w.unchanged(func() {
		_, err := w.CreateTenant(w.Ctx, w.Op(), second)
		w.refused(err, core.CodeEmailTaken)
	})
	events, err := w.Events(w.Ctx, second.Record.ID, 0, 10)
	if len(events) != 0 {
		w.T.Fatalf("a refused registration recorded %d events (%v)", len(events), err)
	}
}

func lookAlikeEmailsAreApart(w *World) {
	for _, email := range lookAlikeRefs() {
		n := w.MakeTenant()
		n.EmailKey = email
		w.mustCreateTenant(n)
	}
	for _, email := range lookAlikeRefs() {
		n := w.MakeTenant()
		n.EmailKey = email
		_, err := w.CreateTenant(w.Ctx, w.Op(), n)
		w.refused(err, core.CodeEmailTaken)
	}
}

func oneOfManyTakesAnEmail(w *World) {
	errs := together(32, func(int) error {
		n := w.MakeTenant()
		n.EmailKey = "ada@example.com"
		_, err := w.CreateTenant(w.Ctx, w.Op(), n)
		return err
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeEmailTaken: 31})
	ids, err := w.TenantIDs(w.Ctx, "", everything)
	w.ok(err)
	if len(ids) != 1 {
		w.T.Fatalf("%d tenants have one email", len(ids))
	}
}

func sameRegistrationTwiceIsOnce(w *World) {
	op, first := w.Op(), w.MakeTenant()
	made, err := w.CreateTenant(w.Ctx, op, first)
	w.ok(err)
	second := w.MakeTenant() // as a process makes it that took over
	second.EmailKey = first.EmailKey
	again, err := w.CreateTenant(w.Ctx, op, second)
	w.ok(err)
	w.equal("the second outcome of one operation", again, made)
	ids, err := w.TenantIDs(w.Ctx, "", 10)
	w.ok(err)
	w.equal("the tenants", ids, []core.TenantID{made.ID})
	_, _, err = w.FindAPIKey(w.Ctx, second.Key.Hash)
	w.refused(err, core.CodeNotFound)
}

// sameRegistrationAtOnceIsOnce lets each bring its own tenant, as processes do
// that know nothing of each other: the API key of the one that is made is theirs
// who brought it.
func sameRegistrationAtOnceIsOnce(w *World) {
	op := w.Op()
	brought, made := make([]core.NewTenant, 8), make([]core.TenantRecord, 8)
	w.allOK(together(len(brought), func(i int) (err error) {
		brought[i] = w.MakeTenant()
		brought[i].EmailKey = "ada@example.com"
		made[i], err = w.CreateTenant(w.Ctx, op, brought[i])
		return err
	}))
	ids, err := w.TenantIDs(w.Ctx, "", 10)
	w.ok(err)
	w.equal("the tenants", ids, []core.TenantID{made[0].ID})
	for i, n := range brought {
		w.equal("the outcome at another place", made[i], made[0])
		_, found, err := w.FindAPIKey(w.Ctx, n.Key.Hash)
		if n.Record.ID == made[0].ID {
			w.ok(err)
			w.equal("whom the first key finds", found.ID, n.Record.ID)
		} else {
			w.refused(err, core.CodeNotFound)
		}
	}
}

func refusedRegistrationIsNotRemembered(w *World) {
	old := w.MakeTenant()
	w.mustCreateTenant(old)
	op, refused := w.Op(), w.MakeTenant()
	refused.EmailKey = old.EmailKey
	_, err := w.CreateTenant(w.Ctx, op, refused)
	w.refused(err, core.CodeEmailTaken)
	w.mustDeleteTenant(old.Record.ID)
	again := w.MakeTenant()
	again.EmailKey = old.EmailKey
	made, err := w.CreateTenant(w.Ctx, op, again)
	w.ok(err)
	w.equal("the tenant that was made", made.ID, again.Record.ID)
}

func noTenantWithoutAnID(w *World) {
	valid := w.IDs.Tenant()
	ids := append(hostile(string(valid)), string(core.DeploymentTenant))
	w.unchanged(func() {
		for _, id := range ids {
			n := w.MakeTenant()
			n.Record.ID = core.TenantID(id)
			if n.Record.ID.Valid() {
				continue
			}
			if _, err := w.CreateTenant(w.Ctx, w.Op(), n); err == nil {
				w.T.Fatalf("a tenant was made with the id %q", cut(id))
			}
			_, err := w.Tenant(w.Ctx, n.Record.ID)
			w.refused(err, core.CodeNotFound)
		}
	})
}

func updateReplacesProfileAndSettings(w *World) {
	n := w.MakeTenant()
	made := w.mustCreateTenant(n)
	settings := core.Settings{
		RetentionDays: core.MaxRetentionDays, MaxUsers: 7, MaxConversationsPerUser: 5, BatchSize: 500,
		EncryptionMode: core.EncryptionTenant, RateLimitPerMinute: core.MaxRatePerMinute, AuditReads: true,
	}
	u := w.makeTenantUpdate(made.ID, settings, 1)
	got, err := w.UpdateTenant(w.Ctx, made.ID, w.Op(), u)
	w.ok(err)
	want := made
	want.Profile, want.Settings, want.Version, want.UpdatedAt = u.Profile, settings, 2, u.At
	w.equal("what the update returned", got, want)
	got, err = w.Tenant(w.Ctx, made.ID)
	w.ok(err)
	w.equal("the tenant", got, want)
	_, byKey, err := w.FindAPIKey(w.Ctx, n.Key.Hash)
	w.ok(err)
	w.equal("the tenant, found with its key,", byKey, want)
}

func suspensionIsKeptUntilItIsEnded(w *World) {
	n := w.MakeTenant()
	w.mustCreateTenant(n)
	id, since := n.Record.ID, w.Now()
	for version, at := range []*time.Time{nil, &since, nil} {
		if version == 0 {
			continue // as it was made
		}
		update := w.makeTenantUpdate(id, n.Record.Settings, int64(version))
		update.SuspendedAt = at
		got, err := w.UpdateTenant(w.Ctx, id, w.Op(), update)
		w.ok(err)
		w.equal("what the update returned", got.SuspendedAt, at)
		got, err = w.Tenant(w.Ctx, id)
		w.ok(err)
		w.equal("the tenant", got.SuspendedAt, at)
		_, found, err := w.FindAPIKey(w.Ctx, n.Key.Hash)
		w.ok(err)
		w.equal("the tenant of a key", found.SuspendedAt, at)
	}
}

func staleTenantUpdateIsRefused(w *World) {
	t := w.MustCreateTenant()
	w.mustSet(t.ID, func(s *core.Settings) { s.MaxUsers = 3 })
	w.unchanged(func() {
		for _, version := range []int64{1, 3, 0, -1} {
			_, err := w.UpdateTenant(w.Ctx, t.ID, w.Op(), w.makeTenantUpdate(t.ID, t.Settings, version))
			w.refused(err, core.CodeVersionConflict)
		}
	})
	op := w.Op() // one that failed is tried again
	_, err := w.UpdateTenant(w.Ctx, t.ID, op, w.makeTenantUpdate(t.ID, t.Settings, 1))
	w.refused(err, core.CodeVersionConflict)
	got, err := w.UpdateTenant(w.Ctx, t.ID, op, w.makeTenantUpdate(t.ID, t.Settings, 2))
	w.ok(err)
	w.equal("the version", got.Version, int64(3))
}

func oneOfManyTenantUpdatesWins(w *World) {
	t := w.MustCreateTenant()
	errs := together(16, func(int) error {
		_, err := w.UpdateTenant(w.Ctx, t.ID, w.Op(), w.makeTenantUpdate(t.ID, t.Settings, 1))
		return err
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 15})
	if n := len(w.mustEvents(t.ID, 2)); n != 1 {
		w.T.Fatalf("one update recorded %d events", n)
	}
}

func tenantIDsAscendInPages(w *World) {
	var want []core.TenantID
	for range 7 {
		want = append(want, w.IDs.Tenant())
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} { // not in the order of ids
		n := w.MakeTenant()
		n.Record.ID, n.Key.Tenant = want[i], want[i]
		w.mustCreateTenant(n)
	}
	w.mustDeleteTenant(want[4])
	want = slices.Delete(want, 4, 5)
	var got []core.TenantID
	after := core.TenantID("")
	for range 10 {
		page, err := w.TenantIDs(w.Ctx, after, 4)
		w.ok(err)
		if len(page) > 4 {
			w.T.Fatalf("a page of 4 has %d", len(page))
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1]
	}
	w.equal("the tenants, in pages,", got, want)
}

func deletedTenantIsGoneAtOnce(w *World) {
	n := w.MakeTenant()
	t := w.mustCreateTenant(n)
	u := w.MustCreateUser(t.ID)
	c := w.MustCreateConversation(t.ID, u.ID)
	w.MustAppend(t.ID, u.ID, c.ID, 2)
	event := w.MakeEvent(t.ID, core.EventTenantDeleted)
	w.ok(w.DeleteTenant(w.Ctx, t.ID, w.Op(), event))
	_, _, err := w.FindAPIKey(w.Ctx, n.Key.Hash)
	w.refused(err, core.CodeNotFound)
	w.refused(w.DeleteTenant(w.Ctx, t.ID, w.Op(), event), core.CodeNotFound)
	idle, err := w.IdleBuffers(w.Ctx, w.start.AddDate(1, 0, 0), everything)
	w.ok(err)
	w.equal("idle buffers", idle, []core.BufferPlace(nil))
	events := w.mustEvents(t.ID, 0)
	event.Seq = int64(len(events))
	w.equal("the last event", events[len(events)-1], event)
	before := dump(events)
	w.mustPurge(everything)
	w.equal("the events after the purge", dump(w.mustEvents(t.ID, 0)), before)
	w.equal("the events from the third on", len(w.mustEvents(t.ID, 2)), len(events)-2)
}

func deletionFreesTheEmail(w *World) {
	first := w.MakeTenant()
	w.mustCreateTenant(first)
	w.mustDeleteTenant(first.Record.ID)
	second := w.MakeTenant()
	second.EmailKey = first.EmailKey
	w.mustCreateTenant(second)
	w.mustPurge(everything) // of the first; the email stays with the second
	third := w.MakeTenant()
	third.EmailKey = first.EmailKey
	_, err := w.CreateTenant(w.Ctx, w.Op(), third)
	w.refused(err, core.CodeEmailTaken)
}

func purgeIsBoundedAndEnds(w *World) {
	fin, err := w.PurgeTenants(w.Ctx, 1)
	w.ok(err)
	if !fin {
		w.T.Fatalf("an empty store has something to purge")
	}
	t := w.MustCreateTenant()
	for range 40 {
		w.MustCreateUser(t.ID)
	}
	fin, err = w.PurgeTenants(w.Ctx, 5)
	w.ok(err)
	if !fin {
		w.T.Fatalf("a tenant that is not deleted is purged")
	}
	w.equal("its users", w.mustUsage(t.ID).Users, int64(40))
	w.mustDeleteTenant(t.ID)
	if calls := w.mustPurge(5); calls < 4 {
		w.T.Fatalf("40 users were purged in %d calls of about 5 rows", calls)
	}
}

func purgeLeavesOthersAlone(w *World) {
	kept, gone := w.stage(), w.stage()
	w.mustDeleteTenant(gone.tenant)
	w.unchanged(func() { w.mustPurge(3) })
	w.Recount(kept.tenant)
	errs := together(8, func(i int) error { // while others go and come
		t := w.MakeTenant()
		if _, err := w.CreateTenant(w.Ctx, w.Op(), t); err != nil {
			return err
		}
		if _, err := w.CreateUser(w.Ctx, kept.tenant, w.Op(), w.MakeUser(kept.tenant)); err != nil {
			return err
		}
		id := t.Record.ID
		if err := w.DeleteTenant(w.Ctx, id, w.Op(), w.MakeEvent(id, core.EventTenantDeleted)); err != nil {
			return err
		}
		for range 200 {
			if fin, err := w.PurgeTenants(w.Ctx, i+1); fin || err != nil {
				return err
			}
		}
		return fmt.Errorf("PurgeTenants came to no end")
	})
	w.allOK(errs)
	w.equal("its users", w.mustUsage(kept.tenant).Users, int64(9))
	w.Recount(kept.tenant)
}

func usageCountsExactly(w *World) {
	s := w.stage() // a blob of three, three buffered
	w.equal("the usage", w.mustUsage(s.tenant), core.Usage{
		Users: 1, Conversations: 1, Interactions: 6, Buffered: 3, Blobs: 1, BlobBytes: s.blob.Size,
	})
	other := w.stage()
	w.MustCreateConversation(other.tenant, other.user)
	w.equal("the usage, after another tenant's steps,", w.mustUsage(s.tenant).Conversations, int64(1))
}
