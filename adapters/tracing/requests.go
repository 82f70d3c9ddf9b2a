package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The headers of W3C Trace Context (w3.org/TR/trace-context).
const headerParent = "traceparent"

// Requests makes a span of each request that the server answers.
type Requests struct{ t *Tracing }

// Requests is what the server tells of its requests.
func (t *Tracing) Requests() Requests { return Requests{t} }

// Begin begins the span of a request, within the trace that its headers name, if
// they do.
func (r Requests) Begin(ctx context.Context, method string, header func(name string) string) context.Context {
	if parent := header(headerParent); parent != "" {
		// Without tracestate, which is text of the caller's.
		ctx = r.t.context.Extract(ctx, propagation.MapCarrier{headerParent: parent})
	}
	ctx, _ = r.t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
	return ctx
}

// End ends the span. route is a pattern, never a path; "" for none. tenant is an
// id, code of the problem that was answered with; both may be "".
func (r Requests) End(ctx context.Context, method, route string, status int, code, tenant string) {
	span := trace.SpanFromContext(ctx)
	defer span.End()
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("http.request.method", method), attribute.Int("http.response.status_code", status))
	if route != "" {
		span.SetName(method + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
	if tenant != "" {
		span.SetAttributes(attribute.String("raven.tenant_id", tenant))
	}
	if code != "" {
		span.SetAttributes(attribute.String("error.type", code))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, code)
	}
}
