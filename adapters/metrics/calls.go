package metrics

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// callBuckets of the durations of calls, in seconds: few, because there are many
// operations.
var callBuckets = []float64{.0001, .0005, .001, .0025, .005, .01, .025, .1, .5, 1, 5}

// family is what is counted of the calls of some ports.
type family struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	labels  func(port, method string) []string
}

// Calls counts the calls of ports.
type Calls struct {
	families map[string]family // by port; "" is of every other port

	mu     sync.RWMutex
	series map[kind]series // those that were needed, so that a call allocates nothing
}

// kind is what the calls of one series have in common.
type kind struct{ port, method, outcome string }

type series struct {
	total   prometheus.Counter
	seconds prometheus.Observer
}

// Calls is what wrapped ports tell of their calls.
func (m *Metrics) Calls() *Calls { return m.calls }

// Begin does nothing.
func (*Calls) Begin(ctx context.Context, _, _ string) context.Context { return ctx }

// End counts a call. port and method are names in the code, outcome one of the
// few that an adapter may have.
func (c *Calls) End(_ context.Context, port, method string, took time.Duration, outcome string, _ bool) {
	k := kind{port, method, outcome}
	c.mu.RLock()
	s, ok := c.series[k]
	c.mu.RUnlock()
	if !ok {
		s = c.add(k)
	}
	s.seconds.Observe(took.Seconds())
	s.total.Inc()
}

func (c *Calls) add(k kind) series {
	f, ok := c.families[k.port]
	if !ok {
		f = c.families[""]
	}
	labels := f.labels(k.port, k.method)
	s := series{seconds: f.seconds.WithLabelValues(labels...), total: f.total.WithLabelValues(append(labels, k.outcome)...)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.series[k] = s
	return s
}

// newCalls registers the families.
func (m *Metrics) newCalls() *Calls {
	keys := m.family("raven_key_service_calls", "raven_key_service_call_duration_seconds", "Calls of who holds wrapping keys",
		[]string{"holder", "operation"}, func(port, method string) []string { return []string{holders[port], method} })
	models := m.family("raven_model_calls", "raven_model_call_duration_seconds", "Calls of models, with all their tries",
		[]string{"model"}, func(port, _ string) []string { return []string{strings.ToLower(port)} })
	return &Calls{series: map[kind]series{}, families: map[string]family{
		"": m.family("raven_store_operations", "raven_store_operation_duration_seconds", "Operations of the store, the audit log and the rate limiter",
			[]string{"port", "operation"}, func(port, method string) []string { return []string{port, method} }),
		"PlatformKeys": keys, "TenantKeys": keys, "FormerKeys": keys,
		"Embedder": models, "Reranker": models, "Extractor": models,
		"Webhooks": m.family("raven_webhook_attempts", "raven_webhook_attempt_duration_seconds", "Attempts to deliver a webhook",
			nil, func(string, string) []string { return nil }),
		"Background": m.family("raven_background_rounds", "raven_background_round_duration_seconds", "Rounds of background work",
			[]string{"work"}, func(_, method string) []string { return []string{method} }),
	}}
}

// holders names whose keys a port holds.
var holders = map[string]string{"PlatformKeys": "platform", "TenantKeys": "tenant", "FormerKeys": "former"}

func (m *Metrics) family(total, seconds, help string, labels []string, of func(port, method string) []string) family {
	f := family{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: total + "_total", Help: help + ", by what came of them.",
		}, append(labels[:len(labels):len(labels)], "outcome")),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: seconds, Help: help + ": how long they took.", Buckets: callBuckets,
		}, labels),
		labels: of,
	}
	m.registry.MustRegister(f.total, f.seconds)
	return f
}
