package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"syscall"
	"time"

	"github.com/raven-memory/raven/adapters/metrics"
	"github.com/raven-memory/raven/config"
)

// adminTimeout bounds a request to the operator's listener; a profile takes as
// long as it is asked to, and no longer than this.
const adminTimeout = 2 * time.Minute

// openAdmin opens the operator's listener: metrics and profiles, for whoever
// reaches it. Where another server on the machine has the address that nobody
// chose, this one goes without.
func (a *App) openAdmin(ctx context.Context) (stop func(), err error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", a.cfg.Admin.Addr)
	if errors.Is(err, syscall.EADDRINUSE) && a.cfg.Admin.Addr == config.DefaultAdminAddr {
		a.log.Warn("there are no metrics: admin.addr is taken by another program", "addr", a.cfg.Admin.Addr)
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("admin.addr: %w", err)
	}
	a.log.Log(ctx, max(slog.LevelInfo, a.cfg.Log.Level), "listening", "listener", "admin", "addr", ln.Addr().String())
	server := &http.Server{Handler: a.adminHandler(), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: adminTimeout}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the admin listener ended", "error", err.Error())
		}
	}()
	return func() { _ = server.Close(); <-served }, nil
}

func (a *App) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// newMetrics makes the metrics, with what the services tell of themselves.
func (a *App) newMetrics() *metrics.Metrics {
	m := metrics.New(Version)
	m.Gauge("raven_recall_index_bytes", "Memory of the search indexes, by estimate.", nil,
		func() float64 { return float64(a.recall.Stats().Bytes) })
	m.Gauge("raven_recall_index_users", "Users whose search index is in memory.", nil,
		func() float64 { return float64(a.recall.Stats().Users) })
	m.Gauge("raven_facts_waiting", "Ingests whose facts are still to be looked for.", nil,
		func() float64 { return float64(len(a.learner.queue)) })
	if a.audit.relay == nil {
		return m
	}
	for name := range a.audit.relay.State() {
		sink := map[string]string{"sink": name}
		m.Gauge("raven_outbox_lag_events", "Events that a sink does not have yet.", sink,
			func() float64 { return float64(a.audit.relay.State()[name].Events) })
		m.Gauge("raven_outbox_lag_seconds", "Age of the oldest event that a sink does not have yet.", sink,
			func() float64 {
				since := a.audit.relay.State()[name].Since
				if since.IsZero() {
					return 0
				}
				return a.clock.Now().Sub(since).Seconds()
			})
	}
	return m
}
