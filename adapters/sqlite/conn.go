package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// conn is a connection with the statements prepared on it, each once. It is of
// one goroutine at a time.
type conn struct {
	*sql.Conn
	statements map[string]*sql.Stmt
}

func newConn(c *sql.Conn) *conn { return &conn{c, map[string]*sql.Stmt{}} }

// session runs statements on the connection until ctx ends.
func (c *conn) session(ctx context.Context) session { return session{ctx: ctx, prepare: c.prepare} }

func (c *conn) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := c.statements[query]; ok {
		return stmt, nil
	}
	stmt, err := c.PrepareContext(context.Background(), query)
	if err == nil {
		c.statements[query] = stmt
	}
	return stmt, err
}

// close closes the statements too: the database stays open as long as one is left.
func (c *conn) close() error {
	var errs []error
	for _, stmt := range c.statements {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, c.Conn.Close())...)
}
