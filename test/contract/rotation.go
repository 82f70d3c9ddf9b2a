package contract

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Rotation is the contract of ports.KeyRotation, but for Reseal.
func Rotation(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"AdditionIsOneStep", additionIsOneStep},
		{"StaleAdditionIsRefused", staleAdditionIsRefused},
		{"OneOfManyAdditionsWins", oneOfManyAdditionsWins},
		{"RewrapReplacesOneKey", rewrapReplacesOneKey},
		{"StaleRewrapIsRefused", staleRewrapIsRefused},
		{"DestroyedKeyIsGone", destroyedKeyIsGone},
		{"IndexKeyAndNewestAreNotDestroyed", indexKeyAndNewestAreNotDestroyed},
		{"DeploymentsKeysRotateToo", deploymentsKeysRotateToo},
		{"WithoutDeploymentThereIsNothing", withoutDeploymentThereIsNothing},
		{"ModeChangesWithItsKey", modeChangesWithItsKey},
		{"StaleChangeOfModeIsRefused", staleChangeOfModeIsRefused},
		{"ProgressIsKept", progressIsKept},
		{"RotatingMissesNobody", rotatingMissesNobody},
		{"RotatingComesInPages", rotatingComesInPages},
		{"DeletionDestroysRotatedKeys", deletionDestroysRotatedKeys},
	}, rotationCalls())
}

func rotationCalls() []call {
	return []call{
		{
			name: "AddDataKey", takes: ofTenant, ours: true, step: true, events: []core.EventType{core.EventEncryptionRotated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return done(w.AddDataKey(ctx, at.tenant, op, w.makeAddition(at.tenant, at.dataKeys)))
			},
		},
		{
			name: "UpdateTenant with a key", takes: ofTenant, step: true,
			events: []core.EventType{core.EventSettingsUpdated, core.EventEncryptionRotated},
			run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
				return w.UpdateTenant(ctx, at.tenant, op, w.makeModeChange(at.tenant, at.settings, 1, at.dataKeys))
			},
		},
		{
			name: "RewrapDataKey", takes: ofTenant, ours: true,
			run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
				was := copyKeys(at.dataKeys)[1]
				lend(w, was.Wrapped)
				return done(w.RewrapDataKey(ctx, at.tenant, was, w.rewrapped(was)))
			},
		},
		{
			name: "DestroyDataKey", takes: ofTenant, ours: true,
			run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
				return done(w.DestroyDataKey(ctx, at.tenant, 7))
			},
		},
		{
			name: "Reseal", takes: ofTenant, ours: true,
			run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
				return w.Reseal(ctx, at.tenant, []core.Resealed{w.resealBlob(at, 2)})
			},
		},
		{
			name: "Reencryption", takes: ofTenant, ours: true,
			run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
				return w.Reencryption(ctx, at.tenant)
			},
		},
		{
			name: "SetReencryption", takes: ofTenant, ours: true,
			run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
				return done(w.SetReencryption(ctx, at.tenant, w.makeProgress(core.ReencryptionRunning, 1)))
			},
		},
		{name: "Rotating", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.Rotating(ctx, "", 100)
		}},
	}
}

// copyKeys is the same keys, in bytes of their own.
func copyKeys(keys []core.WrappedKey) []core.WrappedKey {
	out := slices.Clone(keys)
	for i := range out {
		out[i].Wrapped = bytes.Clone(out[i].Wrapped)
	}
	return out
}

// makeAddition adds the key that follows the last of the list.
func (w *World) makeAddition(tenant core.TenantID, keys []core.WrappedKey) core.DataKeyAddition {
	at, next := w.Now(), keys[len(keys)-1].Version+1
	a := core.DataKeyAddition{
		Key:          core.WrappedKey{Version: next, Provider: "vault", Wrapped: w.Bytes(90), CreatedAt: at},
		Index:        core.WrappedKey{Version: core.IndexKeyVersion, Provider: core.ProviderDataKey, Wrapped: w.Bytes(139), CreatedAt: at},
		IndexWas:     bytes.Clone(keys[0].Wrapped),
		Reencryption: w.makeProgress(core.ReencryptionRunning, next),
		Events:       []core.Event{w.MakeEvent(tenant, core.EventEncryptionRotated)},
	}
	lend(w, a.IndexWas)
	lend(w, a.Events)
	return a
}

