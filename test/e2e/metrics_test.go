package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// adminURL finds the operator's listener in a server's log.
func adminURL(t *testing.T, log string) string {
	t.Helper()
	for line := range strings.Lines(log) {
		var l struct{ Msg, Listener, Addr string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "listening" && l.Listener == "admin" {
			return "http://" + l.Addr
		}
	}
	t.Fatalf("no admin listener in %s", log)
	return ""
}

func TestMetricsAreForTheOperatorAloneAndNameNobody(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	c := register(t, s.URL, "metered", nil)
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:lovelace", nil)
	c.must(t, http.StatusNotFound, "GET", "/api/v1/users/ext:hopper", nil)
	c.must(t, http.StatusNotFound, "GET", "/metrics", nil)
	c.must(t, http.StatusNotFound, "GET", "/debug/pprof/", nil)
	admin := adminURL(t, s.Log())
	page := func(path string) string {
		res, err := http.Get(admin + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
		}
		return string(text)
	}
	text := page("/metrics")
	for _, want := range []string{
		`raven_http_requests_total{method="PUT",route="/api/v1/users/ext:{external_ref}",status="201"} 1`,
		`raven_http_refusals_total{code="not_found"}`, "raven_recall_index_bytes", `raven_outbox_lag_events{sink="audit"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, secret := range []string{"lovelace", "hopper", "ten_", c.key} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics name %q", secret)
		}
	}
	page("/debug/pprof/goroutine?debug=1")
}

// TestCollectorKeepsToTheMemoryOfFullIndexes holds what a node may take, and that the
// environment has the last word.
func TestCollectorKeepsToTheMemoryOfFullIndexes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ env, want []string }{
		"by default":           {nil, []string{"go_gc_gogc_percent 300", "go_gc_gomemlimit_bytes 1.87904"}},
		"as the operator says": {[]string{"GOGC=150", "GOMEMLIMIT=1GiB"}, []string{"go_gc_gogc_percent 150", "go_gc_gomemlimit_bytes 1.073741824e+09"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), append(c.env, "RAVEN_RECALL_MAX_BYTES=64MiB")...)
			register(t, s.URL, "collector", nil) // answered by a server that is up whole
			metrics := metricsOf(t, s)
			for _, want := range c.want {
				if !strings.Contains(metrics, want) {
					t.Errorf("%s is not in the metrics", want)
				}
			}
		})
	}
}
