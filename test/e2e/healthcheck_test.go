package e2e

import (
	"strings"
	"testing"

	"github.com/raven-memory/raven/test/backend"
)

func TestHealthcheckSaysWhetherTheServerIsReady(t *testing.T) {
	t.Parallel()
	store := backend.Redis(t)
	dir := t.TempDir()
	s := start(t, dir, onRedis(store.URL())...)
	where := []string{"RAVEN_HTTP_ADDR=0.0.0.0" + s.URL[strings.LastIndex(s.URL, ":"):]}
	if code, out := raven(t, dir, where, "healthcheck"); code != 0 || out != "" {
		t.Errorf("of a server that is ready: %d %q", code, out)
	}
	if out := asJSON[struct{ Status string }](t, dir, where, "healthcheck"); out.Status != "ready" {
		t.Errorf("as JSON: %+v", out)
	}
	store.Kill()
	waitFor(t, "the check to fail", func() bool {
		code, out := raven(t, dir, where, "healthcheck")
		return code == 1 && strings.Contains(out, "down: store")
	})
	s.Kill()
	if code, out := raven(t, dir, where, "healthcheck"); code != 1 || !strings.Contains(out, "does not answer") {
		t.Errorf("of a server that is gone: %d %q", code, out)
	}
	if code, out := raven(t, dir, []string{"RAVEN_HTTP_ADDR=127.0.0.1:0"}, "healthcheck"); code != 2 {
		t.Errorf("where the port is not known: %d %q", code, out)
	}
}
