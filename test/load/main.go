// Command load measures a server over loopback: requests a second, and the 50th
// and 99th percentile of the time an answer takes, as a table in Markdown. Each
// kind of request stands beside its floor, a bare server that does the least that
// the request needs; rounds of all are interleaved and the median one is
// reported, because a shared machine's speed changes from minute to minute.
//
// In a closed loop each connection sends its next request when it has its
// answer. In an open loop requests are due at a constant rate, whether answers
// come or not, and are measured from when they were due: a server that stands
// still for a second is then slow for all that were due meanwhile (coordinated
// omission, as Gil Tene named it).
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// options say what is measured.
type options struct {
	connections list
	tenants     list
	length      time.Duration
	rounds      int
	history     int
	rate        float64
	only        string
	redis       string
	nodes       int
	profile     string
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

func main() {
	o := options{connections: list{1, 8, 32, 128}, tenants: list{1}}
	flag.Var(&o.connections, "connections", "connections, each with one request under way: one or several `numbers`")
	flag.Var(&o.tenants, "tenants", "tenants among whom the requests take turns: one or several `numbers`")
	flag.DurationVar(&o.length, "length", 2*time.Second, "length of a round")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; the median is reported")
	flag.IntVar(&o.history, "history", 1000, "interactions of a user whose context is asked for; of many tenants', a share")
	flag.Float64Var(&o.rate, "rate", 0.5, "`share` of what the closed loop reached that the open loop asks for, at the most connections; 0: no open loop")
	flag.StringVar(&o.only, "only", "", "measure only requests whose name holds the `text`, and their floors")
	flag.StringVar(&o.redis, "redis", "", "`URL` of a Redis to use as the store; empty: the embedded store")
	flag.IntVar(&o.nodes, "nodes", 1, "servers that share the store, which takes -redis; connections are spread over them")
	flag.StringVar(&o.profile, "profile", "", "`folder` for a CPU profile of the server under each kind of request, at the most connections")
	floors := flag.String("floors", "", "serve the floors in a `folder`, and nothing else")
	flag.Parse()
	err := func() error {
		if *floors != "" {
			return serveFloors(*floors, o.redis)
		}
		return run(o)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.nodes > 1 && o.redis == "" {
		return errors.New("several nodes need a store that they can share: -redis")
	}
	dir, err := os.MkdirTemp("", "raven-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	binary, err := process.Build(dir)
	if err != nil {
		return err
	}
	describe(o)
	for _, tenants := range o.tenants {
		if err := runWith(binary, dir, tenants, o); err != nil {
			return err
		}
	}
	return nil
}

// runWith measures with so many tenants, on a world of their own.
func runWith(binary, dir string, tenants int, o options) error {
	w, err := newWorld(binary, dir, tenants, o)
	if err != nil {
		return err
	}
	defer w.stop()
	cases, err := w.scenarios(o)
	if err != nil {
		return err
	}
	for _, connections := range o.connections {
		if err := closedLoop(cases, connections, o); err != nil {
			return err
		}
		reportClosed(cases, tenants, connections)
	}
	if o.rate > 0 {
		if err := openLoop(cases, o); err != nil {
			return err
		}
		reportOpen(cases, tenants)
	}
	if o.profile != "" {
		return w.profile(cases, tenants, o)
	}
	return nil
}
