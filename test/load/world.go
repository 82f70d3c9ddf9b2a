package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// The stores that there are.
const (
	onSQLite = "sqlite"
	onRedis  = "redis"
)

// base is what all worlds share.
type base struct{ binary, dir string }

// world is servers on one store, and the floors on another of the same kind.
type world struct {
	base
	store string
	data  string // a folder of its own
	env   []string

	servers []*process.Server // that are measured
	cold    *process.Server   // keeps next to no search index
	floor   *process.Floor
	redis   *goredis.Client // nil where there is none

	writers, readers, chilled []place
	stops                     []func()
}

// newWorld starts the servers and the floors.
func newWorld(b base, store string, o options) (w *world, err error) {
	w = &world{base: b, store: store}
	defer func() {
		if err != nil {
			_ = w.stop()
		}
	}()
	if w.data, err = os.MkdirTemp(b.dir, "world-"); err != nil {
		return nil, err
	}
	w.env = []string{
		fmt.Sprint("RAVEN_LIMITS_RATE_PER_MINUTE=", o.limit), "RAVEN_LIMITS_UNAUTHENTICATED_PER_MINUTE=0",
		"RAVEN_TENANTS_DEFAULTS_MAX_USERS=1000000", "RAVEN_LOG_LEVEL=warn",
	}
	url := ""
	if store == onRedis {
		if url, err = w.openRedis(o.redis); err != nil {
			return nil, err
		}
	}
	nodes := 1
	if store == onRedis {
		nodes = o.nodes
	}
	for range nodes {
		s, err := w.start("store")
		if err != nil {
			return nil, err
		}
		w.servers = append(w.servers, s)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if w.floor, err = process.StartFloor(self, "-floors", w.data, "-redis", url); err != nil {
		return nil, err
	}
	w.stops = append(w.stops, w.floor.Stop)
	return w, nil
}

// openRedis starts a Redis unless one is given.
func (w *world) openRedis(url string) (string, error) {
	if url == "" {
		s, stop, err := backend.StartRedis()
		if err != nil {
			return "", err
		}
		url, w.stops = s.URL(), append(w.stops, stop)
	} else {
		w.data = w.dir // servers on one Redis share a keyring
	}
	opt, err := goredis.ParseURL(url)
	if err != nil {
		return "", err
	}
	w.redis = goredis.NewClient(opt)
	w.env = append(w.env, "RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL="+url)
	return url, nil
}

func (w *world) start(folder string, env ...string) (*process.Server, error) {
	s, err := process.Start(w.binary, filepath.Join(w.data, folder), append(w.env[:len(w.env):len(w.env)], env...)...)
	if err != nil {
		return nil, err
	}
	w.stops = append(w.stops, s.Kill)
	return s, nil
}

// startCold starts the server that drops each index before it is asked for again.
func (w *world) startCold() (err error) {
	folder := "store" // of the keyring, which servers on one Redis share
	if w.store == onSQLite {
		folder = "cold"
	}
	w.cold, err = w.start(folder, "RAVEN_RECALL_MAX_BYTES="+coldMaxBytes)
	return err
}

// end stops all, and adds to why a measurement failed what servers complained of.
func (w *world) end(err error) error {
	if err != nil {
		for _, s := range append(w.servers, w.cold) {
			if s != nil {
				err = fmt.Errorf("%w\n%s", err, lastErrors(s.Log()))
			}
		}
	}
	return errors.Join(err, w.stop())
}

// lastErrors are the last errors in a server's log.
func lastErrors(log string) string {
	const most = 5
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"ERROR"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], "")
}

// stop ends all that was started.
func (w *world) stop() error {
	if w.redis != nil {
		_ = w.redis.Close()
	}
	for i := len(w.stops) - 1; i >= 0; i-- {
		w.stops[i]()
	}
	if w.data == w.dir || w.data == "" {
		return nil
	}
	return os.RemoveAll(w.data)
}

// processes are those of the servers that are measured.
func (w *world) processes() (pids []int) {
	for _, s := range w.servers {
		pids = append(pids, s.Pid())
	}
	return pids
}

func apiOf(s *process.Server) string { return s.URL + "/api/v1" }

// adminOf finds the operator's listener in a server's log.
func adminOf(s *process.Server) (string, error) {
	for line := range strings.Lines(s.Log()) {
		var l struct{ Listener, Addr string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Listener == "admin" {
			return "http://" + l.Addr, nil
		}
	}
	return "", errors.New("the server's log names no admin listener")
}
