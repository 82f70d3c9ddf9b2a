package contract

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// WrappingKeys is the suite of ports.WrappingKeys. open gives a provider that
// serves every tenant; what one wrapped, another need not open.
func WrappingKeys(t *testing.T, open func(t *testing.T) ports.WrappingKeys) {
	for _, g := range []struct {
		name string
		hold func(*wrapping)
	}{
		{"a wrapped key unwraps to what it was", wrappedKeyUnwraps},
		{"every data key is new", dataKeysAreDistinct},
		{"a wrapped key opens for its tenant only", wrappedKeyIsItsTenants},
		{"a wrapped key opens as its version only", wrappedKeyIsItsVersions},
		{"a wrapped key with any bit flipped is refused", flippedWrappedKeyIsRefused},
		{"a wrapped key that is cut or longer is refused", cutWrappedKeyIsRefused},
		{"what no provider wrapped is refused", foreignBytesAreRefused},
		{"what is wrapped by the newest version stays as it is", newestWrapStays},
		{"what does not unwrap is not rewrapped", refusedKeyIsNotRewrapped},
		{"a wrapped key tells what wrapped it", wrappedKeyTellsItsVersion},
		{"an id that is no tenant's is refused", hostileTenantsGetNoKey},
		{"a done context is answered with its error", doneContextGetsNoKey},
		{"slices are the caller's own", wrappingKeepsNoSlices},
		{"many callers at once get what one would", wrappingAtOnce},
		{"the provider has a name and is well", providerIsNamedAndWell},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			t.Cleanup(cancel)
			ids := core.NewIDs(time.Now, rand.Reader)
			w := &wrapping{WrappingKeys: open(t), t: t, ctx: ctx, tenant: ids.Tenant(), other: ids.Tenant()}
			_, w.refusal = w.Unwrap(ctx, w.tenant, 1, nil)
			g.hold(w)
		})
	}
}

// wrapping is a provider and two tenants of it.
type wrapping struct {
	ports.WrappingKeys
	t             *testing.T
	ctx           context.Context
	tenant, other core.TenantID
	refusal       error // what nil is answered with
}

func (w *wrapping) mustMake(tenant core.TenantID, version uint32) (plain, wrapped []byte) {
	w.t.Helper()
	plain, wrapped, err := w.NewDataKey(w.ctx, tenant, version)
	if err != nil {
		w.t.Fatalf("NewDataKey: %v", err)
	}
	if len(plain) != 32 {
		w.t.Fatalf("a data key of %d bytes, want 32", len(plain))
	}
	return plain, wrapped
}

func (w *wrapping) mustUnwrap(tenant core.TenantID, version uint32, wrapped, want []byte) {
	w.t.Helper()
	got, err := w.Unwrap(w.ctx, tenant, version, wrapped)
	if err != nil {
		w.t.Fatalf("Unwrap: %v", err)
	}
	if !bytes.Equal(got, want) {
		w.t.Fatal("Unwrap gave another key")
	}
}

// refused wants the one answer there is to a wrapped key that does not open.
func (w *wrapping) refused(what string, tenant core.TenantID, version uint32, wrapped []byte) {
	w.t.Helper()
	plain, err := w.Unwrap(w.ctx, tenant, version, wrapped)
	w.unavailable(what, err)
	if plain != nil {
		w.t.Errorf("%s: gave %d bytes", what, len(plain))
	}
}

func (w *wrapping) unavailable(what string, err error) {
	w.t.Helper()
	var refusal, usual *core.Error
	switch {
	case !errors.As(err, &refusal) || refusal.Code != core.CodeKeyUnavailable:
		w.t.Errorf("%s: %v, want %s", what, err, core.CodeKeyUnavailable)
	case errors.As(w.refusal, &usual) && refusal.Message != usual.Message:
		w.t.Errorf("%s is told apart: %q, and nothing at all %q", what, refusal.Message, usual.Message)
	}
}

func wrappedKeyUnwraps(w *wrapping) {
	for _, tenant := range []core.TenantID{w.tenant, w.other, core.DeploymentTenant} {
		for _, version := range []uint32{core.IndexKeyVersion, 1, 2, 1<<32 - 1} {
			plain, wrapped := w.mustMake(tenant, version)
			w.mustUnwrap(tenant, version, wrapped, plain)
			w.mustUnwrap(tenant, version, wrapped, plain) // and again
			if bytes.Contains(wrapped, plain) {
				w.t.Error("the wrapped form holds the key")
			}
		}
	}
}

