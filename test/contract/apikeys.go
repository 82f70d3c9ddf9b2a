package contract

import (
	"context"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// APIKeys is the contract of ports.APIKeys.
func APIKeys(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"KeyIsFoundByItsHashOnly", keyIsFoundByItsHashOnly},
		{"KeyIsKeptWhole", keyIsKeptWhole},
		{"HashOfAnotherKeyIsRefused", hashOfAnotherKeyIsRefused},
		{"KeysComeInOrderOfCreation", keysComeInOrderOfCreation},
		{"KeyOfDeletedTenantIsNotFound", keyOfDeletedTenantIsNotFound},
		{"KeysAreBoundedAndTheDeadMakeRoom", keysAreBoundedAndTheDeadMakeRoom},
		{"RotationLetsTheOldKeyExpire", rotationLetsTheOldKeyExpire},
		{"RotationNeverProlongs", rotationNeverProlongs},
		{"DeadKeyIsNotRotated", deadKeyIsNotRotated},
		{"ManyRotationsAtOnce", manyRotationsAtOnce},
		{"RevokedKeyIsFoundWithItsTime", revokedKeyIsFoundWithItsTime},
		{"LastAdminKeyStays", lastAdminKeyStays},
		{"OneOfTwoLastAdminKeysStays", oneOfTwoLastAdminKeysStays},
		{"LastUseOnlyMovesOn", lastUseOnlyMovesOn},
	}, apiKeyCalls())
}

func apiKeyCalls() []call {
	return []call{
		{name: "FindAPIKey", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			key, tenant, err := w.FindAPIKey(ctx, at.key.Hash)
			return []any{key, tenant}, err
		}},
		{name: "APIKeys", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.APIKeys(ctx, at.tenant, all)
		}},
		{
			name: "CreateAPIKey", takes: ofTenant, step: true, events: []core.EventType{core.EventKeyCreated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.CreateAPIKey(ctx, at.tenant, op, w.MakeKey(at.tenant), w.MakeEvent(at.tenant, core.EventKeyCreated))
			},
		},
		{
			name: "RotateAPIKey", takes: ofTenant | ofKey, step: true, events: []core.EventType{core.EventKeyRotated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.RotateAPIKey(ctx, at.tenant, op, w.makeRotation(at.tenant, at.key.ID))
			},
		},
		{
			name: "RevokeAPIKey", takes: ofTenant | ofKey, step: true, events: []core.EventType{core.EventKeyRevoked},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return done(w.RevokeAPIKey(ctx, at.tenant, op, at.key.ID, w.MakeEvent(at.tenant, core.EventKeyRevoked)))
			},
		},
		{name: "TouchAPIKeys", run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.TouchAPIKeys(ctx, []core.KeyUse{{Tenant: at.tenant, Key: at.key.ID, At: w.Now()}}))
		}},
	}
}

func (w *World) makeRotation(tenant core.TenantID, old core.KeyID) core.KeyRotation {
	at := w.Now()
	return core.KeyRotation{
		Old: old, OldExpiresAt: at.Add(24 * time.Hour), At: at,
		New: w.MakeKey(tenant), Event: w.MakeEvent(tenant, core.EventKeyRotated),
	}
}

// mustCreateKey makes a key, changed.
func (w *World) mustCreateKey(tenant core.TenantID, change func(*core.KeyRecord)) core.KeyRecord {
	w.T.Helper()
	key := w.MakeKey(tenant)
	change(&key)
	_, err := w.CreateAPIKey(w.Ctx, tenant, w.Op(), key, w.MakeEvent(tenant, core.EventKeyCreated))
	w.ok(err)
	return w.mustFind(key)
}

// mustFind is the key as the store has it.
func (w *World) mustFind(key core.KeyRecord) core.KeyRecord {
	w.T.Helper()
	found, tenant, err := w.FindAPIKey(w.Ctx, key.Hash)
	w.ok(err)
	if found.ID != key.ID || found.Tenant != tenant.ID {
		w.T.Fatalf("the hash of %s finds %s of %s, with the tenant %s", key.ID, found.ID, found.Tenant, tenant.ID)
	}
	return found
}

