package sqlite

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/raven-memory/raven/core"
)

var errClosed = errors.New("sqlite: the store is closed")

// translate turns an error of the driver into core's words: absence, a context
// that ended, a store that can't do its work. Anything else is a fault of this
// package and has no code.
func translate(ctx context.Context, err error) error {
	var known *core.Error
	var fault *driver.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return core.NotFound()
	case ctx.Err() != nil: // whatever the driver made of it
		return fmt.Errorf("sqlite: %w", ctx.Err())
	case errors.Is(err, errClosed), errors.Is(err, errReadOnly), errors.Is(err, sqldriver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		return core.Unavailable(err)
	case errors.As(err, &fault) && outOfOrder(fault.Code()):
		return core.Unavailable(err)
	}
	return fmt.Errorf("sqlite: %w", err)
}

// outOfOrder reports whether a result code of SQLite means that the database,
// the disk or the machine can't serve, rather than that a statement is wrong.
// The low byte is the kind, the rest says more.
func outOfOrder(code int) bool {
	switch code & 0xff {
	case codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_READONLY, codes.SQLITE_BUSY,
		codes.SQLITE_LOCKED, codes.SQLITE_CANTOPEN, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB,
		codes.SQLITE_NOMEM, codes.SQLITE_PERM, codes.SQLITE_PROTOCOL, codes.SQLITE_NOLFS,
		codes.SQLITE_INTERRUPT:
		return true
	}
	return false
}
