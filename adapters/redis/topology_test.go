package redis_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// A Cluster has one database only, so that its subtests take turns.
func TestContractOnACluster(t *testing.T) {
	t.Parallel()
	cluster := backend.RedisCluster(t)
	var turn sync.Mutex
	take := func(t *testing.T) *redis.Store {
		turn.Lock()
		t.Cleanup(turn.Unlock)
		s := openSoon(t, redis.Options{URL: cluster.URL()}) // the subtest before may have restarted it
		t.Cleanup(func() {
			for _, node := range cluster.Nodes {
				command(t, node.URL(), "FLUSHALL", "SYNC")
			}
		})
		return s
	}
	contract.All(t, contract.Backend{
		Open:  func(t *testing.T) contract.Store { return take(t) },
		Break: func(t *testing.T, s contract.Store) { closeStore(t, s) },
		Reopen: func(t *testing.T, s contract.Store) contract.Store {
			closeStore(t, s)
			for _, node := range cluster.Nodes {
				node.Kill()
			}
			for _, node := range cluster.Nodes {
				node.Restart()
			}
			return openSoon(t, redis.Options{URL: cluster.URL()})
		},
	})
	t.Run("Limiter", func(t *testing.T) {
		t.Parallel()
		contract.Limiter(t, func(t *testing.T) ports.Limiter { return take(t) })
	})
}

func TestContractBehindSentinels(t *testing.T) {
	t.Parallel()
	sentinel := backend.RedisSentinel(t)
	databases := make(chan string, 8)
	for n := range cap(databases) {
		databases <- string(rune('0' + n))
	}
	contract.All(t, contract.Backend{
		Open: func(t *testing.T) contract.Store {
			n := <-databases
			url := strings.TrimSuffix(sentinel.URL(), "0") + n
			t.Cleanup(func() {
				o, err := goredis.ParseURL(sentinel.Master().URL())
				if err != nil {
					t.Error(err)
					return
				}
				o.DB = int(n[0] - '0')
				do(t, o, "FLUSHDB", "SYNC")
				databases <- n
			})
			return named{open(t, redis.Options{URL: url}), url}
		},
		Break: func(t *testing.T, s contract.Store) { closeStore(t, s) },
		Reopen: func(t *testing.T, s contract.Store) contract.Store {
			closeStore(t, s)
			return open(t, redis.Options{URL: s.(named).url}) //nolint:forcetypeassert // as above
		},
	})
}

// named is a store that knows its URL.
type named struct {
	*redis.Store
	url string
}

func closeStore(t *testing.T, s contract.Store) {
	t.Helper()
	if err := s.(io.Closer).Close(); err != nil { //nolint:forcetypeassert // these tests open no other
		t.Fatal(err)
	}
}
