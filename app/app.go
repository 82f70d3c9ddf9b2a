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
	"sync/atomic"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/adapters/memlimit"
	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/adapters/thesaurus"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/quotas"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/relay"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/webhooks"
	"github.com/raven-memory/raven/ports"
)

// maxBuckets bounds the rate limiter's memory.
const maxBuckets = 100_000

// App is one Raven process: everything but the listening.
type App struct {
	cfg   config.Config
	log   *slog.Logger
	clock ports.Clock
	ids   *core.IDs

	store     store
	limiter   ports.Limiter
	sealing   *sealing.Service
	keys      *keys.Service
	quotas    *quotas.Service
	memory    *memory.Service
	facts     *facts.Service
	learner   *learner
	models    models
	embedding *embedding
	recall    *recall.Service
	tenancy   *tenancy.Service
	cursors   *core.Cursors
	audit     auditing
	webhooks  *webhooks.Service
	observing

	notified  atomic.Pointer[relay.Service] // set once it takes notices
	holders   keyHolders
	reencrypt chan struct{}

	purge   chan struct{}
	workers *workers
}

// New opens the store and the keyring and wires the services. Whoever gets an
// App must Close it.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a, err := open(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	a.startWorkers()
	return a, nil
}

// open is New without what works in the background.
func open(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	return openIn(ctx, cfg, log, Outside{})
}

func openIn(ctx context.Context, cfg config.Config, log *slog.Logger, outside Outside) (*App, error) {
	a := &App{cfg: cfg, log: log, clock: clock{}, purge: make(chan struct{}, 1), reencrypt: make(chan struct{}, 1)}
	if outside.Clock != nil {
		a.clock = outside.Clock
	}
	a.hooks = outside.Hooks
	a.ids = core.NewIDs(a.clock.Now, rand.Reader)
	keyring, err := findKeyring(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.openObserving(ctx); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx); err != nil {
		a.closeObserving(ctx)
		return nil, err
	}
	if err := a.wire(ctx, keyring); err != nil {
		return nil, errors.Join(err, a.abandon())
	}
	a.addFigures()
	a.workers = newWorkers(a.log, a.hooks)
	return a, nil
}

func (a *App) openStore(ctx context.Context) error {
	s, limiter, err := openToldStore(ctx, a.cfg, a.notify, a.metrics.Committed)
	if err != nil {
		return err
	}
	if err := checkWhole(ctx, s); err != nil {
		return errors.Join(err, s.Close())
	}
	a.store, a.limiter = observe.NewStore(s, a.hooks...), observe.NewLimiter(limiter, a.hooks...)
	return nil
}

// wire makes the services; keyring is nil where there is none yet, or is not what
// wraps.
func (a *App) wire(ctx context.Context, keyring *localkeys.Keyring) error {
	if err := a.openSealing(ctx, keyring); err != nil {
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
	a.openModels()
	a.embedding = newEmbedding(a)
	a.facts = facts.New(facts.Deps{
		Store: a.store, Seal: a.sealing, Extract: a.extractor(), Clock: a.clock, IDs: a.ids, Cursors: a.cursors,
	})
	a.recall = recall.New(a.store, a.store, a.sealing, snowball.New(), a.clock, recall.Options{
		MaxBytes: a.cfg.Recall.MaxBytes, Facts: a.facts, Thesaurus: thesaurus.New(),
		Segments: &recall.Segments{Derived: a.store, Sealer: a.sealing, IDs: a.ids, Report: a.report},
		Vectors:  a.vectors(), Reranking: a.reranking(),
	})
	held := memories{keys: a.keys, sealing: a.sealing, recall: a.recall, purge: a.purge}
	a.facts.Index = held
	a.learner = newLearner(a)
	a.memory = memory.New(memory.Deps{
		Store: a.store, Tenants: a.store, Seal: a.sealing, Facts: a.facts, Index: held, Heard: a.takenIn,
		Clock: a.clock, IDs: a.ids, Cursors: a.cursors, Report: a.report,
	})
	a.tenancy = tenancy.New(tenancy.Deps{
		Store: a.store, Seal: a.sealing, Keys: a.keys, Flush: a.memory, Facts: a.facts, Forget: held,
		Clock: a.clock, IDs: a.ids, Cursors: a.cursors,
	}, tenancyOptions(a.cfg))
	lanes, err := a.openWebhooks()
	if err != nil {
		return err
	}
	return a.openAudit(ctx, lanes...)
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
		Webhooks:   webhookRules(cfg.Webhooks),
		TenantKeys: cfg.Keys.Tenant.Provider != config.KeysNone,
		FoldEmail:  foldEmail,
		PlainRefs:  plainRefs(cfg),
	}
}

// plainRefs reports whether references and emails stand in the store's keys as
// they are.
func plainRefs(cfg config.Config) bool {
	return cfg.Store.Backend == config.StoreRedis && !cfg.Store.Redis.HashExternalRefs
}

// foldEmail compares emails without regard to case, after NFC.
func foldEmail(s string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(s))) }

// report is told of failures that no caller hears of.
func (a *App) report(ctx context.Context, doing string, err error) {
	a.log.ErrorContext(ctx, "work after an answer failed", "doing", doing, "error", err.Error())
}

// abandon undoes a start that failed.
func (a *App) abandon() error {
	if a.holders.close != nil {
		a.holders.close()
	}
	if a.audit.close != nil {
		_ = a.audit.close() // the start's failure says more
	}
	a.closeObserving(context.Background())
	return a.store.Close()
}

// Close ends the background work, writes what is noted and closes the store.
func (a *App) Close() error {
	a.workers.close()
	defer a.holders.close()
	defer a.models.close()
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	defer a.closeObserving(ctx)
	return errors.Join(a.closeAudit(ctx), a.keys.FlushUses(ctx), a.store.Close())
}
