package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// session runs prepared statements: in the writer's transaction, in a read
// transaction, or one by one on the read pool. Its errors are the driver's;
// they are translated where the session ends.
type session struct {
	ctx     context.Context //nolint:containedctx // a session is one call's, and ends with it
	prepare func(query string) (*sql.Stmt, error)
}

// args are the values of a query's parameters.
type args []any

// exec runs a statement.
func (q session) exec(query string, values ...any) error {
	_, err := q.run(query, values)
	return err
}

// affect runs a statement and returns how many rows it changed.
func (q session) affect(query string, values ...any) (int64, error) {
	result, err := q.run(query, values)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insert adds a row and returns its id.
func (q session) insert(query string, values ...any) (int64, error) {
	result, err := q.run(query, values)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (q session) run(query string, values []any) (sql.Result, error) {
	stmt, err := q.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(q.ctx, values...)
}

// get reads one row; absent(err) when there is none.
func (q session) get(query string, values args, dest ...any) error {
	stmt, err := q.prepare(query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(q.ctx, values...).Scan(dest...)
}

// fields gives the places of a row's columns in v, where it is scanned to.
type fields[T any] func(v *T) []any

// itself is the places of a row of one column.
func itself[T any](v *T) []any { return []any{v} }

// one reads one row; absent(err) when there is none.
func one[T any](q session, of fields[T], query string, values ...any) (T, error) {
	var item T
	err := q.get(query, values, of(&item)...)
	return item, err
}

// each calls use for every row until it returns false.
func each[T any](q session, of fields[T], use func(T) bool, query string, values ...any) (err error) {
	stmt, err := q.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(q.ctx, values...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var item T
		if err := rows.Scan(of(&item)...); err != nil {
			return err
		}
		if !use(item) {
			return nil
		}
	}
	return rows.Err()
}

// list reads all rows; nil for none.
func list[T any](q session, of fields[T], query string, values ...any) ([]T, error) {
	var items []T
	err := each(q, of, func(item T) bool { items = append(items, item); return true }, query, values...)
	return items, err
}

func absent(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// exists reports whether the query has a row.
func (q session) exists(query string, values ...any) (bool, error) {
	var found int64
	err := q.get(query, values, &found)
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// ms is how times are stored.
func ms(t time.Time) int64 { return t.UnixMilli() }

func maybeMS(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

// orNull is NULL for the empty text, as unique indexes need it.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// bytesOf keeps nothing apart from NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// at scans a time.
type at struct{ t *time.Time }

// Scan implements sql.Scanner.
func (a at) Scan(value any) error {
	v, ok := value.(int64)
	if !ok {
		return fmt.Errorf("sqlite: a %T where a time should be", value)
	}
	*a.t = time.UnixMilli(v).UTC()
	return nil
}

// maybeAt scans a time that may be NULL.
type maybeAt struct{ t **time.Time }

// Scan implements sql.Scanner.
func (a maybeAt) Scan(value any) error {
	if value == nil {
		*a.t = nil
		return nil
	}
	var t time.Time
	*a.t = &t
	return at{&t}.Scan(value)
}

// inJSON scans and stores a value as JSON; NULL is its zero value.
type inJSON struct{ v any }

// Scan implements sql.Scanner.
func (j inJSON) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(value), j.v)
	}
	return fmt.Errorf("sqlite: a %T where JSON should be", value)
}