func dataKeysAreDistinct(w *wrapping) {
	seen := map[string]bool{}
	for range 20 {
		for _, tenant := range []core.TenantID{w.tenant, w.other} {
			plain, wrapped := w.mustMake(tenant, 1)
			if seen[string(plain)] || seen[string(wrapped)] || bytes.Equal(plain, make([]byte, 32)) {
				w.t.Fatal("a data key that was there before")
			}
			seen[string(plain)], seen[string(wrapped)] = true, true
		}
	}
}

func wrappedKeyIsItsTenants(w *wrapping) {
	_, wrapped := w.mustMake(w.tenant, 1)
	w.refused("another tenant", w.other, 1, wrapped)
	w.refused("a tenant that looks alike", lookAlike(w.tenant), 1, wrapped)
	w.refused("the deployment", core.DeploymentTenant, 1, wrapped)
	_, wrapped = w.mustMake(core.DeploymentTenant, 1)
	w.refused("the deployment's key for a tenant", w.tenant, 1, wrapped)
}

func wrappedKeyIsItsVersions(w *wrapping) {
	for _, version := range []uint32{core.IndexKeyVersion, 1, 12} {
		_, wrapped := w.mustMake(w.tenant, version)
		for _, other := range []uint32{0, 1, 2, 12, 21, 1<<32 - 1} {
			if other != version {
				w.refused(fmt.Sprintf("version %d as %d", version, other), w.tenant, other, wrapped)
			}
		}
	}
}

func flippedWrappedKeyIsRefused(w *wrapping) {
	plain, wrapped := w.mustMake(w.tenant, 1)
	for bit := range len(wrapped) * 8 {
		changed := bytes.Clone(wrapped)
		changed[bit/8] ^= 1 << (bit % 8)
		w.refused(fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), w.tenant, 1, changed)
	}
	w.mustUnwrap(w.tenant, 1, wrapped, plain)
}

func cutWrappedKeyIsRefused(w *wrapping) {
	_, wrapped := w.mustMake(w.tenant, 1)
	for n := range wrapped {
		w.refused(fmt.Sprintf("the first %d bytes", n), w.tenant, 1, wrapped[:n])
	}
	w.refused("without its first byte", w.tenant, 1, wrapped[1:])
	w.refused("with a byte before", w.tenant, 1, append([]byte{0}, wrapped...))
	for _, more := range []string{"\x00", " ", "\n", "=", "A"} {
		w.refused(fmt.Sprintf("with %q after", more), w.tenant, 1, append(bytes.Clone(wrapped), more...))
	}
	w.refused("twice", w.tenant, 1, append(bytes.Clone(wrapped), wrapped...))
}

func foreignBytesAreRefused(w *wrapping) {
	plain, wrapped := w.mustMake(w.tenant, 1)
	for what, b := range map[string][]byte{
		"nil": nil, "nothing": {}, "the key itself": plain, "text": []byte("not a wrapped key"),
		"zeros": make([]byte, len(wrapped)), "a megabyte": make([]byte, 1<<20),
	} {
		w.refused(what, w.tenant, 1, b)
	}
}

func hostileTenantsGetNoKey(w *wrapping) {
	_, wrapped := w.mustMake(w.tenant, 1)
	for _, id := range hostile(string(w.tenant)) {
		tenant := core.TenantID(id)
		w.refused(fmt.Sprintf("unwrap for %.60q", id), tenant, 1, wrapped)
		if tenant.Valid() {
			continue // the look-alike
		}
		plain, wrapped, err := w.NewDataKey(w.ctx, tenant, 1)
		w.unavailable(fmt.Sprintf("a key for %.60q", id), err)
		if plain != nil || wrapped != nil {
			w.t.Errorf("a key for %.60q was made", id)
		}
	}
}

func newestWrapStays(w *wrapping) {
	for _, tenant := range []core.TenantID{w.tenant, core.DeploymentTenant} {
		plain, wrapped := w.mustMake(tenant, 7)
		lent := bytes.Clone(wrapped)
		again, err := w.Rewrap(w.ctx, tenant, 7, lent)
		if err != nil || !bytes.Equal(again, wrapped) {
			w.t.Fatalf("Rewrap gave another form (%v)", err)
		}
		clear(lent)
		w.mustUnwrap(tenant, 7, again, plain)
	}
}

