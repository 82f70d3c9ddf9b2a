package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	growthConnections = 8
	growthHistory     = 5 // interactions of each user that is asked about
	mostSettling      = 5 * time.Minute
)

// growth measures what a request costs among so many tenants, each with a user
// who is asked about and one who writes; and among so many of both of one tenant.
func growth(ctx context.Context, b base, o options) error {
	o.connections = list{growthConnections}
	fmt.Printf("CPU of the server (+ of Redis) a request, and p50, at %d connections; the echo tells the machine's own changes.\n\n", growthConnections)
	head("store", "what grows", "to", "resident memory", "CPU a second, idle", "bare echo", "authentication alone", "ingest of 1", "context, warm", "search")
	for _, store := range o.stores {
		for _, among := range []string{"tenants", "users of a tenant"} {
			if err := grow(ctx, b, store, among, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func grow(ctx context.Context, b base, store, among string, o options) (err error) {
	w, err := newWorld(b, store, o)
	if err != nil {
		return err
	}
	defer func() { err = w.end(err) }()
	only, err := w.register(0)
	if err != nil {
		return err
	}
	for _, size := range o.growth {
		if err := w.growTo(ctx, size, func(i int) (*api, error) {
			if among == "tenants" && i > 0 {
				return w.register(i)
			}
			return only, nil
		}); err != nil {
			return err
		}
		idle, err := w.settle(ctx)
		if err != nil {
			return err
		}
		cases, err := w.growthCases(o)
		if err != nil {
			return err
		}
		if err := closedLoop(ctx, cases, growthConnections, o); err != nil {
			return err
		}
		if err := w.reportGrowth(ctx, among, size, idle, cases); err != nil {
			return err
		}
	}
	return nil
}

// growTo adds places until there are so many that are asked about, and as many
// that write.
func (w *world) growTo(ctx context.Context, size int, tenant func(i int) (*api, error)) error {
	have := len(w.readers)
	w.readers = append(w.readers, make([]place, size-have)...)
	w.writers = append(w.writers, make([]place, size-have)...)
	return each(ctx, size-have, func(n int) error {
		i := have + n
		a, err := tenant(i)
		if err != nil {
			return err
		}
		if w.writers[i], err = a.place(fmt.Sprint("w", i)); err != nil {
			return err
		}
		w.readers[i], err = a.told(fmt.Sprint("r", i), growthHistory)
		return err
	})
}

// settle waits until what filling left to do in the background is done, and gives
// what the server then uses in a second.
func (w *world) settle(ctx context.Context) (idle usage, err error) {
	const window = 5 // seconds
	before := time.Duration(1 << 62)
	for deadline := time.Now().Add(mostSettling); time.Now().Before(deadline); {
		begun, err := usageOf(ctx, w.processes(), w.redis)
		if err != nil {
			return usage{}, err
		}
		time.Sleep(window * time.Second)
		ended, err := usageOf(ctx, w.processes(), w.redis)
		if err != nil {
			return usage{}, err
		}
		used := ended.minus(begun)
		idle = usage{server: used.server / window, redis: used.redis / window}
		behind, err := w.lag()
		if err != nil {
			return usage{}, err
		}
		if behind == 0 && idle.all() >= before*8/10 { // it falls no more
			break
		}
		before = idle.all()
	}
	return idle, nil
}

// lag is how many events the first server's sinks still have to take.
func (w *world) lag() (events float64, err error) {
	admin, err := adminOf(w.servers[0])
	if err != nil {
		return 0, err
	}
	metrics, err := fetch(admin + "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(metrics)) {
		if rest, ok := strings.CutPrefix(line, "raven_outbox_lag_events{"); ok {
			_, number, _ := strings.Cut(rest, "} ")
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil {
				return 0, err
			}
			events += n
		}
	}
	return events, nil
}

// growthCases are the first echo and the requests of the table.
func (w *world) growthCases(o options) ([]*scenario, error) {
	all, err := w.scenarios(o)
	if err != nil {
		return nil, err
	}
	byName := map[string]*scenario{}
	for _, c := range all {
		if c.floor != nil {
			byName[c.name] = c
		}
	}
	alone := byName["authentication alone"]
	return []*scenario{alone.floor, alone, byName["ingest of 1"], byName["context, warm"], byName["search"]}, nil
}

func (w *world) reportGrowth(ctx context.Context, among string, size int, idle usage, cases []*scenario) error {
	memory := 0.0
	for _, pid := range w.processes() {
		m, err := residentMemory(pid)
		if err != nil {
			return err
		}
		memory += m
	}
	resident, idling := mib(memory), ms(idle.server)
	if w.redis != nil {
		m, err := redisFigure(ctx, w.redis, "memory", "used_memory_rss")
		if err != nil {
			return err
		}
		resident, idling = resident+" + "+mib(m), idling+" + "+ms(idle.redis)
	}
	cells := []string{w.store, among, fmt.Sprint(size), resident, idling}
	for _, c := range cases {
		cpu := fmt.Sprintf("%.0f", micros(medianOf(c.closed, func(r round) time.Duration { return r.cost.server })))
		if w.redis != nil {
			cpu += fmt.Sprintf(" + %.0f", micros(medianOf(c.closed, func(r round) time.Duration { return r.cost.redis })))
		}
		cells = append(cells, cpu+" µs, "+ms(medianOf(c.closed, round.middle)))
	}
	row(cells...)
	return nil
}

// residentMemory is a process's, in bytes.
func residentMemory(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	kib, err := figure(strings.ReplaceAll(string(raw), " kB", ""), "VmRSS:")
	return kib * 1024, err
}

func mib(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }
