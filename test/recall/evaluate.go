package main

import (
	"context"
	"fmt"

	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/test/locomo"
)

// evaluation measures the ranking under one set of weights after another.
type evaluation struct {
	samples []locomo.Sample
	stored  *offline
	users   []string            // by sample
	turns   []map[string]string // likewise
	known   map[recall.Weights][]*locomo.Figures
}

func newEvaluation(ctx context.Context, samples []locomo.Sample) (*evaluation, error) {
	e := &evaluation{samples: samples, stored: newOffline(recall.Options{}), known: map[recall.Weights][]*locomo.Figures{}}
	for _, s := range samples {
		user, turns, err := e.stored.ingest(ctx, s)
		if err != nil {
			return nil, err
		}
		e.users, e.turns = append(e.users, user), append(e.turns, turns)
	}
	return e, nil
}

// under gives each sample's figures under weights.
func (e *evaluation) under(ctx context.Context, w recall.Weights) ([]*locomo.Figures, error) {
	if list, ok := e.known[w]; ok {
		return list, nil
	}
	m := e.stored.with(recall.Options{Weights: &w})
	var list []*locomo.Figures
	for i, s := range e.samples {
		f := locomo.NewFigures()
		if err := ask(ctx, f, m, e.users[i], e.turns[i], s); err != nil {
			return nil, fmt.Errorf("searching %s: %w", s.ID, err)
		}
		list = append(list, f)
	}
	e.known[w] = list
	return list, nil
}

// without switches each signal off, one at a time.
var without = []struct {
	name string
	off  func(w *recall.Weights)
}{
	{"window: turns around a turn, together", func(w *recall.Weights) { w.Window = 0 }},
	{"session: the conversation up to a pause", func(w *recall.Weights) { w.Session = 0 }},
	{"neighbours: scores of the turns around", func(w *recall.Weights) { w.Neighbour = 0 }},
	{"answer: what follows a question that fits", func(w *recall.Weights) { w.Answer = 1 }},
	{"speaker: turns of whom the question names", func(w *recall.Weights) { w.Speaker = 1 }},
	{"question: a turn that asks tells less", func(w *recall.Weights) { w.Question = 1 }},
	{"date: times that the question names", func(w *recall.Weights) { w.Date = 1 }},
	{"kin: words near in meaning", func(w *recall.Weights) { w.Kin = 0 }},
	{"name: a name in the text counts less", func(w *recall.Weights) { w.Name = 1 }},
}

// wordsAlone switches all signals but the turn's own words off.
func wordsAlone() recall.Weights {
	w := recall.DefaultWeights()
	for _, signal := range without {
		signal.off(&w)
	}
	return w
}