// placed is a key with the position that the store gave it.
func (w *World) placed(key core.KeyRecord) core.KeyRecord {
	w.T.Helper()
	key.Position = w.mustFind(key).Position
	return key
}

func (w *World) revoke(tenant core.TenantID, key core.KeyID) error {
	return w.RevokeAPIKey(w.Ctx, tenant, w.Op(), key, w.MakeEvent(tenant, core.EventKeyRevoked))
}

func keyIsFoundByItsHashOnly(w *World) {
	a, b := w.stage(), w.stage()
	found, tenant, err := w.FindAPIKey(w.Ctx, a.key.Hash)
	w.ok(err)
	w.equal("the key", found, w.placed(a.key))
	w.equal("its tenant", tenant.ID, a.tenant)
	_, tenant, err = w.FindAPIKey(w.Ctx, b.key.Hash)
	w.ok(err)
	w.equal("the other's tenant", tenant.ID, b.tenant)
	for _, bit := range []int{0, 7, 100, 128, 255} {
		hash := a.key.Hash
		hash[bit/8] ^= 1 << (bit % 8)
		_, _, err := w.FindAPIKey(w.Ctx, hash)
		w.refused(err, core.CodeNotFound)
	}
	_, _, err = w.FindAPIKey(w.Ctx, core.KeyHash{})
	w.refused(err, core.CodeNotFound)
}

func keyIsKeptWhole(w *World) {
	t := w.MustCreateTenant()
	key := w.MakeKey(t.ID)
	expires := w.Now().Add(time.Hour)
	key.ExpiresAt, key.Environment = &expires, core.EnvironmentTest
	key.Prefix, key.Scopes = "rk_test_abcdefgh", core.AgentOnly
	event := w.MakeEvent(t.ID, core.EventKeyCreated)
	got, err := w.CreateAPIKey(w.Ctx, t.ID, w.Op(), key, event)
	w.ok(err)
	key.Position = got.Position
	w.equal("what creation returned", got, key)
	w.equal("the key", w.mustFind(key), key)
	event.Seq = 3
	w.equal("the event", w.mustEvents(t.ID, 2), []core.Event{event})
}

func hashOfAnotherKeyIsRefused(w *World) {
	a, b := w.stage(), w.stage()
	w.unchanged(func() {
		for _, spoilt := range []func(k *core.KeyRecord){
			func(k *core.KeyRecord) { k.Hash = a.key.Hash },
			func(k *core.KeyRecord) { k.Hash = b.key.Hash },
			func(k *core.KeyRecord) { k.ID = a.key.ID },
			func(k *core.KeyRecord) { k.ID = "key_../../x" },
		} {
			key := w.MakeKey(a.tenant)
			spoilt(&key)
			if _, err := w.CreateAPIKey(w.Ctx, a.tenant, w.Op(), key, w.MakeEvent(a.tenant, core.EventKeyCreated)); err == nil {
				w.T.Fatalf("a key was made in the place of another: %s", key.ID)
			}
			r := w.makeRotation(a.tenant, a.key.ID)
			spoilt(&r.New)
			if _, err := w.RotateAPIKey(w.Ctx, a.tenant, w.Op(), r); err == nil {
				w.T.Fatalf("a key was rotated into the place of another: %s", r.New.ID)
			}
		}
	})
}

func keyPosition(k core.KeyRecord) int64 { return k.Position }

