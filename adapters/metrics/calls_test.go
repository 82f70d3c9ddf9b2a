package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/metrics"
)

func page(m *metrics.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return w.Body.String()
}

func TestCallsAreCountedByWhatCameOfThem(t *testing.T) {
	t.Parallel()
	m := metrics.New("1.2.3")
	calls := m.Calls()
	if calls.Begin(t.Context(), "Users", "User") != t.Context() {
		t.Error("the context is another")
	}
	for range 2 {
		calls.End(t.Context(), "Users", "User", 2*time.Millisecond, "ok", false)
	}
	calls.End(t.Context(), "Users", "User", time.Millisecond, "unavailable", true)
	calls.End(t.Context(), "TenantKeys", "Unwrap", 20*time.Millisecond, "key_unavailable", true)
	calls.End(t.Context(), "Webhooks", "Post", time.Second, "status_5xx", true)
	calls.End(t.Context(), "Background", "sealing idle buffers", time.Second, "ok", false)
	m.Committed(3)
	m.Counter("raven_test_total", "A count.", map[string]string{"cache": "keys"}, func() uint64 { return 7 })
	text := page(m)
	for _, want := range []string{
		`raven_store_operations_total{operation="User",outcome="ok",port="Users"} 2`,
		`raven_store_operations_total{operation="User",outcome="unavailable",port="Users"} 1`,
		`raven_store_operation_duration_seconds_bucket{operation="User",port="Users",le="0.0025"} 3`,
		`raven_key_service_calls_total{holder="tenant",operation="Unwrap",outcome="key_unavailable"} 1`,
		`raven_webhook_attempts_total{outcome="status_5xx"} 1`,
		`raven_background_rounds_total{outcome="ok",work="sealing idle buffers"} 1`,
		`raven_store_commit_steps_bucket{le="4"} 1`, `raven_test_total{cache="keys"} 7`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
}

func TestCallAllocatesNothing(t *testing.T) {
	calls := metrics.New("1.2.3").Calls()
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { calls.End(ctx, "Users", "User", time.Millisecond, "ok", false) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkCall(b *testing.B) {
	calls := metrics.New("1.2.3").Calls()
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			calls.End(ctx, "Users", "User", time.Millisecond, "ok", false)
		}
	})
}

func TestMethodsThatClientsInventShareASeries(t *testing.T) {
	t.Parallel()
	m := metrics.New("1.2.3")
	for i := range 1000 {
		m.Begin()
		m.End("other", "", http.StatusNotFound, "not_found", time.Duration(i))
	}
	if want := fmt.Sprintf(`raven_http_requests_total{method="other",route="none",status="404"} %d`, 1000); !strings.Contains(page(m), want) {
		t.Errorf("there is no %s", want)
	}
}
