package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// remote are ports whose calls reach another service, whatever the store is.
// They have a span also where nothing else has: what background work does to the
// store is told of only within a trace.
var remote = map[string]bool{
	"Background": false, "PlatformKeys": true, "TenantKeys": true, "Webhooks": true, "Embedder": true, "Reranker": true, "Extractor": true,
}

// Calls makes a span of each call of a port.
type Calls struct{ t *Tracing }

// Calls is what wrapped ports tell of their calls.
func (t *Tracing) Calls() Calls { return Calls{t} }

// Begin begins the span of a call, within the one of ctx.
func (c Calls) Begin(ctx context.Context, port, method string) context.Context {
	goesOut, root := remote[port]
	if !root && !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	kind := trace.SpanKindInternal
	if goesOut {
		kind = trace.SpanKindClient
	}
	ctx, _ = c.t.tracer.Start(ctx, port+"."+method, trace.WithSpanKind(kind))
	return ctx
}

// End ends the span that Begin began, if it did.
func (Calls) End(ctx context.Context, _, _ string, _ time.Duration, outcome string, failed bool) {
	span := trace.SpanFromContext(ctx)
	if outcome != "ok" && span.IsRecording() {
		span.SetAttributes(attribute.String("error.type", outcome))
		if failed {
			span.SetStatus(codes.Error, outcome)
		}
	}
	span.End()
}
