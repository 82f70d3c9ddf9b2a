package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// outOfOrder are the first words of errors by which a server says that it can't
// serve now, rather than that a command is wrong.
var outOfOrder = []string{
	"OOM", "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "MISCONF", "BUSY", "UNKILLABLE", "UNBLOCKED",
	"CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "EXECABORT", "NOAUTH", "WRONGPASS", "NOPERM",
	"ERR max number of clients reached", "ERR Protocol error: unauthenticated",
}

// translate turns an error of the driver into core's words: absence, a context
// that ended, a store that can't do its work. Whether a step happened whose
// reply was lost is not known. What the server says is wrong with a command is
// a fault of this package and has no code.
func translate(ctx context.Context, err error) error {
	var known *core.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case ended(ctx) != nil: // whatever the driver made of it
		return fmt.Errorf("redis: %w", ended(ctx))
	case errors.Is(err, goredis.Nil):
		return core.NotFound()
	case errors.Is(err, errFault):
		return err
	}
	if isReply(err) && !unavailable(err) {
		return fmt.Errorf("redis: %w", err)
	}
	return core.Unavailable(fmt.Errorf("redis: %w", err))
}

// failed translates an error, and lets the clients of a Cluster look anew who is
// who when a node was not there or not itself: by themselves they look once a
// minute.
func (s *Store) failed(ctx context.Context, err error) error {
	if err != nil && (!isReply(err) || unavailable(err)) {
		for _, client := range []goredis.UniversalClient{s.once, s.again} {
			if cluster, ok := client.(*goredis.ClusterClient); ok {
				cluster.ReloadState(ctx)
			}
		}
	}
	return translate(ctx, err)
}

// ended is the context's error, also between its deadline and the timer that
// notices it: the driver's own timer may be quicker.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err()
}

// isReply reports whether an error is one that the server answered with.
func isReply(err error) bool {
	var reply goredis.Error
	return errors.As(err, &reply)
}

func unavailable(err error) bool {
	for _, words := range outOfOrder {
		if hasWords(err, words) {
			return true
		}
	}
	return false
}

func hasWords(err error, words string) bool {
	var reply goredis.Error
	return errors.As(err, &reply) && strings.HasPrefix(reply.Error(), words)
}

// errFault is what the store holds where this package never put it.
var errFault = errors.New("redis: unexpected data")

// errOvertaken is that another run of the operation goes on instead of this one.
var errOvertaken = errors.New("redis: the operation was taken over")

func fault(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errFault, fmt.Sprintf(format, args...))
}

func versionConflict() error {
	return core.NewError(core.CodeVersionConflict, "It was changed in the meantime. Read it again and repeat the change.")
}
