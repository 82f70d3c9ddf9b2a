package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/raven-memory/raven/adapters/observe"
)

// Bounds of the background work. Each round does little; what is left waits
// for the next.
const (
	idlePlaces   = 200
	sweepRows    = 1000
	flushUsesAt  = time.Minute
	purgeAtLeast = time.Minute
)

// workers run the background work until stop.
type workers struct {
	log   *slog.Logger
	hooks []observe.Hook
	wg    sync.WaitGroup
	stop  context.CancelFunc
	ctx   context.Context //nolint:containedctx // the workers' life, ended by stop
}

func newWorkers(log *slog.Logger, hooks []observe.Hook) *workers {
	ctx, cancel := context.WithCancel(context.Background())
	return &workers{log: log, hooks: hooks, ctx: ctx, stop: cancel}
}

// every runs work each interval, and when it is woken, if wake is not nil.
func (w *workers) every(interval time.Duration, wake <-chan struct{}, doing string, work func(context.Context) error) {
	w.wg.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-w.ctx.Done():
				return
			case <-ticker.C:
			case <-wake:
			}
			if err := observe.Work(w.ctx, w.hooks, doing, work); err != nil && w.ctx.Err() == nil {
				w.log.Error("background work failed", "doing", doing, "error", err.Error())
			}
		}
	})
}

func (w *workers) close() {
	w.stop()
	w.wg.Wait()
}

// startWorkers starts what the services need done without being asked.
func (a *App) startWorkers() {
	w := a.workers
	sweep := a.cfg.Memory.SweepEvery
	w.every(min(sweep, a.cfg.Memory.IdleFlush), nil, "sealing idle buffers", a.flushIdle)
	for range a.learner.workers() {
		w.wg.Go(func() { a.learner.work(w.ctx) })
	}
	w.wg.Go(func() { a.recall.WriteSegments(w.ctx) })
	if a.models.embedder != nil {
		for range embedWorkers {
			w.wg.Go(func() { a.embedding.work(w.ctx) })
		}
	}
	w.every(sweep, nil, "removing expired memory", a.memory.Sweep)
	w.every(sweep, nil, "forgetting old operations", a.sweepOperations)
	w.every(purgeAtLeast, a.purge, "removing deleted tenants", a.tenancy.Purge)
	w.every(flushUsesAt, nil, "noting when keys were used", a.keys.FlushUses)
	a.startKeyWorkers(w)
	a.startAudit(w)
	a.startWebhooks(w)
}

func (a *App) flushIdle(ctx context.Context) error {
	before := a.clock.Now().Add(-a.cfg.Memory.IdleFlush)
	for {
		done, err := a.memory.FlushIdle(ctx, before, idlePlaces)
		if err != nil || done == 0 { // none left, or only such as fail
			return err
		}
	}
}

func (a *App) sweepOperations(ctx context.Context) error {
	for {
		done, err := a.store.SweepOperations(ctx, a.clock.Now(), sweepRows)
		if err != nil || done {
			return err
		}
	}
}
