package failpoints

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
)

// store is a store that is looked into beside the application.
type store interface {
	ports.Store
	io.Closer
}

// place is where a world is stored.
type place interface {
	settings(map[string]string) map[string]string
	env() []string
	// look opens the store while no application, or one that rests, is on it.
	look(ctx context.Context) (store, error)
	// keep takes what is stored for a template; nobody is on it.
	keep(t *testing.T) template
}

// template is a store that was filled once.
type template interface {
	// fresh is a place that holds the same.
	fresh(t *testing.T) place
}

// embedded is a data directory.
type embedded struct{ dir string }

func (e embedded) settings(s map[string]string) map[string]string {
	s["data_dir"] = e.dir
	return s
}

func (embedded) env() []string { return nil }

func (e embedded) look(ctx context.Context) (store, error) { return sqlite.OpenReadOnly(ctx, e.dir) }

func (e embedded) keep(t *testing.T) template {
	return embedded{copied(t, e.dir)}
}

func (e embedded) fresh(t *testing.T) place { return embedded{copied(t, e.dir)} }

func newEmbedded(t *testing.T) place { return embedded{folder(t)} }

// folder is an empty directory, in memory where the system has such: nothing here
// needs a disk.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "raven-failpoints-") //nolint:usetesting // that is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// copied copies a directory's files.
func copied(t *testing.T, from string) (to string) {
	t.Helper()
	to = folder(t)
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, to) {
		if info, err := os.Stat(file); err != nil || os.Chmod(file, info.Mode()&0o700) != nil {
			t.Fatal(err, file)
		}
	}
	return to
}

// onRedis is a logical database, and a directory for the keyring.
type onRedis struct {
	dir, url string
}

func (r onRedis) settings(s map[string]string) map[string]string {
	s["data_dir"], s["store.backend"] = r.dir, "redis"
	return s
}

func (r onRedis) env() []string { return []string{"RAVEN_STORE_REDIS_URL=" + r.url} }

func (r onRedis) look(ctx context.Context) (store, error) {
	return redis.Open(ctx, redis.Options{URL: r.url})
}

func newOnRedis(t *testing.T) place {
	return onRedis{folder(t), backend.SharedRedis(t)}
}

// dump is what a logical database held.
type dump struct {
	dir  string
	keys []dumped
}

type dumped struct {
	name, value string
	until       time.Time
}

func (r onRedis) client(t *testing.T) *goredis.Client {
	t.Helper()
	opt, err := goredis.ParseURL(r.url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(opt)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r onRedis) keep(t *testing.T) template {
	t.Helper()
	c := r.client(t)
	names, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	d := dump{dir: copied(t, r.dir)}
	for _, name := range names {
		value, err := c.Dump(t.Context(), name).Result()
		if err != nil {
			continue // it expired
		}
		one := dumped{name: name, value: value}
		if ttl, err := c.PTTL(t.Context(), name).Result(); err == nil && ttl > 0 {
			one.until = time.Now().Add(ttl)
		}
		d.keys = append(d.keys, one)
	}
	return d
}

func (d dump) fresh(t *testing.T) place {
	t.Helper()
	r := onRedis{copied(t, d.dir), backend.SharedRedis(t)}
	pipe := r.client(t).Pipeline()
	for _, k := range d.keys {
		ttl := time.Duration(0)
		if !k.until.IsZero() {
			ttl = max(time.Until(k.until), time.Millisecond)
		}
		pipe.Restore(t.Context(), k.name, ttl, k.value)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}
