package tracing_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"github.com/raven-memory/raven/adapters/tracing"
	"github.com/raven-memory/raven/test/backend"
)

const (
	callersTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan   = "00f067aa0ba902b7"
	callersParent = "00-" + callersTrace + "-" + callersSpan + "-01"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o tracing.Options) *tracing.Tracing {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	tr, err := tracing.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = tr.Shutdown(ctx)
	})
	return tr
}

func header(parent string) func(string) string {
	return func(name string) string {
		if name == "traceparent" {
			return parent
		}
		return ""
	}
}

func named(t *testing.T, spans []*otlp.Span, name string) *otlp.Span {
	t.Helper()
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no span %s among %d", name, len(spans))
	return nil
}

func attributes(s *otlp.Span) map[string]string {
	out := map[string]string{}
	for _, a := range s.Attributes {
		out[a.Key] = a.Value.GetStringValue()
	}
	return out
}

func TestOneTraceLeadsFromTheCallerThroughTheRequestToThePortAndOn(t *testing.T) {
	t.Parallel()
	collector := backend.StartCollector(t)
	tr := open(t, tracing.Options{
		Endpoint: collector.URL, SampleRatio: 1, Service: "raven-test", Version: "1.2.3",
		Headers: map[string]string{"X-Collector-Key": "kept-secret"},
	})
	var parentOut string
	next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { parentOut = r.Header.Get("traceparent") }))
	defer next.Close()

	requests, calls := tr.Requests(), tr.Calls()
	request := requests.Begin(t.Context(), "GET", header(callersParent))
	call := calls.Begin(request, "TenantKeys", "Unwrap")
	ask, err := http.NewRequestWithContext(call, http.MethodGet, next.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := tr.Transport(transport).RoundTrip(ask)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	calls.End(call, "TenantKeys", "Unwrap", time.Millisecond, "key_management_unavailable", true)
	requests.End(request, "GET", "/api/v1/users/{user_id}", http.StatusServiceUnavailable, "key_management_unavailable", "ten_1")
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	spans := collector.Spans()
	server, client := named(t, spans, "GET /api/v1/users/{user_id}"), named(t, spans, "TenantKeys.Unwrap")
	for _, s := range spans {
		if hex.EncodeToString(s.TraceId) != callersTrace {
			t.Errorf("%s is of another trace", s.Name)
		}
	}
	if hex.EncodeToString(server.ParentSpanId) != callersSpan || !bytes.Equal(client.ParentSpanId, server.SpanId) {
		t.Error("the spans do not hang together")
	}
	if want := "00-" + callersTrace + "-" + hex.EncodeToString(client.SpanId) + "-01"; parentOut != want {
		t.Errorf("the next was told %q, not %q", parentOut, want)
	}
	if ask.Header.Get("traceparent") != "" {
		t.Error("the caller's request was changed")
	}
	got := attributes(server)
	if got["http.route"] != "/api/v1/users/{user_id}" || got["raven.tenant_id"] != "ten_1" || got["error.type"] != "key_management_unavailable" {
		t.Errorf("the request's attributes: %v", got)
	}
	if client.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR || attributes(client)["error.type"] != "key_management_unavailable" {
		t.Error("the call's failure is not told")
	}
	if collector.Headers().Get("X-Collector-Key") != "kept-secret" || bytes.Contains(collector.Raw(), []byte("kept-secret")) {
		t.Error("the header did not come, or is among the spans")
	}
	if !bytes.Contains(collector.Raw(), []byte("raven-test")) || !bytes.Contains(collector.Raw(), []byte("1.2.3")) {
		t.Error("the service is not named")
	}
}

func TestRefusalOfACallersDoingIsNoErrorOfTheSpan(t *testing.T) {
	t.Parallel()
	collector := backend.StartCollector(t)
	tr := open(t, tracing.Options{Endpoint: collector.URL, SampleRatio: 1})
	ctx := tr.Requests().Begin(t.Context(), "GET", header(""))
	call := tr.Calls().Begin(ctx, "Users", "User")
	tr.Calls().End(call, "Users", "User", 0, "not_found", false)
	tr.Requests().End(ctx, "GET", "", http.StatusNotFound, "not_found", "")
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GET", "Users.User"} {
		s := named(t, collector.Spans(), name)
		if s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR || attributes(s)["error.type"] != "not_found" {
			t.Errorf("%s: %v, %v", name, s.Status, attributes(s))
		}
	}
}

