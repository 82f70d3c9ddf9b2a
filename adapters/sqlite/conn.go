package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// connection and statement are what the driver's are beside what their interface
// asks for.
type connection interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn is a connection with the statements prepared on it, each once. It is of
// one goroutine at a time. It is the driver's own: the pools of database/sql, with
// a lock and a goroutine for each query, are for what has no owner.
type conn struct {
	connection
	statements map[string]statement
	values     []driver.NamedValue // of the statement about to run; kept for its memory
}

func newConn(c driver.Conn) (*conn, error) {
	own, ok := c.(connection)
	if !ok {
		return nil, errors.Join(fmt.Errorf("sqlite: the driver's connection is a %T", c), c.Close())
	}
	return &conn{connection: own, statements: map[string]statement{}}, nil
}

// session runs statements on the connection until ctx ends.
func (c *conn) session(ctx context.Context) session { return session{ctx: ctx, conn: c} }

func (c *conn) prepare(query string) (statement, error) {
	if stmt, ok := c.statements[query]; ok {
		return stmt, nil
	}
	prepared, err := c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	stmt, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("sqlite: the driver's statement is a %T", prepared), prepared.Close())
	}
	c.statements[query] = stmt
	return stmt, nil
}

// script runs statements that are not to be prepared.
func (c *conn) script(ctx context.Context, text string) error {
	_, err := c.ExecContext(ctx, text, nil)
	return err
}

// bind gives the values as the driver takes them, until it is called again.
func (c *conn) bind(values []any) ([]driver.NamedValue, error) {
	c.values = c.values[:0]
	for i, value := range values {
		switch v := value.(type) {
		case nil, int64, string, []byte, bool:
		case int:
			value = int64(v)
		default:
			var err error
			if value, err = driver.DefaultParameterConverter.ConvertValue(value); err != nil {
				return nil, fmt.Errorf("sqlite: value %d: %w", i+1, err)
			}
		}
		c.values = append(c.values, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return c.values, nil
}

// close closes the statements too: the database stays open as long as one is left.
func (c *conn) close() error {
	var errs []error
	for _, stmt := range c.statements {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, c.Close())...)
}
