package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/metrics"
)

func TestRequestsAreCountedByRouteAndStatus(t *testing.T) {
	t.Parallel()
	m := metrics.New("1.2.3")
	m.Gauge("raven_test", "A figure.", map[string]string{"sink": "audit"}, func() float64 { return 7 })
	m.Begin()
	m.Begin()
	m.Begin()
	m.End("GET", "/api/v1/users/{user_id}", 200, "", 2*time.Millisecond)
	m.End("GET", "", 404, "not_found", time.Millisecond)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for _, want := range []string{
		`raven_http_requests_total{method="GET",route="/api/v1/users/{user_id}",status="200"} 1`,
		`raven_http_requests_total{method="GET",route="none",status="404"} 1`,
		`raven_http_refusals_total{code="not_found"} 1`,
		`raven_http_request_duration_seconds_bucket{method="GET",route="/api/v1/users/{user_id}",le="0.0025"} 1`,
		`raven_http_requests_in_flight 1`, `raven_build_info{version="1.2.3"} 1`, `raven_test{sink="audit"} 7`, "go_goroutines", "process_cpu_seconds_total",
	} {
		if !strings.Contains(w.Body.String(), want+"\n") && !strings.Contains(w.Body.String(), want+" ") {
			t.Errorf("there is no %s in\n%s", want, w.Body.String())
		}
	}
}
