package localkeys_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/contract"
)

func TestContract(t *testing.T) {
	t.Parallel()
	contract.WrappingKeys(t, func(t *testing.T) ports.WrappingKeys {
		k, err := localkeys.Generate(filepath.Join(t.TempDir(), "keyring"), "", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}

func TestContractOfThePlatform(t *testing.T) {
	contract.PlatformKeys(t, func(t *testing.T) ports.PlatformKeys {
		k, err := localkeys.Generate(filepath.Join(t.TempDir(), "keyring"), "", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}

func TestContractOfRotation(t *testing.T) {
	contract.RotatedKeys(t, func(t *testing.T) (ports.WrappingKeys, func(core.TenantID) ports.WrappingKeys) {
		path := filepath.Join(t.TempDir(), "keyring")
		k, err := localkeys.Generate(path, "", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k, func(core.TenantID) ports.WrappingKeys {
			next, err := localkeys.AddVersion(path, "", rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
	})
}
