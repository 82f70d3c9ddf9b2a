package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/raven-memory/raven/adapters/console"
	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/mcp"
	"github.com/raven-memory/raven/app/demo"
	"github.com/raven-memory/raven/config"
)

// Version is Raven's version, set by main.
var Version = "dev"

// Serve runs a server until ctx is done, then stops it gracefully: for
// http.drain it serves on and says that it ends, then it takes no new requests,
// finishes those under way within http.shutdown_timeout, and closes the store.
func Serve(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	return serve(ctx, cfg, log, func(context.Context, string) error { return nil })
}

// Demo serves, walks through the main job over HTTP, printing to out, and
// keeps serving until ctx is done.
func Demo(ctx context.Context, cfg config.Config, log *slog.Logger, out io.Writer) error {
	return serve(ctx, cfg, log, func(ctx context.Context, base string) error {
		tag := make([]byte, 4)
		if _, err := rand.Read(tag); err != nil {
			return err
		}
		return demo.Walk(ctx, out, base, hex.EncodeToString(tag))
	})
}

// serve calls ready with the server's URL once it answers; its error stops the
// server.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger, ready func(context.Context, string) error) (err error) {
	a, err := New(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	server, err := a.server()
	if err != nil {
		return err
	}
	defer a.openOperator(ctx)()
	ln, base, err := a.listen(ctx)
	if err != nil {
		return err
	}
	closeAdmin, err := a.openAdmin(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer closeAdmin()
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.WithoutCancel(ctx), ln) }()

	failed := ready(ctx, base)
	if failed == nil {
		select {
		case err := <-served:
			return fmt.Errorf("the HTTP server ended: %w", err)
		case <-ctx.Done():
		}
	}
	log.Info("stopping")
	if failed == nil {
		drain(server, cfg.HTTP.Drain)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.HTTP.ShutdownTimeout)
	defer cancel()
	stopped := server.Shutdown(stop)
	_ = ln.Close() // where Serve had not begun yet, Shutdown had nothing to close
	return errors.Join(failed, stopped, <-served)
}

// drain goes on serving until clients have seen that it ends.
func drain(server *fiberhttp.Server, long time.Duration) {
	server.Drain()
	time.Sleep(long)
}

// listen opens the API's listener, with TLS where it is configured, and tells
// where clients find it.
func (a *App) listen(ctx context.Context) (ln net.Listener, base string, err error) {
	var lc net.ListenConfig
	if ln, err = lc.Listen(ctx, "tcp", a.cfg.HTTP.Addr); err != nil {
		return nil, "", fmt.Errorf("http.addr: %w", err)
	}
	base = "http://" + strings.Replace(ln.Addr().String(), "127.0.0.1", "localhost", 1)
	if cert := a.cfg.HTTP.TLS.Cert; cert != "" {
		pair, err := loadCertificate(cert, a.cfg.HTTP.TLS.Key, a.log)
		if err != nil {
			return nil, "", errors.Join(err, ln.Close())
		}
		base = "https" + strings.TrimPrefix(base, "http")
		ln = tls.NewListener(ln, pair.config())
	}
	a.log.Log(ctx, levelNotice, "listening", "listener", "http", "addr", ln.Addr().String(), "url", base, "console", base+"/console")
	return ln, base, nil
}

func (a *App) server() (*fiberhttp.Server, error) {
	return fiberhttp.New(fiberhttp.Config{
		Registration:      fiberhttp.RegistrationMode(a.cfg.Registration.Mode),
		RegistrationToken: a.cfg.Registration.Token.Reveal(),
		CORSOrigins:       a.cfg.HTTP.CORSOrigins,
		TrustedProxies:    a.cfg.HTTP.TrustedProxies,
		TLS:               a.cfg.HTTP.TLS.Cert != "",
		RequestTimeout:    a.cfg.HTTP.RequestTimeout,
		Version:           Version,
	}, fiberhttp.Services{
		Tenancy: a.tenancy, Keys: a.keys, Quotas: a.quotas, Memory: a.memory, Facts: a.facts, Recall: a.recall, Sealing: a.sealing, Audit: a.audit.service, Webhooks: a.webhooks,
	}, fiberhttp.Deps{
		MCP:         mcp.New(mcp.Services{Tenancy: a.tenancy, Memory: a.memory, Recall: a.recall, Facts: a.facts}, Version, a.log).Handler(),
		Console:     console.Files(),
		Observe:     a.metrics,
		Trace:       a.tracer(),
		Idempotency: a.store, Clock: a.clock, IDs: a.ids, Log: a.log,
		Checks: append([]fiberhttp.Check{{Name: "store", Required: true, Ping: a.store.Ping}}, append(a.audit.checks, a.holders.health...)...),
	})
}