func TestStoreCallOutsideATraceHasNoSpanAndBackgroundWorkBeginsOne(t *testing.T) {
	t.Parallel()
	collector := backend.StartCollector(t)
	tr := open(t, tracing.Options{Endpoint: collector.URL, SampleRatio: 1})
	calls := tr.Calls()
	if calls.Begin(t.Context(), "Users", "User") != t.Context() {
		t.Error("there is a span")
	}
	calls.End(t.Context(), "Users", "User", 0, "ok", false)
	work := calls.Begin(t.Context(), "Background", "sealing idle buffers")
	store := calls.Begin(work, "Buffer", "IdleBuffers")
	calls.End(store, "Buffer", "IdleBuffers", 0, "ok", false)
	calls.End(work, "Background", "sealing idle buffers", 0, "ok", false)
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := collector.Spans()
	root := named(t, spans, "Background.sealing idle buffers")
	if len(spans) != 2 || len(root.ParentSpanId) != 0 || !bytes.Equal(named(t, spans, "Buffer.IdleBuffers").ParentSpanId, root.SpanId) {
		t.Errorf("%d spans: %v", len(spans), spans)
	}
}

func TestCallersDoNotDecideHowManyTracesThereAre(t *testing.T) {
	t.Parallel()
	collector := backend.StartCollector(t)
	tr := open(t, tracing.Options{Endpoint: collector.URL, SampleRatio: 0})
	for _, parent := range []string{callersParent, "", "garbage", "00-" + callersTrace + "-0000000000000000-01"} {
		ctx := tr.Requests().Begin(t.Context(), "GET", header(parent))
		tr.Requests().End(ctx, "GET", "/", http.StatusOK, "", "")
	}
	all := open(t, tracing.Options{Endpoint: collector.URL, SampleRatio: 1})
	ctx := all.Requests().Begin(t.Context(), "GET", header(callersParent[:len(callersParent)-1]+"0"))
	all.Requests().End(ctx, "GET", "/", http.StatusOK, "", "")
	for _, tr := range []*tracing.Tracing{tr, all} {
		if err := tr.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(collector.Spans()); n != 0 {
		t.Errorf("%d spans were sent", n)
	}
}

func TestLinesOfTheLogNameTheirTrace(t *testing.T) {
	t.Parallel()
	tr := open(t, tracing.Options{Endpoint: "http://127.0.0.1:1", SampleRatio: 0}) // also of what is not sampled
	var out bytes.Buffer
	log := slog.New(tracing.Log(slog.NewJSONHandler(&out, nil))).With("a", 1)
	log.InfoContext(tr.Requests().Begin(t.Context(), "GET", header(callersParent)), "within")
	var line struct {
		Trace string `json:"trace_id"`
		Span  string `json:"span_id"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Trace != callersTrace || len(line.Span) != 16 || line.Span == callersSpan {
		t.Errorf("%s, %v", out.String(), err)
	}
	out.Reset()
	log.Info("outside")
	if bytes.Contains(out.Bytes(), []byte("trace_id")) {
		t.Errorf("a trace of nothing: %s", out.String())
	}
}

func TestCollectorThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	tr := open(t, tracing.Options{Endpoint: "http://" + hung.Addr().String(), SampleRatio: 1})
	for range 50_000 { // more than there is room for
		ctx := tr.Requests().Begin(t.Context(), "GET", header(""))
		tr.Requests().End(ctx, "GET", "/", http.StatusOK, "", "")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = tr.Shutdown(ctx)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestLossOfTracesIsToldWithoutTheirHeaders(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer refusing.Close()
	var out bytes.Buffer
	tr := open(t, tracing.Options{
		Endpoint: refusing.URL, SampleRatio: 1, Headers: map[string]string{"Authorization": "kept-secret"},
		Log: slog.New(slog.NewJSONHandler(&out, nil)),
	})
	ctx := tr.Requests().Begin(t.Context(), "GET", header(""))
	tr.Requests().End(ctx, "GET", "/", http.StatusOK, "", "")
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !bytes.Contains(out.Bytes(), []byte(`"spans":1`)) || bytes.Contains(out.Bytes(), []byte("kept-secret")) {
		t.Errorf("the log: %s", out.String())
	}
}

func TestEndpointThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "localhost:4318", "ftp://localhost", "http://", "http://a b"} {
		if _, err := tracing.New(t.Context(), tracing.Options{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is taken", endpoint)
		}
	}
}
