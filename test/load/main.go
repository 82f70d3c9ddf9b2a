// Command load measures a server over loopback, as tables in Markdown.
//
// Without further flags: requests a second, the 50th and 99th percentile of the
// time an answer takes, and processor time a request, on the embedded store and
// on Redis. Each kind of request stands beside its floor, a bare server with the
// same bytes in, stored and out. Rounds of all are interleaved and medians
// reported, because a shared machine's speed changes from minute to minute;
// processor time hardly does, and so says most where others are at work.
//
// In a closed loop each connection sends its next request when it has its
// answer. In an open loop requests are due at a constant rate, whether answers
// come or not, and are measured from when they were due: a server that stands
// still for a second is then slow for all that were due meanwhile (coordinated
// omission, as Gil Tene named it).
//
// -growth 1,10,100 measures what a request costs among so many tenants, and among
// so many users of one. -steady 1h looks for what grows under a constant load,
// and fails when something does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// options say what is measured.
type options struct {
	stores      stores
	connections list
	tenants     list
	length      time.Duration
	rounds      int
	history     int
	limit       int
	rate        float64
	only        string
	redis       string
	binary      string
	nodes       int
	profile     string
	growth      list
	steady      time.Duration
	steadyRate  float64
	floors      string
}

// list is numbers separated by commas.
type list []int

func (l *list) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(*l)), " ", ","), "[]")
}

// Set reads them.
func (l *list) Set(text string) error {
	*l = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number above 0", part)
		}
		*l = append(*l, n)
	}
	return nil
}

// stores are names of stores separated by commas.
type stores []string

func (s *stores) String() string { return strings.Join(*s, ",") }

// Set reads them.
func (s *stores) Set(text string) error {
	*s = strings.Split(text, ",")
	for _, name := range *s {
		if name != onSQLite && name != onRedis {
			return fmt.Errorf("%q is neither %s nor %s", name, onSQLite, onRedis)
		}
	}
	return nil
}

func main() {
	o := options{stores: stores{onSQLite, onRedis}, connections: list{1, 8, 32, 128}, tenants: list{1, 1000}}
	o.flags()
	flag.Parse()
	err := func() error {
		if o.floors != "" {
			return serveFloors(o.floors, o.redis)
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return run(ctx, o)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func (o *options) flags() {
	flag.Var(&o.stores, "store", "stores to measure: one or several `names`")
	flag.Var(&o.connections, "connections", "connections, each with one request under way: one or several `numbers`")
	flag.Var(&o.tenants, "tenants", "tenants among whom the requests take turns: one or several `numbers`")
	flag.DurationVar(&o.length, "length", time.Second, "length of a round")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds after the one that warms up; medians are reported")
	flag.IntVar(&o.history, "history", 1000, "interactions of a user whose context is asked for; of many tenants', a share")
	flag.IntVar(&o.limit, "limit", 1_000_000, "requests a minute that a tenant may make; 0: no limit, and nothing is counted")
	flag.Float64Var(&o.rate, "rate", 0.5, "`share` of what the closed loop reached that the open loop asks for, at the most connections; 0: no open loop")
	flag.StringVar(&o.only, "only", "", "measure only requests whose name holds the `text`, and their floors")
	flag.StringVar(&o.redis, "redis", "", "`URL` of an empty Redis to use; empty: one is started")
	flag.StringVar(&o.binary, "binary", "", "`path` of the raven to measure; empty: it is built from this module")
	flag.IntVar(&o.nodes, "nodes", 1, "servers that share a Redis; connections are spread over them")
	flag.StringVar(&o.profile, "profile", "", "`folder` for a CPU profile of the server under each kind of request, at the most connections")
	flag.Var(&o.growth, "growth", "measure what a request costs among so many tenants, and users, instead: `numbers`, growing")
	flag.DurationVar(&o.steady, "steady", 0, "measure what grows under a constant load for so long, instead")
	flag.Float64Var(&o.steadyRate, "steady-rate", 100, "requests a second of that load")
	flag.StringVar(&o.floors, "floors", "", "serve the floors in a `folder`, and nothing else")
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "raven-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	b := base{binary: o.binary, dir: dir}
	if b.binary == "" {
		if b.binary, err = process.Build(dir); err != nil {
			return err
		}
	}
	describe(o)
	switch {
	case o.steady > 0:
		return steadiness(ctx, b, o)
	case len(o.growth) > 0:
		return growth(ctx, b, o)
	}
	reportHead()
	for _, store := range o.stores {
		for _, tenants := range o.tenants {
			if err := speed(ctx, b, store, tenants, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// speed measures with so many tenants, on a world of their own.
func speed(ctx context.Context, b base, store string, tenants int, o options) (err error) {
	w, err := newWorld(b, store, o)
	if err != nil {
		return err
	}
	defer func() { err = w.end(err) }()
	if err := w.fill(ctx, tenants, o); err != nil {
		return err
	}
	cases, err := w.scenarios(o)
	if err != nil {
		return err
	}
	for _, connections := range o.connections {
		if err := closedLoop(ctx, cases, connections, o); err != nil {
			return err
		}
		reportClosed(cases, store, tenants, connections)
	}
	if o.rate > 0 {
		if err := openLoop(ctx, cases, o); err != nil {
			return err
		}
		reportOpen(cases, store, tenants, slices.Max(o.connections))
	}
	if o.profile != "" {
		return w.profile(ctx, cases, fmt.Sprintf("%s-%d", store, tenants), o)
	}
	return nil
}
