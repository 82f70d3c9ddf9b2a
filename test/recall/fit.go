package main

import (
	"context"
	"fmt"
	"io"

	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/test/locomo"
)

// knobs are the weights that are fitted, with the values that are tried.
var knobs = []struct {
	name   string
	of     func(w *recall.Weights) *float64
	values []float64
}{
	{"Window", func(w *recall.Weights) *float64 { return &w.Window }, []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7}},
	{"Session", func(w *recall.Weights) *float64 { return &w.Session }, []float64{0, 0.1, 0.2, 0.3, 0.4, 0.6}},
	{"Kin", func(w *recall.Weights) *float64 { return &w.Kin }, []float64{0, 0.1, 0.2, 0.3, 0.4}},
	{"Neighbour", func(w *recall.Weights) *float64 { return &w.Neighbour }, []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5}},
	{"Answer", func(w *recall.Weights) *float64 { return &w.Answer }, []float64{1, 1.5, 2, 2.5, 3}},
	{"Speaker", func(w *recall.Weights) *float64 { return &w.Speaker }, []float64{1, 1.4, 1.6, 1.8, 2, 2.4}},
	{"Question", func(w *recall.Weights) *float64 { return &w.Question }, []float64{0.5, 0.6, 0.7, 0.8, 0.9, 1}},
	{"Date", func(w *recall.Weights) *float64 { return &w.Date }, []float64{1, 1.5, 2, 3, 4}},
	{"Name", func(w *recall.Weights) *float64 { return &w.Name }, []float64{0.1, 0.2, 0.3, 0.5, 0.7, 1}},
}

// everyOne leaves no sample out.
const everyOne = -1

// ascend climbs from the default weights, one weight after the other, to where
// no tried value of any raises the mean of the recalls on all samples but one.
func (e *evaluation) ascend(ctx context.Context, leftOut int) (recall.Weights, error) {
	w := recall.DefaultWeights()
	best, err := e.objective(ctx, w, leftOut)
	for raised := true; raised && err == nil; {
		raised = false
		for _, k := range knobs {
			for _, value := range k.values {
				tried := w
				*k.of(&tried) = value
				var score float64
				if score, err = e.objective(ctx, tried, leftOut); err != nil {
					return w, err
				}
				if score > best+1e-9 {
					w, best, raised = tried, score, true
				}
			}
		}
	}
	return w, err
}

// objective is the mean of the recalls at all depths.
func (e *evaluation) objective(ctx context.Context, w recall.Weights, leftOut int) (float64, error) {
	list, err := e.under(ctx, w)
	if err != nil {
		return 0, err
	}
	all := locomo.NewFigures()
	for i, f := range list {
		if i != leftOut {
			all.Join(f)
		}
	}
	return all.Mean(), nil
}

// leaveOneOut fits the weights on all samples but one, and measures them on that
// one: for each sample, put together.
func (e *evaluation) leaveOneOut(ctx context.Context) (*locomo.Figures, error) {
	all := locomo.NewFigures()
	for i := range e.samples {
		w, err := e.ascend(ctx, i)
		if err != nil {
			return nil, err
		}
		list, err := e.under(ctx, w)
		if err != nil {
			return nil, err
		}
		all.Join(list[i])
	}
	return all, nil
}

// fit prints the weights that fit the samples best, and what they are worth on
// samples that they were not fitted on.
func fit(ctx context.Context, out io.Writer, samples []locomo.Sample) error {
	e, err := newEvaluation(ctx, samples)
	if err != nil {
		return err
	}
	show := func(name string, w recall.Weights) error {
		list, err := e.under(ctx, w)
		if err == nil {
			_, err = fmt.Fprintf(out, "%s: %s with %+v\n", name, locomo.Joined(list).Total(), w)
		}
		return err
	}
	if err := show("default", recall.DefaultWeights()); err != nil {
		return err
	}
	for i := range samples {
		w, err := e.ascend(ctx, i)
		if err != nil {
			return err
		}
		if err := show("without "+samples[i].ID, w); err != nil {
			return err
		}
	}
	w, err := e.ascend(ctx, everyOne)
	if err != nil {
		return err
	}
	if err := show("fitted on all", w); err != nil {
		return err
	}
	left, err := e.leaveOneOut(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "each measured on the one left out: %s\n", left.Total())
	return err
}
