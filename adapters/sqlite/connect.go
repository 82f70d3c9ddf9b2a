package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"

	driver "modernc.org/sqlite"
)

const (
	busyTimeout    = 5000 // ms to wait for another program that has the database locked
	writerCacheKiB = 32 << 10
	readerCacheKiB = 8 << 10
	logLimitBytes  = 64 << 20 // a log that grew beyond is cut to this when it starts anew
)

// ErrRunning says that another process has the store open.
var ErrRunning = errors.New("another raven is running")

// fdatasync spares the commit a second write for the file's times, and is as
// durable; it is a switch of the whole process. Where there is none, fsync stays.
var useFdatasync = sync.OnceFunc(func() { driver.Fdatasync(true) }) //nolint:errcheck // see above

// openWriter opens the one connection that writes.
func openWriter(ctx context.Context, path string) (*conn, error) {
	useFdatasync()
	c, err := open(ctx, path, url.Values{
		"_pragma": {
			"journal_mode(WAL)",
			"synchronous(FULL)",
			"secure_delete(ON)",
			"foreign_keys(ON)",
			"temp_store(MEMORY)",
			"wal_autocheckpoint(0)", // the writer does it, see checkpoint.go
			"journal_size_limit(" + strconv.Itoa(logLimitBytes) + ")",
			"cache_size(-" + strconv.Itoa(writerCacheKiB) + ")",
		},
	})
	if err != nil {
		return nil, err
	}
	var mode string
	if err := c.session(ctx).get("PRAGMA journal_mode", nil, &mode); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), c.close())
	}
	if mode != "wal" {
		err := fmt.Errorf("sqlite: %s can't use a write-ahead log (journal mode %q); is its file system shared?", path, mode)
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// openReaders opens the connections that read.
func (s *Store) openReaders(ctx context.Context, path string, n int) error {
	s.readers = make(chan *conn, n)
	for range n {
		c, err := open(ctx, path, url.Values{
			"_query_only": {"1"},
			"_pragma": {
				"temp_store(MEMORY)",
				"wal_autocheckpoint(0)",
				"cache_size(-" + strconv.Itoa(readerCacheKiB) + ")",
			},
		})
		if err != nil {
			return err
		}
		s.readers <- c
	}
	return nil
}

func open(ctx context.Context, path string, query url.Values) (*conn, error) {
	path, err := filepath.Abs(path) // of a relative one the URL would take the first folder for a host
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	query.Set("_busy_timeout", strconv.Itoa(busyTimeout))
	query.Set("_dqs", "0")
	query.Set("_defensive", "1")
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	connector, err := driver.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	c, err := connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return newConn(c)
}
