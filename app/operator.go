package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/raven-memory/raven/adapters/operator"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/config"
)

// operatorSocket is, in data_dir, where a server on the embedded store takes the
// operator's commands, as nobody else can open the store meanwhile. Who may call
// is the file system's to say: the folder has mode 0700, the socket 0600.
const operatorSocket = "admin.sock"

// maxSocketPath is less than the longest path of a socket on any system.
const maxSocketPath = 100

func (a *App) operatorHandler() http.Handler {
	return operator.NewHandler(operator.Services{Tenancy: a.tenancy, Keys: a.keys, Sealing: a.sealing})
}

// openOperator opens the operator's socket, where the store is this process's
// alone. A server that can't open it serves without.
func (a *App) openOperator(ctx context.Context) (stop func()) {
	if a.cfg.Store.Backend != config.StoreEmbedded {
		return func() {}
	}
	ln, err := listenSocket(ctx, a.cfg.DataDir)
	if err != nil {
		a.log.Warn("raven tenants and raven keys don't reach this server", "error", err.Error())
		return func() {}
	}
	server := &http.Server{Handler: a.operatorHandler(), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: adminTimeout}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the operator's socket ended", "error", err.Error())
		}
	}()
	return func() {
		_ = server.Close()
		<-served
		_ = os.Remove(filepath.Join(a.cfg.DataDir, operatorSocket))
	}
}

// listenSocket takes the place of a socket that a server left which was killed:
// the caller holds the folder's lock, so that no other serves there.
func listenSocket(ctx context.Context, dir string) (ln net.Listener, err error) {
	if err := os.Remove(filepath.Join(dir, operatorSocket)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err = atSocket(dir, func(path string) error {
		var lc net.ListenConfig
		if ln, err = lc.Listen(ctx, "unix", path); err != nil {
			return err
		}
		if unix, ok := ln.(*net.UnixListener); ok {
			unix.SetUnlinkOnClose(false) // the path may be gone by then
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return errors.Join(err, ln.Close())
		}
		return nil
	})
	return ln, err
}

// atSocket gives a path of the folder's socket that is short enough for the
// system, while use runs.
func atSocket(dir string, use func(path string) error) error {
	path := filepath.Join(dir, operatorSocket)
	if len(path) <= maxSocketPath {
		return use(path)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it was only read
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), operatorSocket))
}

func dialSocket(ctx context.Context, dir string) (conn net.Conn, err error) {
	err = atSocket(dir, func(path string) error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// OpenOperator gives a client for the operator's commands: of the server that
// runs on the embedded store, through its socket, or else of the store itself.
// With fresh a store is made where there is none; without, that is
// ErrNothingStored. end has to be called.
func OpenOperator(ctx context.Context, cfg config.Config, log *slog.Logger, fresh bool) (c *operator.Client, end func() error, err error) {
	if cfg.Store.Backend == config.StoreEmbedded {
		conn, err := dialSocket(ctx, cfg.DataDir)
		if err == nil {
			_ = conn.Close()
			c := operator.Dial(func(ctx context.Context) (net.Conn, error) { return dialSocket(ctx, cfg.DataDir) })
			return c, func() error { c.Close(); return nil }, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, nil, fmt.Errorf("the server's socket in %s: %w", cfg.DataDir, err)
		}
	}
	if !fresh {
		if _, err := readDeployment(ctx, cfg); err != nil {
			return nil, nil, err
		}
	}
	a, err := open(ctx, cfg, log)
	if errors.Is(err, sqlite.ErrRunning) {
		err = fmt.Errorf("%w, and has no socket %s there to be reached by; a server says why in its log", err, operatorSocket)
	}
	if err != nil {
		return nil, nil, err
	}
	return operator.Local(a.operatorHandler()), a.Close, nil
}
