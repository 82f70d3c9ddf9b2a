package redis_test

import (
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

func TestContract(t *testing.T) {
	t.Parallel()
	contract.All(t, contract.Backend{
		Open: func(t *testing.T) contract.Store {
			if ends(t) {
				server := backend.Redis(t)
				return served{open(t, redis.Options{URL: server.URL()}), server}
			}
			return open(t, redis.Options{URL: backend.SharedRedis(t)})
		},
		OpenWith: func(t *testing.T, maxOutbox int64, events func(core.TenantID)) contract.Store {
			return open(t, redis.Options{URL: backend.SharedRedis(t), MaxOutbox: maxOutbox, Events: events})
		},
		Break: func(_ *testing.T, s contract.Store) { serverOf(s).Kill() },
		Reopen: func(t *testing.T, s contract.Store) contract.Store {
			server := serverOf(s)
			server.Kill()
			server.Restart()
			return served{open(t, redis.Options{URL: server.URL()}), server}
		},
	})
}

func TestLimiterContract(t *testing.T) {
	t.Parallel()
	contract.Limiter(t, func(t *testing.T) ports.Limiter {
		return open(t, redis.Options{URL: backend.SharedRedis(t)})
	})
}

// ends reports whether a subtest of the contract ends its server.
func ends(t *testing.T) bool {
	return strings.Contains(t.Name(), "BrokenStore") || strings.Contains(t.Name(), "AcknowledgedIsDurable")
}

// served is a store that knows its server.
type served struct {
	*redis.Store
	server *backend.RedisServer
}

func serverOf(s contract.Store) *backend.RedisServer {
	one, _ := s.(served)
	return one.server
}
