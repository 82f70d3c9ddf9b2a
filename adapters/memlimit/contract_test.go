package memlimit_test

import (
	"testing"

	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/contract"
)

func TestContract(t *testing.T) {
	t.Parallel()
	contract.Limiter(t, func(*testing.T) ports.Limiter { return memlimit.New(1000) })
}
