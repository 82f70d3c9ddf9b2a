package app

import (
	"context"
	"io"
	"path/filepath"

	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// store is every store port, whichever adapter it is.
type store interface {
	ports.Store
	io.Closer
}

// openStore opens the store that is configured, with the limiter that goes with
// it: where several processes share a store, they share the limits too.
func openStore(ctx context.Context, cfg config.Config) (store, ports.Limiter, error) {
	return openToldStore(ctx, cfg, nil, nil)
}

// openToldStore is openStore with who is told of each tenant that has new events,
// and how many steps of the embedded store were committed at once.
func openToldStore(
	ctx context.Context, cfg config.Config, told func(core.TenantID), committed func(steps int),
) (store, ports.Limiter, error) {
	if cfg.Store.Backend == config.StoreRedis {
		opt := redisOptions(cfg.Store.Redis)
		opt.Events, opt.MaxOutbox = told, cfg.Audit.MaxOutbox
		s, err := redis.Open(ctx, opt)
		return s, s, err
	}
	s, err := sqlite.Open(ctx, cfg.DataDir, sqlite.Options{Events: told, MaxOutbox: cfg.Audit.MaxOutbox, Committed: committed})
	return s, memlimit.New(maxBuckets), err
}

// storePlace says where the configured store is, for people: data_dir may be
// another one than they think, when it is relative or set elsewhere.
func storePlace(cfg config.Config) string {
	if cfg.Store.Backend == config.StoreRedis {
		return "the Redis of store.redis.url" // which holds a password
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return cfg.DataDir
	}
	return dir
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
