package backend

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

var sharedRedis shared[*RedisServer]

// SharedRedis gives the URL of an empty logical database that is the test's
// own, on a server that all tests of the process share, and empties it when the
// test ends. Scripts, users, channels and settings are the whole server's.
//
// The server runs while a test holds a database of it: a test whose subtests
// take one each is quicker when it has taken one itself.
func SharedRedis(t testing.TB) string {
	t.Helper()
	server := os.Getenv("RAVEN_TEST_REDIS_URL")
	locks := locksOf(server)
	if server != "" {
		t.Log("redis from RAVEN_TEST_REDIS_URL")
	} else {
		s := sharedRedis.take(t, func() (*RedisServer, error) { return launchRedis(redisOptionsOf(nil)) })
		server, locks = s.URL(), s.dir
	}
	database, err := claimDatabase(t, server, locks)
	if err != nil {
		t.Fatalf("claiming a database of redis: %v", err)
	}
	return database
}

// locksOf is where the processes on this machine agree about who has which
// database of a server.
func locksOf(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return os.TempDir()
	}
	return filepath.Join(os.TempDir(), "raven-test-redis-"+strings.ReplaceAll(u.Host, ":", "-"))
}

// claimDatabase waits for a database that is empty and nobody else's.
func claimDatabase(t testing.TB, server, locks string) (database string, err error) {
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return "", err
	}
	err = eventually(func() error {
		for n := 0; ; n++ {
			free, err := claim(t, server, locks, n)
			if err == nil {
				database = free
				return nil
			}
			if !errors.Is(err, errTaken) {
				return err
			}
		}
	})
	return database, err
}

var errTaken = errors.New("taken")

func claim(t testing.TB, server, locks string, n int) (string, error) {
	unlock, err := lock(filepath.Join(locks, strconv.Itoa(n)+".lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errTaken, err)
	}
	l, err := loginOf(server)
	if err != nil {
		unlock()
		return "", err
	}
	l.database = n
	size, err := l.do("DBSIZE")
	if err == nil && size != "0" {
		err = fmt.Errorf("%w: database %d is not empty", errTaken, n)
	}
	if err != nil {
		unlock()
		return "", err
	}
	t.Cleanup(func() {
		defer unlock()
		if _, err := l.do("FLUSHDB", "SYNC"); err != nil {
			t.Errorf("emptying database %d of redis: %v", n, err)
		}
	})
	return withPath(server, strconv.Itoa(n)), nil
}

// withPath replaces the path of a URL.
func withPath(server, path string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Path = "/" + path
	return u.String()
}
