// Package metrics keeps the operator's figures, in the form that Prometheus
// reads (prometheus.io/docs/instrumenting/exposition_formats). No label holds
// what a caller chose: how many series there are is bounded by the code.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refused  *prometheus.CounterVec
	calls    *Calls
	commits  prometheus.Histogram
}

// buckets of request durations, in seconds: a warm read takes about a
// millisecond, the longest a request may take is seconds.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// New makes metrics with those of the process and the runtime.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "raven_http_requests_total", Help: "Requests that were answered, by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "raven_http_request_duration_seconds", Help: "From a request's arrival to its answer, by route.", Buckets: buckets,
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "raven_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "raven_http_refusals_total", Help: "Refused requests, by the code of the problem.",
		}, []string{"code"}),
	}
	m.commits = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "raven_store_commit_steps", Help: "Steps that the embedded store committed, and synchronised, at once.",
		Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
	})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "raven_build_info", Help: "1, with the version as a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.calls = m.newCalls()
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight, m.refused, m.commits, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Begin notes that a request arrived.
func (m *Metrics) Begin() { m.inFlight.Inc() }

// End notes that a request was answered. route is a pattern, never a path; ""
// for none. code is of the problem that was answered with, "" for none.
func (m *Metrics) End(method, route string, status int, code string, took time.Duration) {
	m.inFlight.Dec()
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
	if code != "" {
		m.refused.WithLabelValues(code).Inc()
	}
}

// Committed notes how many steps the embedded store committed at once.
func (m *Metrics) Committed(steps int) { m.commits.Observe(float64(steps)) }

// Counter adds a count since the start that is asked for at each reading. read
// must be quick, and never gives less than before.
func (m *Metrics) Counter(name, help string, labels map[string]string, read func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
		func() float64 { return float64(read()) }))
}

// Gauge adds a figure that is asked for at each reading. read must be quick.
func (m *Metrics) Gauge(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Handler answers with all of them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
