package sqlite_test

import (
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

func TestContract(t *testing.T) {
	t.Parallel()
	contract.All(t, contract.Backend{
		Open: func(t *testing.T) contract.Store { return openPlaced(t, backend.Embedded(t)) },
		OpenWith: func(t *testing.T, maxOutbox int64, events func(core.TenantID)) contract.Store {
			return openWith(t, backend.Embedded(t), sqlite.Options{MaxOutbox: maxOutbox, Events: events})
		},
		Break: func(t *testing.T, s contract.Store) { closePlaced(t, s) },
		Reopen: func(t *testing.T, s contract.Store) contract.Store {
			return openPlaced(t, closePlaced(t, s))
		},
	})
}

// placed is a store that knows its directory.
type placed struct {
	*sqlite.Store
	dir string
}

func openPlaced(t *testing.T, dir string) placed {
	t.Helper()
	return placed{open(t, dir), dir}
}

func closePlaced(t *testing.T, s contract.Store) (dir string) {
	t.Helper()
	p, _ := s.(placed)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return p.dir
}