func keysComeInOrderOfCreation(w *World) {
	n := w.MakeTenant()
	t := w.mustCreateTenant(n)
	other := w.MustCreateTenant()
	ids := []core.KeyID{w.IDs.Key(), w.IDs.Key(), w.IDs.Key(), w.IDs.Key(), w.IDs.Key()}
	want := []core.KeyID{n.Key.ID}
	for _, i := range []int{2, 4, 0, 3, 1} { // not in the order of ids
		w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.ID = ids[i] })
		w.mustCreateKey(other.ID, func(*core.KeyRecord) {})
		want = append(want, ids[i])
	}
	w.ok(w.revoke(t.ID, ids[3]))
	r := w.makeRotation(t.ID, ids[0])
	var got []core.KeyID
	page := core.Page{Limit: 2}
	for i := range 10 {
		list, err := w.APIKeys(w.Ctx, t.ID, page)
		w.ok(err)
		ascending(w, "keys", list, keyPosition)
		if len(list) > 2 {
			w.T.Fatalf("a page of 2 has %d", len(list))
		}
		if len(list) == 0 {
			break
		}
		for _, k := range list {
			got = append(got, k.ID)
		}
		page.After = list[len(list)-1].Position
		if i == 0 { // what comes meanwhile comes at the end
			_, err := w.RotateAPIKey(w.Ctx, t.ID, w.Op(), r)
			w.ok(err)
			want = append(want, r.New.ID)
		}
	}
	w.equal("the keys, in pages,", got, want)
}

func keyOfDeletedTenantIsNotFound(w *World) {
	s := w.stage()
	w.mustDeleteTenant(s.tenant)
	_, _, err := w.FindAPIKey(w.Ctx, s.key.Hash)
	w.refused(err, core.CodeNotFound)
	w.mustPurge(everything)
	_, _, err = w.FindAPIKey(w.Ctx, s.key.Hash)
	w.refused(err, core.CodeNotFound)
	w.ok(w.TouchAPIKeys(w.Ctx, []core.KeyUse{{Tenant: s.tenant, Key: s.key.ID, At: w.Now()}}))
}

func keysAreBoundedAndTheDeadMakeRoom(w *World) {
	t := w.MustCreateTenant() // has one
	end := w.Now().Add(time.Hour)
	errs := together(64, func(int) error {
		for range 16 {
			key := w.MakeKey(t.ID)
			key.ExpiresAt = &end
			_, err := w.CreateAPIKey(w.Ctx, t.ID, w.Op(), key, w.MakeEvent(t.ID, core.EventKeyCreated))
			if err != nil && !core.Is(err, core.CodeQuotaExhausted) {
				return err
			}
		}
		return nil
	})
	w.allOK(errs)
	keys, err := w.APIKeys(w.Ctx, t.ID, all)
	w.ok(err)
	w.equal("the number of keys", len(keys), core.MaxKeysPerTenant)
	op, key := w.Op(), w.MakeKey(t.ID)
	use := core.QuotaUse{Name: "max_api_keys", Limit: core.MaxKeysPerTenant, Used: core.MaxKeysPerTenant}
	w.unchanged(func() {
		_, err = w.CreateAPIKey(w.Ctx, t.ID, op, key, w.MakeEvent(t.ID, core.EventKeyCreated))
		w.exhausted(err, use)
		_, err = w.RotateAPIKey(w.Ctx, t.ID, w.Op(), w.makeRotation(t.ID, keys[500].ID))
		w.exhausted(err, use)
	})
	_, _, err = w.FindAPIKey(w.Ctx, key.Hash)
	w.refused(err, core.CodeNotFound)

	revoked := keys[len(keys)-1]
	w.ok(w.revoke(t.ID, revoked.ID))
	_, err = w.CreateAPIKey(w.Ctx, t.ID, op, key, w.MakeEvent(t.ID, core.EventKeyCreated))
	w.ok(err)
	_, _, err = w.FindAPIKey(w.Ctx, revoked.Hash)
	w.refused(err, core.CodeNotFound)
	w.mustFind(key)

	late := w.makeRotation(t.ID, keys[0].ID) // which does not expire, when all that do have
	late.At, late.New.CreatedAt = end, end
	_, err = w.RotateAPIKey(w.Ctx, t.ID, w.Op(), late)
	w.ok(err)
	keys, err = w.APIKeys(w.Ctx, t.ID, all)
	w.ok(err)
	if n := len(keys); n >= core.MaxKeysPerTenant {
		w.T.Errorf("%d keys are left", n)
	}
	w.mustFind(late.New)
	w.mustFind(key)
}