func (w *World) makeProgress(state core.ReencryptionState, version uint32) core.Reencryption {
	return core.Reencryption{State: state, Version: version, Done: 3, Total: 1 << 40, StartedAt: w.Now()}
}

// makeModeChange is a change to the tenant's own key, with a data key under it.
func (w *World) makeModeChange(tenant core.TenantID, s core.Settings, ifVersion int64, keys []core.WrappedKey) core.TenantUpdate {
	s.EncryptionMode = core.EncryptionTenant
	u := w.makeTenantUpdate(tenant, s, ifVersion)
	a := w.makeAddition(tenant, keys)
	u.Key = &a
	return u
}

// rewrapped is the key as another provider wraps it.
func (w *World) rewrapped(was core.WrappedKey) core.WrappedKey {
	return core.WrappedKey{Version: was.Version, Provider: "another", Wrapped: w.Bytes(len(was.Wrapped) + 17), CreatedAt: was.CreatedAt}
}

func (w *World) mustDataKeys(tenant core.TenantID) []core.WrappedKey {
	w.T.Helper()
	if tenant == core.DeploymentTenant {
		d, err := w.Deployment(w.Ctx)
		w.ok(err)
		return d.DataKeys
	}
	keys, err := w.DataKeys(w.Ctx, tenant)
	w.ok(err)
	return keys
}

func (w *World) mustProgress(tenant core.TenantID) core.Reencryption {
	w.T.Helper()
	r, err := w.Reencryption(w.Ctx, tenant)
	w.ok(err)
	return r
}

// mustRotate adds a data key to those there are.
func (w *World) mustRotate(tenant core.TenantID) core.DataKeyAddition {
	w.T.Helper()
	a := w.makeAddition(tenant, w.mustDataKeys(tenant))
	w.ok(w.AddDataKey(w.Ctx, tenant, w.Op(), a))
	return a
}

func additionIsOneStep(w *World) {
	s, other := w.stage(), w.stage()
	last := w.lastSeq(s.tenant)
	a := w.makeAddition(s.tenant, s.dataKeys)
	a.Events = append(a.Events, w.MakeEvent(s.tenant, core.EventSettingsUpdated))
	given := dump(a)
	w.ok(w.AddDataKey(w.Ctx, s.tenant, w.Op(), a))
	w.equal("what was handed in, after the call,", dump(a), given)
	w.equal("the data keys", w.mustDataKeys(s.tenant), []core.WrappedKey{a.Index, s.dataKeys[1], a.Key})
	w.equal("the progress", w.mustProgress(s.tenant), a.Reencryption)
	for i := range a.Events {
		a.Events[i].Seq = last + int64(i) + 1
	}
	w.equal("the events", w.mustEvents(s.tenant, last), a.Events)
	w.equal("another tenant's data keys", w.mustDataKeys(other.tenant), other.dataKeys)
	w.equal("another tenant's progress", w.mustProgress(other.tenant), core.Reencryption{})

	next := w.mustRotate(s.tenant)
	w.equal("the data keys after another", w.mustDataKeys(s.tenant), []core.WrappedKey{next.Index, s.dataKeys[1], a.Key, next.Key})
}

