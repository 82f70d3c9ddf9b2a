package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/metrics"
	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/adapters/tracing"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/ports"
)

// observing is who is told of what the server does: the metrics, and where they
// are sent somewhere, traces.
type observing struct {
	metrics *metrics.Metrics
	tracing *tracing.Tracing // nil: no traces are made
	hooks   []observe.Hook   // of the calls of ports
}

// openObserving comes before all that is observed.
func (a *App) openObserving(ctx context.Context) error {
	a.metrics = metrics.New(Version)
	a.hooks = append(a.hooks[:len(a.hooks):len(a.hooks)], a.metrics.Calls())
	cfg := a.cfg.Tracing
	if cfg.Endpoint == "" {
		return nil
	}
	var err error
	a.tracing, err = tracing.New(ctx, tracing.Options{
		Endpoint: cfg.Endpoint, Headers: cfg.HeaderMap(), SampleRatio: cfg.SampleRatio,
		Service: cfg.Service, Version: Version, Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("tracing.endpoint: %w", err)
	}
	a.hooks = append(a.hooks, a.tracing.Calls())
	a.log = slog.New(tracing.Log(a.log.Handler()))
	return nil
}

// closeObserving sends the traces that wait. That it can't is nobody's failure.
func (a *App) closeObserving(ctx context.Context) {
	if a.tracing == nil {
		return
	}
	if err := a.tracing.Shutdown(ctx); err != nil {
		a.log.Warn("the last traces are lost", "error", err.Error())
	}
}

// tracer follows requests; nil where there are no traces.
func (o observing) tracer() fiberhttp.Tracer {
	if o.tracing == nil {
		return nil
	}
	return o.tracing.Requests()
}

// transport has what goes out name its trace; nil where there are no traces.
func (o observing) transport() func(http.RoundTripper) http.RoundTripper {
	if o.tracing == nil {
		return nil
	}
	return o.tracing.Transport
}

// providers are the providers, observed.
func (o observing) providers(p sealing.Providers) sealing.Providers {
	p.Platform = observe.NewPlatformKeys(p.Platform, o.hooks...)
	if p.Tenant != nil {
		p.Tenant = observe.NewWrappingKeys("TenantKeys", p.Tenant, o.hooks...)
	}
	others := make([]ports.WrappingKeys, 0, len(p.Others))
	for _, other := range p.Others {
		others = append(others, observe.NewWrappingKeys("FormerKeys", other, o.hooks...))
	}
	p.Others = others
	return p
}
