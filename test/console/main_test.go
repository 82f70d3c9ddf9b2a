package console

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// patience is how long anything may take on a loaded machine.
const patience = 90 * time.Second

var (
	server  *process.Server
	binary  string
	dataDir string
	browser context.Context // the one browser; no two tests share anything in it
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	chromium, err := backend.Chromium()
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "raven-console")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of the test's own
	if binary, err = process.Build(dir); err != nil {
		return 1, err
	}
	dataDir = filepath.Join(dir, "data")
	server, err = process.Start(binary, dataDir, "RAVEN_WEBHOOKS_ALLOW_NETWORKS=127.0.0.0/8", "RAVEN_WEBHOOKS_ALLOW_HTTP=true")
	if err != nil {
		return 1, err
	}
	defer server.Kill()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.UserDataDir(filepath.Join(dir, "browser")),
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	window, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	if err := chromedp.Do(window); err != nil {
		return 1, fmt.Errorf("starting %s: %w", chromium, err)
	}
	browser = window //nolint:fatcontext // there is one, for all tests
	return m.Run(), nil
}