func staleAdditionIsRefused(w *World) {
	s := w.stage()
	w.mustRotate(s.tenant)
	w.mustRotate(s.tenant)
	w.ok(w.DestroyDataKey(w.Ctx, s.tenant, 2)) // there are 1 and 3
	keys := w.mustDataKeys(s.tenant)
	w.unchanged(func() {
		for what, spoilt := range map[string]func(a *core.DataKeyAddition){
			"the first again":   func(a *core.DataKeyAddition) { a.Key.Version = 1 },
			"one that was":      func(a *core.DataKeyAddition) { a.Key.Version = 2 },
			"the newest again":  func(a *core.DataKeyAddition) { a.Key.Version = 3 },
			"an index key":      func(a *core.DataKeyAddition) { a.Key.Version = core.IndexKeyVersion },
			"no index key":      func(a *core.DataKeyAddition) { a.IndexWas = nil },
			"another index key": func(a *core.DataKeyAddition) { a.IndexWas[7] ^= 1 },
			"a longer one":      func(a *core.DataKeyAddition) { a.IndexWas = append(a.IndexWas, 0) },
			"the index of old":  func(a *core.DataKeyAddition) { a.IndexWas = s.dataKeys[0].Wrapped },
		} {
			a := w.makeAddition(s.tenant, keys)
			spoilt(&a)
			if err := w.AddDataKey(w.Ctx, s.tenant, w.Op(), a); !core.Is(err, core.CodeVersionConflict) {
				w.T.Fatalf("%s: got %v", what, err)
			}
		}
	})
	op := w.Op() // one that failed is tried again
	a := w.makeAddition(s.tenant, s.dataKeys)
	w.refused(w.AddDataKey(w.Ctx, s.tenant, op, a), core.CodeVersionConflict)
	w.ok(w.AddDataKey(w.Ctx, s.tenant, op, w.makeAddition(s.tenant, keys)))
	w.equal("the newest", w.mustDataKeys(s.tenant)[3].Version, uint32(4))
}

func oneOfManyAdditionsWins(w *World) {
	s := w.stage()
	last := w.lastSeq(s.tenant)
	errs := together(16, func(int) error {
		return w.AddDataKey(w.Ctx, s.tenant, w.Op(), w.makeAddition(s.tenant, s.dataKeys))
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 15})
	w.equal("the number of data keys", len(w.mustDataKeys(s.tenant)), 3)
	w.equal("the number of events", len(w.mustEvents(s.tenant, last)), 1)
}

func rewrapReplacesOneKey(w *World) {
	s := w.stage()
	w.mustRotate(s.tenant)
	want := w.mustDataKeys(s.tenant)
	last := w.lastSeq(s.tenant)
	for _, i := range []int{1, 0, 2, 1} { // longer each time
		now := w.rewrapped(want[i])
		w.ok(w.RewrapDataKey(w.Ctx, s.tenant, want[i], now))
		want[i] = now
		w.equal("the data keys", w.mustDataKeys(s.tenant), want)
	}
	now := want[2]
	now.Wrapped = w.Bytes(20)
	w.ok(w.RewrapDataKey(w.Ctx, s.tenant, want[2], now))
	want[2] = now
	w.equal("the data keys, one shorter,", w.mustDataKeys(s.tenant), want)
	w.equal("the last event", w.lastSeq(s.tenant), last)
}

func staleRewrapIsRefused(w *World) {
	s := w.stage()
	keys := s.dataKeys
	w.unchanged(func() {
		for what, pair := range map[string][2]core.WrappedKey{
			"one that is not there": {{Version: 2, Wrapped: keys[1].Wrapped}, {Version: 2, Wrapped: w.Bytes(60)}},
			"of another version":    {keys[1], {Version: 0, Wrapped: w.Bytes(60)}},
			"by another version":    {{Version: 0, Wrapped: keys[1].Wrapped}, w.rewrapped(keys[1])},
			"the other's place":     {{Version: 1, Wrapped: keys[0].Wrapped}, w.rewrapped(keys[1])},
			"another form":          {{Version: 1, Wrapped: w.Bytes(60)}, w.rewrapped(keys[1])},
			"no form":               {{Version: 1}, w.rewrapped(keys[1])},
		} {
			if err := w.RewrapDataKey(w.Ctx, s.tenant, pair[0], pair[1]); !core.Is(err, core.CodeVersionConflict) {
				w.T.Fatalf("%s: got %v", what, err)
			}
		}
	})
	errs := together(8, func(int) error { return w.RewrapDataKey(w.Ctx, s.tenant, keys[1], w.rewrapped(keys[1])) })
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 7})
}

