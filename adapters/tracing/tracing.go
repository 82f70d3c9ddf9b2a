// Package tracing makes OpenTelemetry traces of requests and of the calls of
// ports, and sends them to the operator's collector by OTLP over HTTP
// (opentelemetry.io/docs/specs/otlp). Spans hold names, ids of Raven's own,
// statuses and codes, and nothing that somebody wrote.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Bounds of what waits to be sent; what there is no room for is dropped.
const (
	maxQueue      = 4096 // spans
	maxBatch      = 512  // spans
	batchEvery    = 2 * time.Second
	exportTimeout = 10 * time.Second
	maxAttributes = 16 // of a span
	tracesPath    = "/v1/traces"
)

// Options say where traces go.
type Options struct {
	Endpoint    string            // http:// or https:// URL of a collector; without a path it is /v1/traces
	Headers     map[string]string // of each request to it
	SampleRatio float64           // of traces that are sent: 0 none, 1 all
	Service     string            // name of the service
	Version     string
	Log         *slog.Logger // told when traces can't be sent
}

// Tracing makes and sends spans until it is shut down. Safe for concurrent use.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	context  propagation.TraceContext
	end      context.CancelFunc // breaks off what is being sent
}

// New starts the sending. The collector need not be there.
func New(ctx context.Context, o Options) (*Tracing, error) {
	endpoint, err := endpointURL(o.Endpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(endpoint),
		otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithHTTPClient(newClient()),
	)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	ended, end := context.WithCancel(context.Background())
	t := newTracing(&quiet{SpanExporter: exporter, log: o.Log, ended: ended}, o)
	t.end = end
	return t, nil
}

func newTracing(exporter sdktrace.SpanExporter, o Options) *Tracing {
	limits := sdktrace.NewSpanLimits()
	limits.AttributeCountLimit = maxAttributes
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version),
		)),
		sdktrace.WithSampler(sampler(o.SampleRatio)),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithBatcher(exporter,
			sdktrace.WithMaxQueueSize(maxQueue), sdktrace.WithMaxExportBatchSize(maxBatch),
			sdktrace.WithBatchTimeout(batchEvery), sdktrace.WithExportTimeout(exportTimeout)),
	)
	return &Tracing{provider: provider, tracer: provider.Tracer("github.com/raven-memory/raven")}
}

// sampler takes the ratio of traces, whoever began them: that a caller wants its
// requests traced does not make the operator pay for all of them. What a caller
// does not want traced is not.
func sampler(ratio float64) sdktrace.Sampler {
	take := sdktrace.TraceIDRatioBased(ratio)
	return sdktrace.ParentBased(take, sdktrace.WithRemoteParentSampled(take))
}

func endpointURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("tracing: the endpoint is no http:// or https:// URL")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	return u.String(), nil
}

// newClient goes to the collector and nowhere else: by no proxy, and without
// following redirects, which could carry the headers away.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       exportTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Shutdown sends what is left, as far as ctx gives time; then nothing is made
// any more.
func (t *Tracing) Shutdown(ctx context.Context) error {
	defer t.end()
	return t.provider.Shutdown(ctx)
}
