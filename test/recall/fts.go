package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// fts is SQLite's full-text search as one would use it by itself: one row a
// turn, with its speaker, a table for each user, the porter tokenizer, any of the question's words, and
// the order of bm25().
type fts struct {
	db      *sql.DB
	samples int
}

func newFTS() (*fts, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	return &fts{db: db}, nil
}

func (f *fts) close() { _ = f.db.Close() }

func (f *fts) ingest(ctx context.Context, s sample) (string, map[string]string, error) {
	table := fmt.Sprintf("sample%d", f.samples)
	f.samples++
	_, err := f.db.ExecContext(ctx, `CREATE VIRTUAL TABLE `+table+` USING fts5(turn UNINDEXED, content, tokenize = 'porter unicode61')`)
	if err != nil {
		return "", nil, err
	}
	turns := map[string]string{}
	for _, session := range s.Sessions {
		for _, t := range session.Turns {
			turns[t.ID] = t.ID
			if _, err := f.db.ExecContext(ctx, `INSERT INTO `+table+` VALUES (?, ?)`, t.ID, t.Speaker+": "+t.content()); err != nil {
				return "", nil, err
			}
		}
	}
	return table, turns, nil
}

func (f *fts) search(ctx context.Context, table, question string) ([]string, error) {
	var words []string
	for _, w := range strings.FieldsFunc(question, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		words = append(words, `"`+w+`"`)
	}
	rows, err := f.db.QueryContext(ctx, `SELECT turn FROM `+table+` WHERE `+table+` MATCH ? ORDER BY bm25(`+table+`) LIMIT ?`,
		strings.Join(words, " OR "), searchLimit)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was read to its end
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
