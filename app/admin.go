package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"syscall"
	"time"

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
	a.log.Log(ctx, levelNotice, "listening", "listener", "admin", "addr", ln.Addr().String())
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
