package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/raven-memory/raven/core"
)

// translate turns an error of the driver into core's words: absence, a context
// that ended, a log that was forked, a server that can't do its work. Anything
// else is a fault of this package and has no code.
func translate(ctx context.Context, err error) error {
	var known *core.Error
	var fault *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, core.ErrAuditFork):
		return err
	case errors.Is(err, pgx.ErrNoRows):
		return core.NotFound()
	case ctx.Err() != nil: // whatever the driver made of it
		return fmt.Errorf("postgres: %w", ctx.Err())
	case errors.As(err, &fault):
		if outOfOrder(fault.Code) {
			return core.Unavailable(err)
		}
	case lost(err):
		return core.Unavailable(err)
	}
	return fmt.Errorf("postgres: %w", err)
}

// outOfOrder reports whether an SQLSTATE means that the server can't serve now,
// or not this role, rather than that a statement is wrong.
func outOfOrder(state string) bool {
	switch state {
	case "25006", // read-only, as a replica is
		"42501",          // the role may not, any more
		"55P03", "55006", // locked, in use
		"23514": // no partition, after one was dropped
		return true
	}
	switch state[:min(2, len(state))] {
	case "08", "28", "3D", // connection, credentials, no such database
		"40",       // deadlock, serialization
		"53",       // disk full, out of memory, too many connections
		"57", "58", // shut down, cancelled, I/O
		"XX": // damage
		return true
	}
	return false
}

// lost reports whether there was no connection, or none any more, or no answer
// in time.
func lost(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, puddle.ErrClosedPool) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// unreachable reports whether the server was not there, as opposed to one that
// refused who asked.
func unreachable(err error) bool {
	var fault *pgconn.PgError
	if errors.As(err, &fault) {
		switch fault.Code[:min(2, len(fault.Code))] {
		case "28", "3D", "42":
			return false
		}
	}
	return core.Is(err, core.CodeUnavailable)
}

// isDuplicate reports whether a row was there already.
func isDuplicate(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == "23505"
}

// isUnplaced reports whether a row had no partition to go to.
func isUnplaced(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == "23514"
}

// isForbidden reports whether the role may not do what it was to do.
func isForbidden(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == "42501"
}