func rotationLetsTheOldKeyExpire(w *World) {
	n := w.MakeTenant()
	t := w.mustCreateTenant(n)
	old := w.mustFind(n.Key)
	r := w.makeRotation(t.ID, n.Key.ID)
	r.New.Scopes = core.FullAccess
	got, err := w.RotateAPIKey(w.Ctx, t.ID, w.Op(), r)
	w.ok(err)
	r.New.Position = got.Position
	w.equal("what rotation returned", got, r.New)
	w.equal("the new key", w.mustFind(r.New), r.New)
	old.ExpiresAt = &r.OldExpiresAt
	w.equal("the old key", w.mustFind(n.Key), old)
	r.Event.Seq = 3
	w.equal("the event", w.mustEvents(t.ID, 2), []core.Event{r.Event})
}

func rotationNeverProlongs(w *World) {
	t := w.MustCreateTenant()
	soon := w.Now().Add(time.Minute)
	key := w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.ExpiresAt = &soon })
	_, err := w.RotateAPIKey(w.Ctx, t.ID, w.Op(), w.makeRotation(t.ID, key.ID))
	w.ok(err)
	w.equal("when the old key expires", w.mustFind(key).ExpiresAt, &soon)
	r := w.makeRotation(t.ID, key.ID)
	r.OldExpiresAt = r.At // without a grace
	_, err = w.RotateAPIKey(w.Ctx, t.ID, w.Op(), r)
	w.ok(err)
	w.equal("when the old key expires", w.mustFind(key).ExpiresAt, &r.At)
}

func deadKeyIsNotRotated(w *World) {
	t := w.MustCreateTenant()
	revoked := w.mustCreateKey(t.ID, func(*core.KeyRecord) {})
	w.ok(w.revoke(t.ID, revoked.ID))
	now := w.Now()
	expired := w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.ExpiresAt = &now })
	w.unchanged(func() {
		for _, id := range []core.KeyID{revoked.ID, expired.ID, w.IDs.Key(), ""} {
			r := w.makeRotation(t.ID, id)
			if id == expired.ID {
				r.At = now // a key lives until just before it expires
			}
			_, err := w.RotateAPIKey(w.Ctx, t.ID, w.Op(), r)
			w.refused(err, core.CodeNotFound)
			_, _, err = w.FindAPIKey(w.Ctx, r.New.Hash)
			w.refused(err, core.CodeNotFound)
		}
	})
	r := w.makeRotation(t.ID, expired.ID)
	r.At = now.Add(-time.Millisecond)
	_, err := w.RotateAPIKey(w.Ctx, t.ID, w.Op(), r)
	w.ok(err)
}

func manyRotationsAtOnce(w *World) {
	s := w.stage()
	rotations := make([]core.KeyRotation, 12)
	base := w.Now().Add(time.Hour)
	for i := range rotations {
		rotations[i] = w.makeRotation(s.tenant, s.key.ID)
		rotations[i].OldExpiresAt = base.Add(time.Duration(i) * time.Minute)
	}
	w.allOK(together(len(rotations), func(i int) error {
		_, err := w.RotateAPIKey(w.Ctx, s.tenant, w.Op(), rotations[i])
		return err
	}))
	for _, r := range rotations {
		got := w.mustFind(r.New)
		r.New.Position = got.Position
		w.equal("a new key", got, r.New)
	}
	w.equal("when the old key expires", w.mustFind(s.key).ExpiresAt, &base)
	w.Recount(s.tenant)
}

func revokedKeyIsFoundWithItsTime(w *World) {
	s := w.stage()
	event := w.MakeEvent(s.tenant, core.EventKeyRevoked)
	want := w.mustFind(s.key)
	w.ok(w.RevokeAPIKey(w.Ctx, s.tenant, w.Op(), s.key.ID, event))
	want.RevokedAt = &event.At
	w.equal("the revoked key", w.mustFind(s.key), want)
	w.unchanged(func() { w.ok(w.revoke(s.tenant, s.key.ID)) }) // once more
	w.refused(w.revoke(s.tenant, w.IDs.Key()), core.CodeNotFound)
}