func refusedKeyIsNotRewrapped(w *wrapping) {
	_, wrapped := w.mustMake(w.tenant, 1)
	refused := func(what string, tenant core.TenantID, version uint32, wrapped []byte) {
		w.t.Helper()
		made, err := w.Rewrap(w.ctx, tenant, version, wrapped)
		w.unavailable(what, err)
		if made != nil {
			w.t.Errorf("%s: gave %d bytes", what, len(made))
		}
	}
	refused("another tenant", w.other, 1, wrapped)
	refused("the deployment", core.DeploymentTenant, 1, wrapped)
	refused("another version", w.tenant, 2, wrapped)
	refused("nothing", w.tenant, 1, nil)
	refused("cut", w.tenant, 1, wrapped[:len(wrapped)-1])
	refused("a hostile id", "../"+w.tenant, 1, wrapped)
	for i := range wrapped {
		changed := bytes.Clone(wrapped)
		changed[i] ^= 1 << (i % 8)
		refused(fmt.Sprintf("byte %d changed", i), w.tenant, 1, changed)
	}
}

func wrappedKeyTellsItsVersion(w *wrapping) {
	_, wrapped := w.mustMake(w.tenant, 1)
	_, other := w.mustMake(w.other, 5)
	if v := w.WrappedBy(wrapped); v == 0 || v != w.WrappedBy(other) {
		w.t.Errorf("wrapped by versions %d and %d", v, w.WrappedBy(other))
	}
	for what, b := range map[string][]byte{
		"nil": nil, "text": []byte("not a wrapped key"), "cut": wrapped[:len(wrapped)/4], "zeros": make([]byte, len(wrapped)),
	} {
		if v := w.WrappedBy(b); v != 0 {
			w.t.Errorf("%s is wrapped by version %d", what, v)
		}
	}
}

func doneContextGetsNoKey(w *wrapping) {
	_, wrapped := w.mustMake(w.tenant, 1)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	plain, made, err := w.NewDataKey(ctx, w.tenant, 1)
	if !errors.Is(err, context.Canceled) || plain != nil || made != nil {
		w.t.Errorf("NewDataKey: %v", err)
	}
	if plain, err = w.Unwrap(ctx, w.tenant, 1, wrapped); !errors.Is(err, context.Canceled) || plain != nil {
		w.t.Errorf("Unwrap: %v", err)
	}
	if made, err = w.Rewrap(ctx, w.tenant, 1, wrapped); !errors.Is(err, context.Canceled) || made != nil {
		w.t.Errorf("Rewrap: %v", err)
	}
	if err := w.Health(ctx); !errors.Is(err, context.Canceled) {
		w.t.Errorf("Health: %v", err)
	}
}

func wrappingKeepsNoSlices(w *wrapping) {
	plain, wrapped := w.mustMake(w.tenant, 1)
	wantPlain, wantWrapped := bytes.Clone(plain), bytes.Clone(wrapped)
	clear(plain)
	lent := bytes.Clone(wrapped)
	clear(wrapped)
	got, err := w.Unwrap(w.ctx, w.tenant, 1, lent)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(lent, wantWrapped) {
		w.t.Error("Unwrap changed what it was given")
	}
	clear(lent)
	if !bytes.Equal(got, wantPlain) {
		w.t.Error("the key changed with the caller's slices")
	}
	clear(got)
	w.mustUnwrap(w.tenant, 1, wantWrapped, wantPlain)
}

func wrappingAtOnce(w *wrapping) {
	for _, err := range together(16, func(i int) error {
		tenant := []core.TenantID{w.tenant, w.other}[i%2]
		for range 10 {
			version := uint32(i) //nolint:gosec // below 16
			plain, wrapped, err := w.NewDataKey(w.ctx, tenant, version)
			if err != nil {
				return err
			}
			got, err := w.Unwrap(w.ctx, tenant, version, wrapped)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, plain) {
				return errors.New("another caller's key")
			}
		}
		return nil
	}) {
		if err != nil {
			w.t.Error(err)
		}
	}
}

func providerIsNamedAndWell(w *wrapping) {
	first, second := w.Provider(), w.Provider()
	if first == "" || first != second {
		w.t.Errorf("the provider's name is %q, then %q", first, second)
	}
	if err := w.Health(w.ctx); err != nil {
		w.t.Errorf("Health: %v", err)
	}
}
