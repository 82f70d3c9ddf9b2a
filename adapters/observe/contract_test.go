package observe_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// idle is a hook that does nothing.
type idle struct{}

func (idle) Begin(ctx context.Context, _, _ string) context.Context { return ctx }

func (idle) End(context.Context, string, string, time.Duration, string, bool) {}

// placed is a wrapped store that knows its directory.
type placed struct {
	observe.Store
	dir string
}

func open(t *testing.T, dir string, o sqlite.Options) placed {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return placed{observe.NewStore(s, idle{}), dir}
}

func TestContractOfAWrappedStore(t *testing.T) {
	t.Parallel()
	closePlaced := func(t *testing.T, s contract.Store) string {
		p, _ := s.(placed)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		return p.dir
	}
	contract.All(t, contract.Backend{
		Open: func(t *testing.T) contract.Store { return open(t, backend.Embedded(t), sqlite.Options{}) },
		OpenWith: func(t *testing.T, maxOutbox int64, events func(core.TenantID)) contract.Store {
			return open(t, backend.Embedded(t), sqlite.Options{MaxOutbox: maxOutbox, Events: events})
		},
		Break: func(t *testing.T, s contract.Store) { closePlaced(t, s) },
		Reopen: func(t *testing.T, s contract.Store) contract.Store {
			return open(t, closePlaced(t, s), sqlite.Options{})
		},
	})
}

func TestContractOfAWrappedLimiter(t *testing.T) {
	t.Parallel()
	contract.Limiter(t, func(*testing.T) ports.Limiter { return observe.NewLimiter(memlimit.New(1000), idle{}) })
}

func generate(t *testing.T, path string) ports.PlatformKeys {
	t.Helper()
	k, err := localkeys.Generate(path, "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return observe.NewPlatformKeys(k, idle{})
}

func TestContractOfWrappedKeys(t *testing.T) {
	contract.WrappingKeys(t, func(t *testing.T) ports.WrappingKeys {
		return observe.NewWrappingKeys("TenantKeys", generate(t, filepath.Join(t.TempDir(), "keyring")), idle{})
	})
}

func TestContractOfWrappedKeysOfThePlatform(t *testing.T) {
	contract.PlatformKeys(t, func(t *testing.T) ports.PlatformKeys {
		return generate(t, filepath.Join(t.TempDir(), "keyring"))
	})
}

func TestContractOfWrappedKeysThatRotate(t *testing.T) {
	contract.RotatedKeys(t, func(t *testing.T) (ports.WrappingKeys, func(core.TenantID) ports.WrappingKeys) {
		path := filepath.Join(t.TempDir(), "keyring")
		return generate(t, path), func(core.TenantID) ports.WrappingKeys {
			next, err := localkeys.AddVersion(path, "", rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return observe.NewPlatformKeys(next, idle{})
		}
	})
}
