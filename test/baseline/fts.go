// Package baseline holds what one would use in the place of a memory, to measure
// it beside one.
package baseline

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"unicode"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/raven-memory/raven/test/locomo"
)

// FTS is SQLite's full-text search as one would use it by itself: one row a turn,
// with its speaker, a table for each user, the porter tokenizer, any of the
// question's words, and the order of bm25(). It is safe for concurrent use.
type FTS struct {
	db     *sql.DB
	mu     sync.Mutex
	tables map[string]string // by user
}

// OpenFTS opens a database; ":memory:" is one of its own. In a file each turn is
// durable when it is added.
func OpenFTS(path string) (*FTS, error) {
	if path != ":memory:" {
		path = "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection to ":memory:" would have one of its own
	f := &FTS{db: db, tables: map[string]string{}}
	if _, err := db.ExecContext(context.Background(), `CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT UNIQUE)`); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close closes the database.
func (f *FTS) Close() { _ = f.db.Close() }

// table is a user's, made where it is missing.
func (f *FTS) table(ctx context.Context, user string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name, ok := f.tables[user]; ok {
		return name, nil
	}
	var id int64
	err := f.db.QueryRowContext(ctx, `INSERT INTO users (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id`, user).Scan(&id)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("user%d", id)
	_, err = f.db.ExecContext(ctx, `CREATE VIRTUAL TABLE IF NOT EXISTS `+name+` USING fts5(turn UNINDEXED, at UNINDEXED, content, tokenize = 'porter unicode61')`)
	if err != nil {
		return "", err
	}
	f.tables[user] = name
	return name, nil
}

// Add stores a turn of a user. at is when it was said, in any form.
func (f *FTS) Add(ctx context.Context, user, turn, at, content string) error {
	table, err := f.table(ctx, user)
	if err != nil {
		return err
	}
	_, err = f.db.ExecContext(ctx, `INSERT INTO `+table+` VALUES (?, ?, ?)`, turn, at, content)
	return err
}

// Search gives the ids of the turns that fit a question best, best first.
func (f *FTS) Search(ctx context.Context, user, question string) ([]string, error) {
	table, err := f.table(ctx, user)
	if err != nil {
		return nil, err
	}
	words := Words(question)
	for i, w := range words {
		words[i] = `"` + w + `"`
	}
	if len(words) == 0 {
		return nil, nil
	}
	return f.list(ctx, `SELECT turn FROM `+table+` WHERE `+table+` MATCH ? ORDER BY bm25(`+table+`) LIMIT ?`, strings.Join(words, " OR "), locomo.Limit)
}

// Turns gives the ids of all turns of a user.
func (f *FTS) Turns(ctx context.Context, user string) ([]string, error) {
	table, err := f.table(ctx, user)
	if err != nil {
		return nil, err
	}
	return f.list(ctx, `SELECT turn FROM `+table)
}

func (f *FTS) list(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := f.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
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

// Words are a text's runs of letters and digits.
func Words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
