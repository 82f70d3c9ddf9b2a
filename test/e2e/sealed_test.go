package e2e

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

// TestNothingSealedOpensElsewhere fills a deployment with every kind of sealed
// record, of tenants with keys of the platform's and of their own, reads each
// byte of its store, and tries whatever is sealed there with every key and for
// every place: one key of its owner's opens it, for one place.
func TestNothingSealedOpensElsewhere(t *testing.T) {
	t.Parallel()
	for name, env := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, env)
			d.server.Stop()
			store := d.raw(t)
			k := d.keys(t)
			opened, tries := k.tryAll(t, store)
			elsewhere := k.unwrapElsewhere(t)
			for _, kind := range kinds(t) {
				if len(opened[kind]) == 0 {
					t.Errorf("nothing of the kind %q is in the store: this test does not cover it", kind)
				}
			}
			var counts []string
			for _, kind := range slices.Sorted(maps.Keys(opened)) {
				counts = append(counts, fmt.Sprintf("%s %d", kind, len(opened[kind])))
			}
			t.Logf("%d cells; sealed: %s", len(store.cells), strings.Join(counts, ", "))
			t.Logf("%d keys of %d owners, %d places: %d tries elsewhere, 0 opened; %d data keys unwrapped elsewhere, 0 opened",
				len(k.keys), len(k.wrapped), len(store.places), tries, elsewhere)
		})
	}
}

// kinds are what core says can be sealed.
func kinds(t *testing.T) (list []core.Kind) {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(root)), "core", "keys.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, _ := n.(*ast.ValueSpec)
		if spec == nil || len(spec.Values) != 1 {
			return true
		}
		kind, _ := spec.Type.(*ast.Ident)
		value, _ := spec.Values[0].(*ast.BasicLit)
		if kind == nil || kind.Name != "Kind" || value == nil {
			return true
		}
		text, err := strconv.Unquote(value.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, core.Kind(text))
		return true
	})
	if len(list) < 10 {
		t.Fatalf("core has the kinds %v", list)
	}
	return list
}

// tryAll tries everything sealed with every key for every place. What opens, it
// lists by kind.
func (k *keychain) tryAll(t *testing.T, store *raw) (opened map[core.Kind][]string, tries int) {
	t.Helper()
	opened = map[core.Kind][]string{}
	seen := map[string]bool{}
	for _, e := range store.envelopes(t) {
		if k.isWrapped(e.sealed) || seen[string(e.owner)+string(e.sealed)] { // wrapped data keys are tried with who holds their keys
			continue
		}
		seen[string(e.owner)+string(e.sealed)] = true
		times := 0
		for _, key := range k.keys {
			for place := range store.places {
				if plain, err := core.OpenEnvelope(key.secret, k.deployment, place, e.sealed); err == nil {
					times++
					k.check(t, e, key, place, plain)
					opened[place.Kind] = append(opened[place.Kind], e.where)
				} else {
					tries++
				}
			}
		}
		if times != 1 {
			t.Errorf("%s, of %s: opened %d times, want once with its own key for its own place", e.where, e.owner, times)
		}
	}
	return opened, tries
}

// check holds what opened against whose row or key it was found in.
func (k *keychain) check(t *testing.T, e envelope, key openedKey, place core.Place, plain []byte) {
	t.Helper()
	ofDeployment := place.Tenant == core.DeploymentTenant && (e.owner == core.DeploymentTenant || strings.HasPrefix(place.Record+"/", string(e.owner)+"/"))
	if key.owner != place.Tenant || place.Tenant != e.owner && !ofDeployment {
		t.Errorf("%s, of %s, opens with the %s of %s for %+v", e.where, e.owner, key.what, key.owner, place)
	}
	if len(plain) == 0 {
		t.Errorf("%s: nothing is in it", e.where)
	}
	other := place
	other.Version++
	if _, err := core.OpenEnvelope(key.secret, k.deployment, other, e.sealed); err == nil {
		t.Errorf("%s opens in another version", e.where)
	}
	if _, err := core.OpenEnvelope(key.secret, k.deployment+"x", place, e.sealed); err == nil {
		t.Errorf("%s opens in another deployment", e.where)
	}
}

func (k *keychain) isWrapped(sealed []byte) bool {
	for _, list := range k.wrapped {
		for _, w := range list {
			if w.Provider != core.ProviderDataKey && bytes.Equal(w.Wrapped, sealed) {
				return true
			}
		}
	}
	return false
}
