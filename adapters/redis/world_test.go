package redis_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
)

// patience bounds the waiting of one test.
const patience = time.Minute

// open opens a store that is closed with the test.
func open(t testing.TB, opt redis.Options) *redis.Store {
	t.Helper()
	s, err := redis.Open(bounded(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	return closed(t, s)
}

// closed closes a store with the test.
func closed(t testing.TB, s *redis.Store) *redis.Store {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openSoon opens a store of servers that are just coming back.
func openSoon(t testing.TB, opt redis.Options) *redis.Store {
	t.Helper()
	var s *redis.Store
	eventually(t, func() (err error) {
		s, err = redis.Open(bounded(t), opt)
		return err
	})
	eventually(t, func() error { return s.Ping(bounded(t)) })
	return closed(t, s)
}

// bounded is a context of the test with a deadline.
func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually tries until there is no error, as long as patience lasts.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	ctx := bounded(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// command sends one command to a server and gives the reply.
func command(t testing.TB, url string, args ...any) any {
	t.Helper()
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, o, args...)
}

func do(t testing.TB, o *goredis.Options, args ...any) any {
	t.Helper()
	client := goredis.NewClient(o)
	defer client.Close() //nolint:errcheck // it has served
	reply, err := client.Do(bounded(t), args...).Result()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return reply
}
