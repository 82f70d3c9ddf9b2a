package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/core"
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
	log    *slog.Logger
	hooks  []observe.Hook
	holder string // of leases
	wg     sync.WaitGroup
	stop   context.CancelFunc
	ctx    context.Context //nolint:containedctx // the workers' life, ended by stop
}

func newWorkers(log *slog.Logger, hooks []observe.Hook) *workers {
	ctx, cancel := context.WithCancel(context.Background())
	return &workers{log: log, hooks: hooks, holder: rand.Text(), ctx: ctx, stop: cancel}
}

// every runs work each interval, where turn is not nil if it is this process's
// turn, and when it is woken.
func (w *workers) every(p periodic, turn func(context.Context, periodic) (bool, error)) {
	w.wg.Go(func() {
		ticker := time.NewTicker(p.interval)
		defer ticker.Stop()
		for {
			mine, err := true, error(nil)
			select {
			case <-w.ctx.Done():
				return
			case <-ticker.C:
				if turn != nil {
					mine, err = turn(w.ctx, p)
				}
			case <-p.wake:
			}
			if mine {
				err = observe.Work(w.ctx, w.hooks, p.doing, p.work)
			}
			if err != nil && w.ctx.Err() == nil {
				w.log.Error("background work failed", "doing", p.doing, "error", err.Error())
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
	for _, p := range a.ownWork() {
		w.every(p, nil)
	}
	for _, p := range a.sharedWork() {
		w.every(p, a.turn)
	}
	for range a.learner.workers() {
		w.wg.Go(func() { a.learner.work(w.ctx) })
	}
	w.wg.Go(func() { a.recall.WriteSegments(w.ctx) })
	if a.models.embedder != nil {
		for range embedWorkers {
			w.wg.Go(func() { a.embedding.work(w.ctx) })
		}
	}
	w.wg.Go(func() { a.audit.relay.Run(w.ctx) })
	w.wg.Go(func() { a.sendWebhooks(w.ctx) })
}

// periodic is work that is done each interval, and when it is woken.
type periodic struct {
	interval time.Duration
	wake     <-chan struct{} // nil: nobody wakes it
	doing    string
	work     func(context.Context) error
}

// turn reports whether this process is to do shared work now, which one process
// does in each interval. The lease is not given back, so that the others leave the
// work alone, and ends before the next interval does.
func (a *App) turn(ctx context.Context, p periodic) (bool, error) {
	leases := a.leases()
	if leases == nil {
		return true, nil
	}
	now, work := a.clock.Now(), "work:"+strings.ReplaceAll(p.doing, " ", "-")
	return leases.Lease(ctx, core.DeploymentTenant, work, a.workers.holder, now, now.Add(p.interval*9/10))
}

// sharedWork goes through all tenants, whichever process does it.
func (a *App) sharedWork() []periodic {
	sweep := a.cfg.Memory.SweepEvery
	return []periodic{
		{min(sweep, a.cfg.Memory.IdleFlush), nil, "sealing idle buffers", a.flushIdle},
		{sweep, nil, "removing expired memory", a.memory.Sweep},
		{sweep, nil, "forgetting old operations", a.sweepOperations},
		{purgeAtLeast, a.purge, "removing deleted tenants", a.tenancy.Purge},
	}
}

// ownWork is what each process has to do itself.
func (a *App) ownWork() []periodic {
	return slices.Concat([]periodic{{flushUsesAt, nil, "noting when keys were used", a.keys.FlushUses}}, a.keyWork(), a.auditWork())
}

func (a *App) flushIdle(ctx context.Context) error {
	before := a.clock.Now().Add(-a.cfg.Memory.IdleFlush)
	for {
		done, err := a.memory.FlushIdle(ctx, before, idlePlaces)
		if err != nil || done == 0 { // none left, or only such as fail: the next turn goes on after them
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
