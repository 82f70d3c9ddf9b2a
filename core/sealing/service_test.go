package sealing_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

func TestSealedThingsOpenOnEveryNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	other := w.node(t, sealing.Options{})
	for _, tenant := range []core.TenantID{ada, bob, core.DeploymentTenant} {
		sealed := seal(t, w.service, placeOf(tenant), "the ravens know")
		if bytes.Contains(sealed, []byte("ravens")) {
			t.Error("sealed bytes hold the plaintext")
		}
		mustOpen(t, w.service, placeOf(tenant), sealed, "the ravens know")
		mustOpen(t, other, placeOf(tenant), sealed, "the ravens know")
	}
}

// Whatever is wrong with a thing, the answer is one internal error that names
// the place and says no more.
func TestDamageIsOneInternalErrorThatTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	home := placeOf(ada)
	sealed := seal(t, w.service, home, "the ravens know")
	want := "sealing: user usr_1, version 1, of tenant " + string(ada) + " is damaged: " + core.ErrSealed.Error()
	refuse := func(name string, b []byte) {
		t.Helper()
		plain, err := w.service.Open(t.Context(), home, b)
		var public *core.Error
		if !errors.Is(err, core.ErrSealed) || errors.As(err, &public) || plain != nil {
			t.Errorf("%s: %q, %v", name, plain, err)
		} else if err.Error() != want {
			t.Errorf("%s: %q, want %q", name, err, want)
		}
	}
	for _, i := range []int{0, 3, 4, 7, 8, 40, 72, 84, len(sealed) - 1} {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		refuse("a bit flipped", b)
	}
	refuse("cut", sealed[:len(sealed)-1])
	refuse("nothing", nil)
	moved := home
	moved.Version = 2
	refuse("an older version", seal(t, w.service, moved, "later"))
	refuse("another tenant's", seal(t, w.service, placeOf(bob), "bob's"))
}

func TestThingsOfAnotherDeploymentDoNotOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	sealed := seal(t, w.service, placeOf(ada), "x")
	other := newWorld(t, sealing.Options{})
	other.service = sealing.New(deps(w.wrapper, w.store, w.clock), sealing.Options{})
	w.deployment.ID = "dep_2"
	if err := other.service.Start(t.Context(), nil, nil); !errors.Is(err, core.ErrSealed) {
		t.Errorf("started with another deployment's keys: %v", err)
	}
	w.deployment = nil
	if _, err := w.node(t, sealing.Options{}, "dep_3").Open(t.Context(), placeOf(ada), sealed); !errors.Is(err, core.ErrSealed) {
		t.Errorf("opened in another deployment: %v", err)
	}
}

func TestIndexKeyNeverSeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	forged, err := core.SealEnvelope(rand.Reader, w.plain(t, ada, core.IndexKeyVersion), core.IndexKeyVersion, "dep_1", placeOf(ada), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.Open(t.Context(), placeOf(ada), forged); !errors.Is(err, core.ErrSealed) {
		t.Errorf("opened under the index key: %v", err)
	}
	list, _ := w.DataKeys(t.Context(), ada)
	w.set(ada, list[:1])
	w.service.Forget(ada)
	if _, err := w.service.Seal(t.Context(), placeOf(ada), []byte("x")); err == nil {
		t.Error("sealed without a sealing key")
	}
	if _, err := w.service.Status(t.Context(), ada, core.EncryptionPlatform); err == nil {
		t.Error("a status without a sealing key")
	}
}

