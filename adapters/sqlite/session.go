package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"time"
)

// session runs prepared statements: in the writer's transaction, in a read
// transaction, or one by one on the read pool. Its errors are the driver's;
// they are translated where the session ends.
type session struct {
	ctx  context.Context //nolint:containedctx // a session is one call's, and ends with it
	conn *conn
}

// lasting is a session without an end.
func (q session) lasting() session { return q.conn.session(context.Background()) }

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

func (q session) run(query string, values []any) (driver.Result, error) {
	stmt, bound, err := q.ready(query, values)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(q.ctx, bound)
}

func (q session) ready(query string, values []any) (stmt statement, bound []driver.NamedValue, err error) {
	if stmt, err = q.conn.prepare(query); err == nil {
		bound, err = q.conn.bind(values)
	}
	return stmt, bound, err
}

// get reads one row; absent(err) when there is none.
func (q session) get(query string, values args, dest ...any) error {
	found := false
	err := q.rows(query, values, func(row []driver.Value) (more bool, err error) {
		found = true
		return false, scan(row, dest)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// rows calls use for every row until it tells that no more are wanted.
func (q session) rows(query string, values []any, use func([]driver.Value) (more bool, err error)) (err error) {
	stmt, bound, err := q.ready(query, values)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(q.ctx, bound)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(rows.Columns()))
	for more := true; more; {
		if err := q.ctx.Err(); err != nil {
			return err
		}
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if more, err = use(row); err != nil {
			return err
		}
	}
	return nil
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
func each[T any](q session, of fields[T], use func(T) bool, query string, values ...any) error {
	return q.rows(query, values, func(row []driver.Value) (more bool, err error) {
		var item T
		if err := scan(row, of(&item)); err != nil {
			return false, err
		}
		return use(item), nil
	})
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
