package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// gauge is something of a server that must not grow.
type gauge struct {
	name   string
	metric string // of the operator's listener; "" for Redis's
	redis  [2]string
	bytes  bool

	lowest bool    // of a stretch's samples the lowest counts, not the median
	slack  float64 // that the last tenth may have over a quarter more than the first
	pages  float64 // and that the embedded store may keep of its file, the more the larger that is
	rest   float64 // that may be left when the load has ended; 0: anything
}

// gauges are read together. A machine that falls behind has more connections busy,
// which is no growth of the server's: what goes with them may vary with their
// number while the load lasts, and must come back after it. Of the heap in use, the
// lowest sample is what was alive after a collection. The embedded store's connections
// keep pages: one writes and has 32 MiB, eight read and have 8 MiB each.
var gauges = []gauge{
	{name: "resident memory", metric: "process_resident_memory_bytes", bytes: true, slack: 32 << 20, pages: 96 << 20},
	{name: "heap in use, lowest", metric: "go_memstats_heap_inuse_bytes", bytes: true, lowest: true, slack: 16 << 20},
	{name: "goroutines", metric: "go_goroutines", slack: 2 * steadyConnections, rest: 8},
	{name: "open files and connections", metric: "process_open_fds", slack: 2 * steadyConnections, rest: 8},
	{name: "Redis's memory", redis: [2]string{"memory", "used_memory_rss"}, bytes: true},
	{name: "Redis's clients", redis: [2]string{"clients", "connected_clients"}, slack: 2 * steadyConnections, rest: 8},
}

// sample is the gauges at one moment.
type sample []float64

func (w *world) sample(ctx context.Context) (sample, error) {
	admin, err := adminOf(w.servers[0])
	if err != nil {
		return nil, err
	}
	metrics, err := fetch(admin + "/metrics")
	if err != nil {
		return nil, err
	}
	taken := make(sample, len(gauges))
	for i, g := range gauges {
		switch {
		case g.metric != "":
			taken[i], err = figure(string(metrics), g.metric+" ")
		case w.redis != nil:
			taken[i], err = redisFigure(ctx, w.redis, g.redis[0], g.redis[1])
		}
		if err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// over is what a stretch of samples gives for a gauge.
func (g gauge) over(samples []sample, i int) float64 {
	var list []float64
	for _, s := range samples {
		list = append(list, s[i])
	}
	if g.lowest {
		return slices.Min(list)
	}
	return median(list)
}

func (g gauge) show(v float64) string {
	if g.bytes {
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	}
	return fmt.Sprintf("%.0f", v)
}

// check says what is wrong with how a gauge went; nil for nothing.
func (g gauge) check(store string, rest, first, last, after float64) error {
	bound := first*1.25 + g.slack
	if store != onRedis {
		bound += g.pages
	}
	var err error
	if g.slack > 0 && last > bound {
		err = fmt.Errorf("%s: %s grew from %s to %s, above %s", store, g.name, g.show(first), g.show(last), g.show(bound))
	}
	if g.rest > 0 && after > rest+g.rest {
		err = errors.Join(err, fmt.Errorf("%s: %s came back to %s alone, from %s before the load", store, g.name, g.show(after), g.show(rest)))
	}
	return err
}
