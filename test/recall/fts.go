package main

import (
	"context"
	"time"

	"github.com/raven-memory/raven/test/baseline"
	"github.com/raven-memory/raven/test/locomo"
)

// fts is SQLite's full-text search.
type fts struct{ *baseline.FTS }

func newFTS() (fts, error) {
	db, err := baseline.OpenFTS(":memory:")
	return fts{db}, err
}

func (f fts) ingest(ctx context.Context, s locomo.Sample) (string, map[string]string, error) {
	turns := map[string]string{}
	for _, session := range s.Sessions {
		for _, t := range session.Turns {
			turns[t.ID] = t.ID
			if err := f.Add(ctx, s.ID, t.ID, t.At.Format(time.RFC3339), t.Speaker+": "+t.Content()); err != nil {
				return "", nil, err
			}
		}
	}
	return s.ID, turns, nil
}

func (f fts) search(ctx context.Context, user, question string) ([]string, error) {
	return f.Search(ctx, user, question)
}
