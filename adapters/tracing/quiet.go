package tracing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// tellEvery is how often the log says that traces can't be sent.
const tellEvery = time.Minute

// quiet tells the log now and then of spans that could not be sent, which are
// lost. Nobody else hears of it. Once ended is done, nothing is sent any more.
type quiet struct {
	sdktrace.SpanExporter
	log   *slog.Logger
	ended context.Context //nolint:containedctx // of the exporter's life

	mu   sync.Mutex
	lost int
	told time.Time
}

// ExportSpans never fails.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.ended, cancel)()
	err := q.ended.Err()
	if err == nil {
		err = q.SpanExporter.ExportSpans(ctx, spans)
	}
	if err == nil {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += len(spans)
	if now := time.Now(); now.Sub(q.told) >= tellEvery {
		q.log.Warn("traces can't be sent and are lost", "spans", q.lost, "error", err.Error())
		q.lost, q.told = 0, now
	}
	return nil
}
