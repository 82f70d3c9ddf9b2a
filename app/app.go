// Package app is where the parts of Raven meet: it chooses adapters by
// configuration, wires them to the services, starts what works in the
// background, and stops everything in order. It alone knows two adapters at
// once.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/quotas"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/ports"
)

// maxBuckets bounds the rate limiter's memory.
const maxBuckets = 100_000

// App is one Raven process: everything but the listening.
type App struct {
	cfg   config.Config
	log   *slog.Logger
	clock clock
	ids   *core.IDs

	store   store
	limiter ports.Limiter
	sealing *sealing.Service
	keys    *keys.Service
	quotas  *quotas.Service
	memory  *memory.Service
	recall  *recall.Service
	tenancy *tenancy.Service
	cursors *core.Cursors

	purge   chan struct{}
	workers *workers
}

// New opens the store and the keyring and wires the services. Whoever gets an
// App must Close it.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log, purge: make(chan struct{}, 1)}
	a.ids = core.NewIDs(a.clock.Now, rand.Reader)
	var err error
	if a.store, a.limiter, err = openStore(ctx, cfg); err != nil {
		return nil, err
	}
	if err := a.wire(ctx); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	a.startWorkers()
	return a, nil
}

func (a *App) wire(ctx context.Context) error {
	keyring, err := openKeyring(a.cfg, a.log)
	if err != nil {
		return err
	}
	a.sealing = sealing.New(keyring, a.store, a.clock, rand.Reader, sealing.Options{CacheTTL: a.cfg.Keys.CacheTTL})
	if err := a.sealing.Start(ctx, a.ids.Deployment, keyring.Checks()); err != nil {
		return err
	}
	secret, err := a.sealing.Secret(ctx, core.DeploymentTenant, "cursors")
	if err != nil {
		return err
	}
	a.cursors = core.NewCursors(secret)
	a.quotas = quotas.New(a.limiter, memlimit.New(maxBuckets), a.clock, quotas.Options{
		PerTenant:       a.cfg.Limits.RatePerMinute,
		Unauthenticated: a.cfg.Limits.UnauthenticatedPerMinute,
	})
	a.keys = keys.New(a.store, a.sealing, a.clock, rand.Reader, a.ids, a.cursors)
	a.recall = recall.New(a.store, a.store, a.sealing, snowball.New(), a.clock, recall.Options{MaxBytes: a.cfg.Recall.MaxBytes})
	held := memories{keys: a.keys, sealing: a.sealing, recall: a.recall, purge: a.purge}
	a.memory = memory.New(memory.Deps{
		Store: a.store, Tenants: a.store, Seal: a.sealing, Index: held,
		Clock: a.clock, IDs: a.ids, Cursors: a.cursors, Report: a.report,
	})
	a.tenancy = tenancy.New(tenancy.Deps{
		Store: a.store, Seal: a.sealing, Keys: a.keys, Flush: a.memory, Forget: held,
		Clock: a.clock, IDs: a.ids, Cursors: a.cursors,
	}, tenancyOptions(a.cfg))
	return nil
}

func tenancyOptions(cfg config.Config) tenancy.Options {
	top := cfg.Tenants.Ceilings
	return tenancy.Options{
		Defaults: cfg.DefaultSettings(),
		Ceilings: tenancy.Ceilings{
			RetentionDays:           top.RetentionDays,
			MaxUsers:                top.MaxUsers,
			MaxConversationsPerUser: top.MaxConversationsPerUser,
			BatchSize:               top.BatchSize,
			RateLimitPerMinute:      cfg.Limits.RatePerMinute,
		},
		FoldEmail: foldEmail,
		PlainRefs: cfg.Store.Backend == config.StoreRedis && !cfg.Store.Redis.HashExternalRefs,
	}
}

// foldEmail compares emails without regard to case, after NFC.
func foldEmail(s string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(s))) }

// report is told of failures that no caller hears of.
func (a *App) report(_ context.Context, doing string, err error) {
	a.log.Error("work after an answer failed", "doing", doing, "error", err.Error())
}

// Close ends the background work, writes what is noted and closes the store.
func (a *App) Close() error {
	a.workers.close()
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	return errors.Join(a.keys.FlushUses(ctx), a.store.Close())
}
