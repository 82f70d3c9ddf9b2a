package contract

import (
	"context"
	"fmt"
	"testing"

	"github.com/raven-memory/raven/core"
)

// DataKeys is the contract of ports.DataKeys.
func DataKeys(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"DataKeysComeByVersion", dataKeysComeByVersion},
		{"DeletionDestroysDataKeys", deletionDestroysDataKeys},
		{"FirstDeploymentStays", firstDeploymentStays},
		{"OneOfManyDeploymentsStays", oneOfManyDeploymentsStays},
		{"KeyChecksAreAddedOnce", keyChecksAreAddedOnce},
	}, dataKeyCalls())
}

func dataKeyCalls() []call {
	return []call{
		{name: "DataKeys", takes: ofTenant, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.DataKeys(ctx, at.tenant)
		}},
		{name: "InitDeployment", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.InitDeployment(ctx, w.makeDeployment())
		}},
		{name: "AddKeyChecks", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return done(w.AddKeyChecks(ctx, map[uint32]string{9: "check"}))
		}},
		{name: "Deployment", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.Deployment(ctx)
		}},
	}
}

func (w *World) makeDeployment() core.Deployment {
	at := w.Now()
	d := core.Deployment{
		ID: w.IDs.Deployment(),
		DataKeys: []core.WrappedKey{
			{Version: core.IndexKeyVersion, Provider: "local", Wrapped: w.Bytes(60), CreatedAt: at},
			{Version: 1, Provider: "vault", Wrapped: w.Bytes(61), CreatedAt: at},
		},
		KeyChecks: map[uint32]string{1: "check of one", 3: "check of three"},
		CreatedAt: at,
	}
	lend(w, d.DataKeys)
	return d
}

func dataKeysComeByVersion(w *World) {
	a, b := w.MakeTenant(), w.MakeTenant()
	at := w.Now()
	a.DataKeys = nil
	for _, version := range []uint32{7, 0, 1<<32 - 1, 2, 10} {
		a.DataKeys = append(a.DataKeys, core.WrappedKey{
			Version: version, Provider: fmt.Sprint("provider ", version), Wrapped: w.Bytes(60), CreatedAt: at,
		})
	}
	given := dump(a)
	w.mustCreateTenant(a)
	w.equal("what was handed in, after the call,", dump(a), given)
	w.mustCreateTenant(b)
	got, err := w.DataKeys(w.Ctx, a.Record.ID)
	w.ok(err)
	k := a.DataKeys
	w.equal("the data keys", got, []core.WrappedKey{k[1], k[3], k[0], k[4], k[2]})
	got, err = w.DataKeys(w.Ctx, b.Record.ID)
	w.ok(err)
	w.equal("the other tenant's", got, b.DataKeys)
}

func deletionDestroysDataKeys(w *World) {
	s, kept := w.stage(), w.stage()
	before, err := w.DataKeys(w.Ctx, kept.tenant)
	w.ok(err)
	w.mustDeleteTenant(s.tenant)
	_, err = w.DataKeys(w.Ctx, s.tenant)
	w.refused(err, core.CodeNotFound)
	after, err := w.DataKeys(w.Ctx, kept.tenant)
	w.ok(err)
	w.equal("another tenant's data keys", after, before)
}

func firstDeploymentStays(w *World) {
	_, err := w.Deployment(w.Ctx)
	w.refused(err, core.CodeNotFound)
	first := w.makeDeployment()
	got, err := w.InitDeployment(w.Ctx, first)
	w.ok(err)
	w.equal("what the first call returned", got, first)
	got, err = w.InitDeployment(w.Ctx, w.makeDeployment())
	w.ok(err)
	w.equal("what the second call returned", got, first)
	got, err = w.Deployment(w.Ctx)
	w.ok(err)
	w.equal("the deployment", got, first)
}

func oneOfManyDeploymentsStays(w *World) {
	const callers = 24
	given, got := make([]core.Deployment, callers), make([]core.Deployment, callers)
	for i := range given {
		given[i] = w.makeDeployment()
	}
	w.allOK(together(callers, func(i int) (err error) {
		got[i], err = w.InitDeployment(w.Ctx, given[i])
		return err
	}))
	kept, err := w.Deployment(w.Ctx)
	w.ok(err)
	was := false
	for i := range got {
		w.equal("what one of many returned", got[i], kept)
		was = was || dump(given[i]) == dump(kept)
	}
	if !was {
		w.T.Fatalf("the deployment is none of those given: %s", dump(kept))
	}
}

func keyChecksAreAddedOnce(w *World) {
	d, err := w.InitDeployment(w.Ctx, w.makeDeployment())
	w.ok(err)
	w.ok(w.AddKeyChecks(w.Ctx, nil))
	checks := map[uint32]string{1: "another", 2: "check of two"}
	given := dump(checks)
	w.ok(w.AddKeyChecks(w.Ctx, checks))
	w.equal("what was handed in, after the call,", dump(checks), given)
	clear(checks)
	w.ok(w.AddKeyChecks(w.Ctx, map[uint32]string{2: "another", 1<<32 - 1: "check of the last"}))
	d.KeyChecks = map[uint32]string{1: "check of one", 2: "check of two", 3: "check of three", 1<<32 - 1: "check of the last"}
	got, err := w.Deployment(w.Ctx)
	w.ok(err)
	w.equal("the deployment", got, d)
	errs := together(8, func(i int) error {
		return w.AddKeyChecks(w.Ctx, map[uint32]string{50: fmt.Sprint(i), uint32(100 + i): "x"})
	})
	w.allOK(errs)
	got, err = w.Deployment(w.Ctx)
	w.ok(err)
	w.equal("the number of checks", len(got.KeyChecks), len(d.KeyChecks)+9)
}
