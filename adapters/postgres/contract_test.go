package postgres_test

import (
	"testing"

	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// open opens a log in a database and closes it with the test.
func open(tb testing.TB, url string) *postgres.Log {
	tb.Helper()
	l, err := postgres.Open(tb.Context(), postgres.Options{URL: url})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func TestContract(t *testing.T) {
	t.Parallel()
	contract.AuditLog(t, func(t *testing.T) ports.AuditLog { return open(t, backend.SharedPostgres(t)) })
}