func lastAdminKeyStays(w *World) {
	n := w.MakeTenant()
	t := w.mustCreateTenant(n)
	stranger := w.MakeTenant() // whose admin key does not count
	w.mustCreateTenant(stranger)
	soon := w.Now().Add(time.Hour)
	passing := w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.Scopes, k.ExpiresAt = core.FullAccess, &soon })
	plain := w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.Scopes = core.FullAccess &^ core.ScopeTenantAdmin })
	gone := w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.Scopes = core.ScopeTenantAdmin })
	w.ok(w.revoke(t.ID, gone.ID))
	w.unchanged(func() { w.refused(w.revoke(t.ID, n.Key.ID), core.CodeLastAdminKey) })
	w.ok(w.revoke(t.ID, plain.ID))
	w.ok(w.revoke(t.ID, passing.ID)) // it will expire and was never the last
	op, event := w.Op(), w.MakeEvent(t.ID, core.EventKeyRevoked)
	w.refused(w.RevokeAPIKey(w.Ctx, t.ID, op, n.Key.ID, event), core.CodeLastAdminKey)
	w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.Scopes = core.ScopeTenantAdmin })
	w.ok(w.RevokeAPIKey(w.Ctx, t.ID, op, n.Key.ID, event))
	w.Recount(t.ID)
}

func oneOfTwoLastAdminKeysStays(w *World) {
	for range 8 {
		n := w.MakeTenant()
		t := w.mustCreateTenant(n)
		second := w.mustCreateKey(t.ID, func(k *core.KeyRecord) { k.Scopes = core.FullAccess })
		keys := []core.KeyID{n.Key.ID, second.ID}
		errs := together(2, func(i int) error { return w.revoke(t.ID, keys[i]) })
		w.outcome(errs, map[core.Code]int{"": 1, core.CodeLastAdminKey: 1})
	}
}

func lastUseOnlyMovesOn(w *World) {
	a, b := w.stage(), w.stage()
	w.ok(w.TouchAPIKeys(w.Ctx, nil))
	early, late := w.Now(), w.Now()
	touch := func(uses ...core.KeyUse) {
		w.T.Helper()
		w.ok(w.TouchAPIKeys(w.Ctx, uses))
	}
	touch(core.KeyUse{Tenant: a.tenant, Key: a.key.ID, At: early},
		core.KeyUse{Tenant: "a:b", Key: "../x", At: late},
		core.KeyUse{Tenant: a.tenant, Key: w.IDs.Key(), At: late},
		core.KeyUse{Tenant: b.tenant, Key: a.key.ID, At: late}, // not b's
		core.KeyUse{Tenant: w.IDs.Tenant(), Key: b.key.ID, At: late})
	w.equal("the last use", w.mustFind(a.key).LastUsedAt, &early)
	if at := w.mustFind(b.key).LastUsedAt; at != nil {
		w.T.Fatalf("a key was used at %v by another tenant's name", at)
	}
	touch(core.KeyUse{Tenant: a.tenant, Key: a.key.ID, At: late})
	w.equal("the last use", w.mustFind(a.key).LastUsedAt, &late)
	touch(core.KeyUse{Tenant: a.tenant, Key: a.key.ID, At: early})
	w.equal("the last use", w.mustFind(a.key).LastUsedAt, &late)
	touch(core.KeyUse{Tenant: b.tenant, Key: b.key.ID, At: late}, core.KeyUse{Tenant: b.tenant, Key: b.key.ID, At: early})
	w.equal("the last use", w.mustFind(b.key).LastUsedAt, &late)
	want := w.placed(a.key)
	want.LastUsedAt = &late
	w.equal("the rest of the key", w.mustFind(a.key), want)
}
