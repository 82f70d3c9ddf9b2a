package app

import (
	"context"
	"io"

	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/ports"
)

// store is every store port, whichever adapter it is.
type store interface {
	tenancy.Store
	memory.Store
	ports.APIKeys
	ports.Changes
	ports.Idempotency
	ports.Outbox
	ports.DataKeys
	ports.Health
	io.Closer
}

// openStore opens the store that is configured, with the limiter that goes with
// it: where several processes share a store, they share the limits too.
func openStore(ctx context.Context, cfg config.Config) (store, ports.Limiter, error) {
	if cfg.Store.Backend == config.StoreRedis {
		s, err := redis.Open(ctx, redisOptions(cfg.Store.Redis))
		return s, s, err
	}
	s, err := sqlite.Open(ctx, cfg.DataDir, sqlite.Options{})
	return s, memlimit.New(maxBuckets), err
}

func redisOptions(r config.Redis) redis.Options {
	return redis.Options{
		URL:    r.URL.Reveal(),
		CAFile: r.CAFile, CertFile: r.CertFile, KeyFile: r.KeyFile,
		PoolSize:    int(r.PoolSize),
		Relaxed:     r.Relaxed,
		TrustServer: r.TrustServer,
		Wait:        redis.Wait{Replicas: int(r.WaitReplicas), AOF: r.WaitAOF, Timeout: r.WaitTimeout},
	}
}
