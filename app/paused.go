package app

import (
	"context"
	"log/slog"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/ports"
)

// Outside is what stands in the place of the machine's own, for who runs an App
// in his process to try it.
type Outside struct {
	Clock ports.Clock    // nil: the machine's
	Hooks []observe.Hook // of the calls of ports, before the metrics'; an observe.Gate decides what becomes of them
}

// OpenPaused is New without anything that works by itself: what is to be done in
// the background is done by the Jobs, when their Run is called.
func OpenPaused(ctx context.Context, cfg config.Config, log *slog.Logger, outside Outside) (*App, error) {
	return openIn(ctx, cfg, log, outside)
}

// Job is one kind of the work in the background. Run does what there is to do of
// it now, and returns when that is done.
type Job struct {
	Doing string
	Run   func(context.Context) error
}

// Jobs are all kinds there are. Only one caller at a time may run them.
func (a *App) Jobs() (list []Job) {
	for _, p := range slices.Concat(a.sharedWork(), a.ownWork()) {
		list = append(list, Job{p.doing, p.work})
	}
	quietly := func(work func(context.Context)) func(context.Context) error {
		return func(ctx context.Context) error {
			work(ctx)
			return nil
		}
	}
	return append(list,
		Job{"learning facts", quietly(a.learner.drain)},
		Job{"writing segments", quietly(a.recall.WriteWaitingSegments)},
		Job{"handing on events", func(ctx context.Context) error { return a.audit.relay.DrainAll(ctx) }},
		Job{"sending webhooks", func(ctx context.Context) error {
			_, err := a.webhooks.Send(ctx)
			a.webhooks.Wait()
			return err
		}},
	)
}

// Handler answers requests of the API, as a server's listener does.
func (a *App) Handler() (fasthttp.RequestHandler, error) {
	s, err := a.server()
	if err != nil {
		return nil, err
	}
	return s.Handler(), nil
}
