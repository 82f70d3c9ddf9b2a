package localkeys_test

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/contract"
)

func TestContract(t *testing.T) {
	t.Parallel()
	contract.WrappingKeys(t, func(t *testing.T) ports.WrappingKeys {
		k, err := localkeys.Generate(filepath.Join(t.TempDir(), "keyring"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}
