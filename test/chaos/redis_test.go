package chaos

import (
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

// onRedis are the settings of a node.
func onRedis(url string) []string {
	return []string{"RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL=" + url}
}

// harmRedis starts a Redis and gives where nodes reach it, through a proxy that
// may be harmed as the server may.
func harmRedis(t *testing.T) (url string, harm func(*world)) {
	t.Helper()
	options := []backend.RedisOption{backend.RedisHere}
	d := newDisk(t)
	if d != nil {
		options = append(options, backend.Set("dir", d.dir))
	}
	server := backend.Redis(t, options...)
	proxy := backend.Proxy(t, server.Addr())
	return strings.Replace(server.URL(), server.Addr(), proxy.Addr(), 1), func(w *world) {
		w.store = goredis.NewClient(&goredis.Options{Addr: server.Addr()})
		t.Cleanup(func() { _ = w.store.Close() })
		w.harmServer("redis", server)
		w.harmLinks("redis", proxy)
		w.add(fault{"redis frozen", func() {
			server.Freeze()
			w.hold(100, 3000)
			server.Thaw()
		}}, fault{"redis out of memory", func() {
			w.ask(server, "CONFIG", "SET", "maxmemory", "1")
			w.hold(200, 1200)
			w.ask(server, "CONFIG", "SET", "maxmemory", "0")
		}})
		if d != nil {
			// A Redis that can't write its file ends.
			w.harmDisk("redis", d, server)
		}
	}
}

// ask sends Redis a command.
func (w *world) ask(server *backend.RedisServer, args ...any) any {
	w.t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	defer c.Close()
	answer, err := c.Do(w.t.Context(), args...).Result()
	if err != nil {
		w.t.Errorf("%v: %v", args, err)
	}
	return answer
}

// relayed waits until every sink has all of a tenant's events, without anybody
// asking for them: what a relay that stands still never has.
func (w *world) relayed(x *tenant) {
	w.t.Helper()
	if w.store == nil {
		return
	}
	root := "tenant:{" + x.id + "}"
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		events, err := w.store.XInfoStream(w.t.Context(), root+":events").Result()
		if goredis.HasErrorPrefix(err, "no such key") {
			return // all of them were trimmed
		}
		if err != nil {
			w.t.Fatal(err)
		}
		last := strings.TrimSuffix(events.LastGeneratedID, "-0")
		positions, err := w.store.HGetAll(w.t.Context(), root+":positions").Result()
		if err != nil {
			w.t.Fatal(err)
		}
		behind := ""
		for sink, at := range positions {
			if at != last {
				behind += " " + sink + " has " + at
			}
		}
		if behind == "" && len(positions) > 1 {
			return
		}
		if time.Now().After(end) {
			w.t.Errorf("%s has %s events,%s", x.id, last, behind)
			return
		}
	}
}
