package stores_test

import (
	"testing"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// TestEmbeddedStoreRedisAndModelAgree drives the embedded store, a Redis and a
// small model in memory side by side.
func TestEmbeddedStoreRedisAndModelAgree(t *testing.T) {
	t.Parallel()
	contract.SideBySide(t, func(t *testing.T) (embedded, onRedis contract.Store) {
		one, err := sqlite.Open(t.Context(), backend.Embedded(t), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = one.Close() })
		two, err := redis.Open(t.Context(), redis.Options{URL: backend.SharedRedis(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = two.Close() })
		return one, two
	})
}
