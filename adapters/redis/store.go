package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Store is the store. Safe for concurrent use.
type Store struct {
	// once runs a command once: what its lost reply leaves open stays open.
	// again runs it again where that does no harm: reads, and what comes to the
	// same when it is done twice.
	once, again goredis.UniversalClient
	lanes       lanes // of once
	reading     *lane // of again
	wait        Wait
	trusted     bool // the server's operator answers for what is on its disk
	rewrites    rewrites
	events      func(core.TenantID) // see Options.Events
	maxOutbox   int64
	announced   announced

	mu        sync.Mutex
	idleFrom  core.TenantID // after whom the next list of idle buffers begins
	purgeFrom core.TenantID // after whom the next purge begins
}

var (
	_ ports.Store   = (*Store)(nil)
	_ ports.Limiter = (*Store)(nil)
)

// silence keeps the driver from writing to the standard error: what it would
// say there comes back as errors.
var silence sync.Once

// Open connects and checks that the servers may hold what must not be lost: the
// version, the role, the eviction policy and the append-only file, and that no
// newer raven wrote what is there. It fails with words that name what is wrong
// and how to mend it, and never with a secret in them. ctx bounds the opening,
// not the store's life.
func Open(ctx context.Context, opt Options) (*Store, error) {
	silence.Do(logging.Disable)
	to, err := opt.target()
	if err != nil {
		return nil, err
	}
	if opt.Events == nil {
		opt.Events = func(core.TenantID) {}
	}
	if opt.MaxOutbox <= 0 {
		opt.MaxOutbox = defaultMaxOutbox
	}
	s := &Store{
		once: to.connect(-1), again: to.connect(readRetries), wait: opt.Wait, trusted: opt.TrustServer, rewrites: rewrites{pause: rewritePause},
		events: opt.Events, maxOutbox: opt.MaxOutbox,
	}
	s.reading = &lane{trip: s.read}
	if err := s.check(ctx, opt); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.checkSchema(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the connections. Calls after it fail with CodeUnavailable.
func (s *Store) Close() error {
	if err := errors.Join(closed(s.once), closed(s.again)); err != nil {
		return fmt.Errorf("redis: close: %w", err)
	}
	return nil
}

func closed(client goredis.UniversalClient) error {
	if err := client.Close(); err != nil && !errors.Is(err, goredis.ErrClosed) {
		return err
	}
	return nil
}