// plain unwraps one of the tenant's keys behind the service's back.
func (w *world) plain(t *testing.T, tenant core.TenantID, version uint32) []byte {
	t.Helper()
	list, err := w.DataKeys(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	if version == core.IndexKeyVersion {
		under, _ := core.EnvelopeKeyVersion(list[0].Wrapped)
		place := core.Place{Tenant: tenant, Kind: core.KindDataKey, Record: "0", Version: 1}
		plain, err := core.OpenEnvelope(w.plain(t, tenant, under), "dep_1", place, list[0].Wrapped)
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	plain, err := w.Unwrap(t.Context(), tenant, version, list[version].Wrapped)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestNewestKeySealsAndOlderOnesOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	first := seal(t, w.service, placeOf(ada), "first")
	w.rotate(t, ada)
	w.service.Forget(ada)
	second := seal(t, w.service, placeOf(ada), "second")
	if v, _ := core.EnvelopeKeyVersion(second); v != 2 {
		t.Errorf("sealed under version %d after a rotation", v)
	}
	mustOpen(t, w.service, placeOf(ada), first, "first")
	mustOpen(t, w.service, placeOf(ada), second, "second")
}

func TestKeyMadeByAnotherNodeIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	seal(t, w.service, placeOf(ada), "cached")
	w.rotate(t, ada)
	sealed := seal(t, w.node(t, sealing.Options{}), placeOf(ada), "under version 2")
	before := w.asked()
	mustOpen(t, w.service, placeOf(ada), sealed, "under version 2")
	if asked := w.asked() - before; asked != 1 {
		t.Errorf("asked the store %d times", asked)
	}
	if v, _ := core.EnvelopeKeyVersion(seal(t, w.service, placeOf(ada), "x")); v != 2 {
		t.Errorf("goes on sealing under version %d", v)
	}
}

func TestUnknownKeyVersionAsksTheStoreOnceAndFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	sealed := seal(t, w.service, placeOf(ada), "x")
	sealed[7] = 9
	before, unwraps := w.asked(), w.unwraps.Load()
	if _, err := w.service.Open(t.Context(), placeOf(ada), sealed); !errors.Is(err, core.ErrSealed) {
		t.Errorf("got %v", err)
	}
	if asked := w.asked() - before; asked != 1 {
		t.Errorf("asked the store %d times", asked)
	}
	seal(t, w.service, placeOf(ada), "y")
	if w.unwraps.Load() != unwraps {
		t.Error("the tenant's cached keys were lost by it")
	}
}

func TestFailuresOfStoreAndProviderPassUnchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	sealed := seal(t, w.service, placeOf(ada), "x")
	check := func(name string, want core.Code) {
		t.Helper()
		w.service.Forget(ada)
		_, sealing := w.service.Seal(t.Context(), placeOf(ada), nil)
		_, opening := w.service.Open(t.Context(), placeOf(ada), sealed)
		_, hashing := w.service.Hash(t.Context(), ada, "d", "v")
		_, deriving := w.service.Secret(t.Context(), ada, "d")
		for _, err := range []error{sealing, opening, hashing, deriving} {
			if !core.Is(err, want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
	w.fail(core.Unavailable(errors.New("refused")))
	check("store down", core.CodeUnavailable)
	w.fail(nil)
	for _, code := range []core.Code{core.CodeKeyManagement, core.CodeKeyUnavailable} {
		w.gate = func(context.Context) error { return core.NewError(code, "no") }
		check("provider", code)
	}
	w.gate = nil
	w.remove(ada)
	check("tenant gone", core.CodeNotFound)
}

func TestKeysOfAnotherProviderAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	list, _ := w.DataKeys(t.Context(), ada)
	list[1].Provider = "other"
	w.set(ada, list)
	if _, err := w.service.Seal(t.Context(), placeOf(ada), nil); !core.Is(err, core.CodeKeyManagement) {
		t.Errorf("got %v", err)
	}
	if w.unwraps.Load() != 0 {
		t.Error("a key of another provider was handed to this one")
	}
}

func TestKeyOfAnotherSizeIsRefused(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 31, 33} {
		w := newWorld(t, sealing.Options{})
		key, place := w.place(ada, 1)
		wrapped, err := core.SealEnvelope(rand.Reader, key, 1, "", place, make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		w.set(ada, []core.WrappedKey{{Version: 1, Provider: "test", Wrapped: wrapped}})
		if _, err := w.service.Seal(t.Context(), placeOf(ada), nil); err == nil {
			t.Errorf("sealed under a key of %d bytes", size)
		}
	}
}

func TestHashIsKeyedByTenantAndDomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	hash := func(tenant core.TenantID, domain, value string) string {
		h, err := w.service.Hash(t.Context(), tenant, domain, value)
		if err != nil || len(h) != 43 {
			t.Fatalf("hash %q, %v", h, err)
		}
		return h
	}
	sub, err := hkdf.Key(sha256.New, w.plain(t, ada, core.IndexKeyVersion), nil, "\x00\x00\x00\x0eraven/index/v1\x00\x00\x00\x04user", 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, sub)
	mac.Write([]byte("crm-42"))
	if got, want := hash(ada, "user", "crm-42"), base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	w.rotate(t, ada)
	w.service.Forget(ada)
	seen := map[string]string{}
	for _, c := range [][3]string{
		{string(ada), "user", "crm-42"}, {string(bob), "user", "crm-42"}, {string(ada), "conversation", "crm-42"},
		{string(ada), "user", "crm-43"}, {string(ada), "userc", "rm-42"}, {string(ada), "use", "rcrm-42"},
		{string(core.DeploymentTenant), "user", "crm-42"}, {string(ada), "user", ""},
	} {
		h := hash(core.TenantID(c[0]), c[1], c[2])
		if h != hash(core.TenantID(c[0]), c[1], c[2]) {
			t.Errorf("%v: two hashes", c)
		}
		if before, ok := seen[h]; ok {
			t.Errorf("%v and %s have one hash", c, before)
		}
		seen[h] = c[0] + c[1] + c[2]
	}
}

func TestSecretsDifferByTenantDomainAndUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	secret := func(tenant core.TenantID, domain string) string {
		b, err := w.service.Secret(t.Context(), tenant, domain)
		if err != nil || len(b) != 32 {
			t.Fatalf("secret of %d bytes, %v", len(b), err)
		}
		return string(b)
	}
	a := secret(ada, "cursors")
	if a != secret(ada, "cursors") || a == secret(bob, "cursors") || a == secret(ada, "cursor") {
		t.Error("secrets are not the tenant's and the domain's own")
	}
	mac := hmac.New(sha256.New, []byte(a))
	mac.Write([]byte("v"))
	if h, _ := w.service.Hash(t.Context(), ada, "cursors", "v"); h == base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		t.Error("a secret is the key of the domain's hashes")
	}
}

func TestNewTenantKeysAreAnIndexKeyAndASealingKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	w.advance(1234567)
	keys, err := w.service.NewTenantKeys(t.Context(), ada, core.EncryptionPlatform)
	if err != nil || len(keys) != 2 || keys[0].Version != core.IndexKeyVersion || keys[1].Version != 1 {
		t.Fatalf("got %+v, %v", keys, err)
	}
	for _, k := range keys {
		if k.Provider != []string{core.ProviderDataKey, "test"}[k.Version] || k.CreatedAt.Location() != time.UTC || k.CreatedAt.Nanosecond() != 1_000_000 {
			t.Errorf("version %d: provider %q, created %v", k.Version, k.Provider, k.CreatedAt)
		}
	}
	w.set(ada, keys)
	w.plain(t, ada, core.IndexKeyVersion)
}

func TestStatusIsToldWithoutTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sealing.Options{})
	w.advance(time.Hour)
	w.rotate(t, ada)
	w.gate = func(context.Context) error { return core.NewError(core.CodeKeyUnavailable, "gone") }
	got, err := w.service.Status(t.Context(), ada, core.EncryptionTenant)
	want := core.Encryption{Mode: core.EncryptionTenant, Provider: "test", KeyVersion: 2, KeyCreatedAt: w.Now()}
	want.Reencryption.State = core.ReencryptionIdle
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func BenchmarkSeal1KiB(b *testing.B) {
	w := newWorld(b, sealing.Options{})
	plain := make([]byte, 1<<10)
	b.SetBytes(1 << 10)
	for b.Loop() {
		if _, err := w.service.Seal(b.Context(), placeOf(ada), plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen1KiB(b *testing.B) {
	w := newWorld(b, sealing.Options{})
	sealed, err := w.service.Seal(b.Context(), placeOf(ada), make([]byte, 1<<10))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 10)
	for b.Loop() {
		if _, err := w.service.Open(b.Context(), placeOf(ada), sealed); err != nil {
			b.Fatal(err)
		}
	}
}
