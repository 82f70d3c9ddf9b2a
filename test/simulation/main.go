// Command simulation runs many nodes of Raven in virtual time and prints what
// becomes of two promises as nodes are added: that a revoked key is refused on
// every node within a second, and that every event reaches the audit log once,
// in order, whoever dies.
//
//	go run ./test/simulation                      1 to 1,000 nodes, some minutes
//	go run ./test/simulation -nodes 1000 -only auth
//
// What is driven is the product's own: core/keys, core/relay, core/audit. The
// store is a model in memory: each call takes a time drawn at random, and some
// fail, before or after they had their effect. Time is that of a bubble of
// testing/synctest, which moves on when everybody waits, so that an hour of a
// thousand nodes is as exact as a second of one, and no slower for the machine.
// The seed decides every latency, failure, death and request; which of several
// goroutines goes first at one instant is the scheduler's choice, so figures of
// two runs with one seed differ a little.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// options say what is simulated.
type options struct {
	seed     uint64
	nodes    []int
	tenants  int
	events   float64 // a second, of all tenants
	requests float64 // a second, of all keys
	length   time.Duration
	only     string
}

func main() {
	o := options{}
	nodes := flag.String("nodes", "1,10,100,1000", "nodes: one or several `numbers`")
	flag.Uint64Var(&o.seed, "seed", 1, "what chance begins with")
	flag.IntVar(&o.tenants, "tenants", 200, "tenants, each with one API key in use")
	flag.Float64Var(&o.events, "events", 400, "events a second, of all tenants")
	flag.Float64Var(&o.requests, "requests", 10_000, "authenticated requests a second, of all tenants")
	flag.DurationVar(&o.length, "length", 2*time.Minute, "virtual `time` that each is simulated for")
	flag.StringVar(&o.only, "only", "", "auth or outbox; empty: both")
	testing.Init() // what a bubble needs of a test's life
	flag.Parse()
	var err error
	if o.nodes, err = numbers(*nodes); err != nil {
		fmt.Fprintln(os.Stderr, "simulation:", err)
		os.Exit(1)
	}
	bubble(func(t *testing.T) { report(os.Stdout, t.Errorf, o) })
}

// shape is how many nodes there are, and how many of them what is a tenant's goes to.
type shape struct {
	nodes, used int
	near        bool // they are nearNodes
}

func (s shape) where() string {
	if s.near {
		return strconv.Itoa(s.used)
	}
	return "any"
}

// shapes are those that are simulated.
func (o options) shapes() (list []shape) {
	for _, n := range o.nodes {
		list = append(list, shape{n, n, false})
		if n > nearNodes {
			list = append(list, shape{n, nearNodes, true})
		}
	}
	return list
}

// numbers reads numbers separated by commas.
func numbers(text string) (list []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number above 0", part)
		}
		list = append(list, n)
	}
	return list, nil
}

// bubble runs do as a test in a bubble of virtual time, and ends the process.
func bubble(do func(t *testing.T)) {
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{Name: "simulation", F: func(t *testing.T) {
		synctest.Test(t, do)
	}}}, nil, nil)
}
