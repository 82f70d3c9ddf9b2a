package tracing

import (
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Transport names the trace of a request's context in the headers of what Raven
// asks of others.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper {
	return transport{next: next, context: t.context}
}

type transport struct {
	next    http.RoundTripper
	context propagation.TraceContext
}

// CloseIdleConnections closes those of what it wraps.
func (t transport) CloseIdleConnections() {
	(&http.Client{Transport: t.next}).CloseIdleConnections()
}

// RoundTrip changes a copy of the request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace.SpanContextFromContext(r.Context()).IsValid() {
		r = r.Clone(r.Context())
		t.context.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	}
	return t.next.RoundTrip(r)
}