func destroyedKeyIsGone(w *World) {
	s, other := w.stage(), w.stage()
	for _, tenant := range []core.TenantID{s.tenant, other.tenant} {
		w.mustRotate(tenant)
		w.mustRotate(tenant)
	}
	keys, others := w.mustDataKeys(s.tenant), w.mustDataKeys(other.tenant)
	last := w.lastSeq(s.tenant)
	w.ok(w.DestroyDataKey(w.Ctx, s.tenant, 2))
	w.equal("the data keys", w.mustDataKeys(s.tenant), []core.WrappedKey{keys[0], keys[1], keys[3]})
	w.ok(w.DestroyDataKey(w.Ctx, s.tenant, 1))
	w.equal("the data keys", w.mustDataKeys(s.tenant), []core.WrappedKey{keys[0], keys[3]})
	w.unchanged(func() {
		for _, version := range []uint32{1, 2, 4, 1<<32 - 1} { // gone, or never there
			w.ok(w.DestroyDataKey(w.Ctx, s.tenant, version))
		}
		w.refused(w.RewrapDataKey(w.Ctx, s.tenant, keys[1], w.rewrapped(keys[1])), core.CodeVersionConflict)
	})
	w.equal("another tenant's data keys", w.mustDataKeys(other.tenant), others)
	w.equal("the last event", w.lastSeq(s.tenant), last)
}

func indexKeyAndNewestAreNotDestroyed(w *World) {
	s := w.stage()
	refused := func(version uint32) {
		w.unchanged(func() { w.refused(w.DestroyDataKey(w.Ctx, s.tenant, version), core.CodeVersionConflict) })
	}
	refused(core.IndexKeyVersion)
	refused(1)
	w.mustRotate(s.tenant)
	refused(core.IndexKeyVersion)
	refused(2)
	w.allOK(together(8, func(int) error { return w.DestroyDataKey(w.Ctx, s.tenant, 1) }))
	refused(2)
}

func deploymentsKeysRotateToo(w *World) {
	s := w.stage()
	was, err := w.Deployment(w.Ctx)
	w.ok(err)
	a := w.mustRotate(core.DeploymentTenant)
	want := was
	want.DataKeys = []core.WrappedKey{a.Index, was.DataKeys[1], a.Key}
	told := func(what string) {
		got, err := w.Deployment(w.Ctx)
		w.ok(err)
		w.equal("the deployment, "+what, got, want)
		got, err = w.InitDeployment(w.Ctx, w.makeDeployment())
		w.ok(err)
		w.equal("the deployment, "+what+", to who would make one", got, want)
	}
	told("with another data key")
	w.equal("its progress", w.mustProgress(core.DeploymentTenant), a.Reencryption)
	stale := w.makeAddition(core.DeploymentTenant, was.DataKeys)
	w.refused(w.AddDataKey(w.Ctx, core.DeploymentTenant, w.Op(), stale), core.CodeVersionConflict)
	want.DataKeys[1] = w.rewrapped(was.DataKeys[1])
	w.ok(w.RewrapDataKey(w.Ctx, core.DeploymentTenant, was.DataKeys[1], want.DataKeys[1]))
	told("with one wrapped anew")
	for _, version := range []uint32{core.IndexKeyVersion, 2} {
		w.refused(w.DestroyDataKey(w.Ctx, core.DeploymentTenant, version), core.CodeVersionConflict)
	}
	w.ok(w.DestroyDataKey(w.Ctx, core.DeploymentTenant, 1))
	want.DataKeys = slices.Delete(want.DataKeys, 1, 2)
	told("with one destroyed")
	r := w.makeProgress(core.ReencryptionIdle, 2)
	w.ok(w.SetReencryption(w.Ctx, core.DeploymentTenant, r))
	w.equal("its progress", w.mustProgress(core.DeploymentTenant), r)
	w.equal("a tenant's data keys", w.mustDataKeys(s.tenant), s.dataKeys)
	w.equal("a tenant's progress", w.mustProgress(s.tenant), core.Reencryption{})
}

func withoutDeploymentThereIsNothing(w *World) {
	ours := core.DeploymentTenant
	keys := w.makeDeployment().DataKeys
	_, err := w.Reencryption(w.Ctx, ours)
	w.refused(err, core.CodeNotFound)
	w.refused(w.SetReencryption(w.Ctx, ours, w.makeProgress(core.ReencryptionRunning, 1)), core.CodeNotFound)
	w.refused(w.AddDataKey(w.Ctx, ours, w.Op(), w.makeAddition(ours, keys)), core.CodeNotFound)
	w.refused(w.RewrapDataKey(w.Ctx, ours, keys[1], w.rewrapped(keys[1])), core.CodeNotFound)
	w.refused(w.DestroyDataKey(w.Ctx, ours, 1), core.CodeNotFound)
	_, err = w.Deployment(w.Ctx)
	w.refused(err, core.CodeNotFound)
	ids, err := w.Rotating(w.Ctx, "", 10)
	w.ok(err)
	w.equal("who rotates", ids, []core.TenantID(nil))
}

