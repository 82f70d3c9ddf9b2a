// Package sqlite is the embedded store: every store port of Raven in one SQLite
// database, in one directory, of one process.
//
// Writes go through one goroutine with group commit: the steps that are waiting
// share a transaction and its one fsync, each in a savepoint of its own. Reads
// run beside it on a pool of read-only connections (write-ahead log). What a
// step returned is on the disk (synchronous=FULL).
package sqlite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Options are the store's. The zero value is good.
type Options struct {
	// Readers is how many reads run at once; 0 for 8. Each has a page cache of
	// up to 8 MiB.
	Readers int

	// Events is told of a tenant, or of core.DeploymentTenant, after each step
	// that recorded events of it. It must not block, and not use the store: all
	// steps wait for it. Nil for nobody.
	Events func(core.TenantID)

	// Committed is told after each transaction of the writer how many steps it
	// held. It must not block. Nil for nobody.
	Committed func(steps int)

	// MaxOutbox is how many events a tenant's outbox may hold; 0 for 100,000.
	// Past it a step that would record an event changes nothing and fails with
	// CodeUnavailable.
	MaxOutbox int64
}

const (
	defaultReaders   = 8
	defaultMaxOutbox = 100_000
)

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = defaultReaders
	}
	if o.Events == nil {
		o.Events = func(core.TenantID) {}
	}
	if o.Committed == nil {
		o.Committed = func(int) {}
	}
	if o.MaxOutbox <= 0 {
		o.MaxOutbox = defaultMaxOutbox
	}
	return o
}

// Store is the embedded store. Safe for concurrent use.
type Store struct {
	lock    *os.File
	readers chan *conn
	writer  *writer
	process []byte // names this run of the program in idempotency claims
	leases  leases
	idle    idleRound

	maxOutbox int64
	pinned    bool // the one reader is in a transaction: see OpenSnapshot

	// life is held for reading by whatever uses the store, so that Close
	// waits for it and nothing starts after.
	life   sync.RWMutex
	closed bool
}

var _ ports.Store = (*Store)(nil)

// Open opens the store in dir, which is made if need be, and brings its schema
// up to date. The directory and the files in it are made readable to their
// owner only. It fails when dir is not this user's, when another process has
// the store open, and when the schema is newer than this program knows. ctx
// bounds the opening, not the store's life.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := prepareDir(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	s := &Store{lock: lock, process: make([]byte, 16), maxOutbox: opt.MaxOutbox}
	rand.Read(s.process) // never fails
	if err := s.start(ctx, dir, opt); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, dir string, opt Options) error {
	path := filepath.Join(dir, databaseFile)
	if err := prepareFiles(path); err != nil {
		return err
	}
	conn, err := openWriter(ctx, path)
	if err != nil {
		return err
	}
	s.writer = newWriter(conn, opt)
	if err := migrate(ctx, conn, migrations(), dir); err != nil {
		return err
	}
	if err := s.openReaders(ctx, path, opt.Readers); err != nil {
		return err
	}
	// Frames of the log may still hold what was shredded before a crash.
	if err := s.writer.shredLog(); err != nil {
		return fmt.Errorf("sqlite: checkpoint of %s: %w", path, err)
	}
	go s.writer.loop()
	return nil
}

// Close finishes the reads and steps that were begun or queued, moves the log
// into the database and gives the directory free. Calls after it fail with
// CodeUnavailable; closing again does nothing.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	s.life.Unlock()
	if s.writer != nil {
		s.writer.stop()
	}
	return s.release()
}

// release closes what is open; readers first, because the log can be removed
// only by the last connection.
func (s *Store) release() error {
	var errs []error
	for range len(s.readers) {
		errs = append(errs, (<-s.readers).close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.shredLog(), s.writer.conn.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// Ping writes, commits and reads, so that it notices a full, read-only or
// broken disk.
func (s *Store) Ping(ctx context.Context) error {
	err := s.do(ctx, func(q session) error {
		return q.exec(`UPDATE health SET checks = checks + 1 WHERE id = 1`)
	})
	if err != nil {
		return err
	}
	_, err = look(ctx, s, func(q session) (int64, error) {
		return one(q, itself[int64], `SELECT checks FROM health WHERE id = 1`)
	})
	return err
}
