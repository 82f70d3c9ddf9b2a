package contract

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// RotatedKeys is the suite of ports.WrappingKeys for when a wrapping key gets a
// new version. open gives a provider, and what gives a tenant's wrapping key the
// next version and then the provider that wraps by it.
func RotatedKeys(t *testing.T, open func(t *testing.T) (was ports.WrappingKeys, rotate func(core.TenantID) ports.WrappingKeys)) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	was, rotate := open(t)
	w := &wrapping{WrappingKeys: was, t: t, ctx: ctx, tenant: core.NewIDs(time.Now, rand.Reader).Tenant()}
	plain, first := w.mustMake(w.tenant, 3)
	w.WrappingKeys = rotate(w.tenant)
	w.mustUnwrap(w.tenant, 3, first, plain)

	lent := bytes.Clone(first)
	second, err := w.Rewrap(ctx, w.tenant, 3, lent)
	if err != nil {
		t.Fatalf("Rewrap: %v", err)
	}
	clear(lent)
	if v := w.WrappedBy(second); v <= w.WrappedBy(first) {
		t.Errorf("wrapped by version %d, before by %d", v, w.WrappedBy(first))
	}
	w.mustUnwrap(w.tenant, 3, second, plain)
	w.mustUnwrap(w.tenant, 3, first, plain) // until the version is given up
	w.refused("the rewrapped key as another version", w.tenant, 4, second)
	w.refused("the rewrapped key for the deployment", core.DeploymentTenant, 3, second)
	if again, err := w.Rewrap(ctx, w.tenant, 3, second); err != nil || !bytes.Equal(again, second) {
		t.Errorf("rewrapped twice, it is another (%v)", err)
	}
	if _, fresh := w.mustMake(w.tenant, 4); w.WrappedBy(fresh) != w.WrappedBy(second) {
		t.Errorf("a new key is wrapped by version %d, not %d", w.WrappedBy(fresh), w.WrappedBy(second))
	}
}

// PlatformKeys is the suite of what ports.PlatformKeys adds to
// ports.WrappingKeys.
func PlatformKeys(t *testing.T, open func(t *testing.T) ports.PlatformKeys) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p := open(t)
	ids := core.NewIDs(time.Now, rand.Reader)
	w := &wrapping{WrappingKeys: p, t: t, ctx: ctx, tenant: ids.Tenant(), other: ids.Tenant()}
	plain := make([]byte, 32)
	rand.Read(plain)
	for _, tenant := range []core.TenantID{w.tenant, core.DeploymentTenant} {
		lent := bytes.Clone(plain)
		wrapped, err := p.Wrap(ctx, tenant, 5, lent)
		if err != nil {
			t.Fatalf("Wrap: %v", err)
		}
		if !bytes.Equal(lent, plain) || bytes.Contains(wrapped, plain) {
			t.Error("Wrap changed or showed what it was given")
		}
		clear(lent)
		w.mustUnwrap(tenant, 5, wrapped, plain)
		w.refused("what was wrapped, for another tenant", w.other, 5, wrapped)
		w.refused("what was wrapped, as another version", tenant, 6, wrapped)
		_, made := w.mustMake(tenant, 5)
		if p.WrappedBy(wrapped) != p.WrappedBy(made) {
			t.Errorf("wrapped by %d, made by %d", p.WrappedBy(wrapped), p.WrappedBy(made))
		}
	}
	for _, id := range hostile(string(w.tenant)) {
		if tenant := core.TenantID(id); !tenant.Valid() {
			wrapped, err := p.Wrap(ctx, tenant, 1, plain)
			w.unavailable("Wrap for a hostile id", err)
			if wrapped != nil {
				t.Errorf("wrapped for %.60q", id)
			}
		}
	}
	ctx, cancel = context.WithCancel(ctx)
	cancel()
	if wrapped, err := p.Wrap(ctx, w.tenant, 1, plain); !errors.Is(err, context.Canceled) || wrapped != nil {
		t.Errorf("Wrap with a done context: %v", err)
	}
}