func modeChangesWithItsKey(w *World) {
	s := w.stage()
	last := w.lastSeq(s.tenant)
	op := w.Op()
	u := w.makeModeChange(s.tenant, s.settings, 1, s.dataKeys)
	made, err := w.UpdateTenant(w.Ctx, s.tenant, op, u)
	w.ok(err)
	w.equal("the settings", made.Settings, u.Settings)
	want := []core.WrappedKey{u.Key.Index, s.dataKeys[1], u.Key.Key}
	w.equal("the data keys", w.mustDataKeys(s.tenant), want)
	w.equal("the progress", w.mustProgress(s.tenant), u.Key.Reencryption)
	events := append([]core.Event{u.Event}, u.Key.Events...)
	for i := range events {
		events[i].Seq = last + int64(i) + 1
	}
	w.equal("the events", w.mustEvents(s.tenant, last), events)
	w.unchanged(func() { // somebody runs it again
		again, err := w.UpdateTenant(w.Ctx, s.tenant, op, w.makeModeChange(s.tenant, s.settings, 1, s.dataKeys))
		w.ok(err)
		w.equal("the second outcome of one operation", again, made)
	})
	ids, err := w.Rotating(w.Ctx, "", everything)
	w.ok(err)
	if !slices.Contains(ids, s.tenant) {
		w.T.Fatalf("who rotates after a change of mode: %v", ids)
	}
}

// staleChangeOfModeIsRefused changes neither the settings without the key nor
// the key without the settings.
func staleChangeOfModeIsRefused(w *World) {
	s := w.stage()
	w.unchanged(func() {
		for what, spoilt := range map[string]func(u *core.TenantUpdate){
			"another version":   func(u *core.TenantUpdate) { u.IfVersion = 2 },
			"a key of old":      func(u *core.TenantUpdate) { u.Key.Key.Version = 1 },
			"another index key": func(u *core.TenantUpdate) { u.Key.IndexWas[0] ^= 1 },
		} {
			u := w.makeModeChange(s.tenant, s.settings, 1, s.dataKeys)
			spoilt(&u)
			if _, err := w.UpdateTenant(w.Ctx, s.tenant, w.Op(), u); !core.Is(err, core.CodeVersionConflict) {
				w.T.Fatalf("%s: got %v", what, err)
			}
		}
	})
	errs := together(12, func(i int) error { // with rotations at the same time
		if i%2 == 0 {
			return w.AddDataKey(w.Ctx, s.tenant, w.Op(), w.makeAddition(s.tenant, s.dataKeys))
		}
		_, err := w.UpdateTenant(w.Ctx, s.tenant, w.Op(), w.makeModeChange(s.tenant, s.settings, 1, s.dataKeys))
		return err
	})
	w.outcome(errs, map[core.Code]int{"": 1, core.CodeVersionConflict: 11})
	w.equal("the number of data keys", len(w.mustDataKeys(s.tenant)), 3)
}

func deletionDestroysRotatedKeys(w *World) {
	s, kept := w.stage(), w.stage()
	for _, tenant := range []core.TenantID{s.tenant, kept.tenant} {
		w.mustRotate(tenant)
	}
	keys, progress := w.mustDataKeys(kept.tenant), w.mustProgress(kept.tenant)
	w.mustDeleteTenant(s.tenant)
	for range 2 {
		_, err := w.DataKeys(w.Ctx, s.tenant)
		w.refused(err, core.CodeNotFound)
		_, err = w.Reencryption(w.Ctx, s.tenant)
		w.refused(err, core.CodeNotFound)
		w.refused(w.DestroyDataKey(w.Ctx, s.tenant, 1), core.CodeNotFound)
		w.lists(kept.tenant)
		w.mustPurge(everything)
	}
	w.equal("another tenant's data keys", w.mustDataKeys(kept.tenant), keys)
	w.equal("another tenant's progress", w.mustProgress(kept.tenant), progress)
}
