package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/test/process"
)

const (
	// coldReaders are so many, and their server's indexes so little, that each is
	// dropped before it is asked for again.
	coldReaders  = 16
	coldMaxBytes = "1MiB"
	leastHistory = 20
)

// world is servers on one store with tenants in it, the floors, and beside them
// a server that keeps no search index.
type world struct {
	servers []*process.Server
	urls    []string // of the servers that are measured
	cold    string
	floor   string
	tenants []*api
	chilled *api // the tenant of the cold server
	stops   []func()
}

func newWorld(binary, dir string, tenants int, o options) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	data, err := os.MkdirTemp(dir, "world-")
	if err != nil {
		return nil, err
	}
	env := []string{"RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_LIMITS_UNAUTHENTICATED_PER_MINUTE=0", "RAVEN_LOG_LEVEL=warn"}
	if o.redis != "" {
		env = append(env, "RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL="+o.redis)
	}
	for range o.nodes {
		if err := w.start(binary, filepath.Join(data, "store"), env); err != nil {
			return nil, err
		}
		w.urls = append(w.urls, w.servers[len(w.servers)-1].URL+"/api/v1")
	}
	folder := "store" // of the keyring, which servers on one Redis share
	if o.redis == "" {
		folder = "cold"
	}
	if err := w.start(binary, filepath.Join(data, folder), append(env, "RAVEN_RECALL_MAX_BYTES="+coldMaxBytes)); err != nil {
		return nil, err
	}
	w.cold = w.servers[len(w.servers)-1].URL + "/api/v1"
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	floor, stop, err := process.Floor(self, "-floors", data, "-redis", o.redis)
	if err != nil {
		return nil, err
	}
	w.floor, w.stops = floor, append(w.stops, stop)
	err = w.fill(tenants, o)
	return w, err
}

func (w *world) start(binary, data string, env []string) error {
	s, err := process.Start(binary, data, env...)
	if err != nil {
		return err
	}
	w.servers, w.stops = append(w.servers, s), append(w.stops, s.Kill)
	return nil
}

func (w *world) stop() {
	for _, stop := range w.stops {
		stop()
	}
}

// fill makes the tenants, each with a user who was told of, and users who write.
func (w *world) fill(tenants int, o options) error {
	writers := slices.Max(o.connections)/tenants + 1
	history := max(leastHistory, o.history/tenants)
	w.tenants = make([]*api, tenants)
	err := each(tenants, func(i int) error {
		a := &api{url: w.urls[i%len(w.urls)]}
		w.tenants[i] = a
		if err := a.register(); err != nil {
			return err
		}
		for n := range writers {
			path, err := a.user(fmt.Sprint("w", n))
			if err != nil {
				return err
			}
			a.writers = append(a.writers, path)
		}
		if _, err := a.user("reader"); err != nil {
			return err
		}
		return a.tell("reader", history)
	})
	if err != nil {
		return err
	}
	w.chilled = &api{url: w.cold}
	if err := w.chilled.register(); err != nil {
		return err
	}
	return each(coldReaders, func(i int) error {
		name := fmt.Sprint("r", i)
		if _, err := w.chilled.user(name); err != nil {
			return err
		}
		return w.chilled.tell(name, o.history)
	})
}

// each runs do for 0 to n-1, some at once, and gives the first error.
func each(n int, do func(i int) error) error {
	const atOnce = 16
	errs := make([]error, atOnce)
	var wg sync.WaitGroup
	for worker := range atOnce {
		wg.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += atOnce {
				errs[worker] = do(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// api is a tenant and its key.
type api struct {
	url, key string
	writers  []string // paths of their conversations, by ids
}

func (a *api) register() error {
	var made struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	email := fmt.Sprintf("load-%d-%p@example.com", time.Now().UnixNano(), a)
	raw, err := a.call("POST", "/tenants", marshal(map[string]any{"name": "load", "email": email}))
	if err != nil {
		return err
	}
	err = json.Unmarshal(raw, &made)
	a.key = made.APIKey.Key
	return err
}

// user makes a user with a conversation, and gives the path of that by ids.
func (a *api) user(ref string) (path string, err error) {
	var user, conversation struct{ ID string }
	raw, err := a.call("PUT", "/users/ext:"+ref, nil)
	if err == nil {
		err = json.Unmarshal(raw, &user)
	}
	if err != nil {
		return "", err
	}
	raw, err = a.call("POST", "/users/ext:"+ref+"/conversations", marshal(map[string]any{"external_ref": "c"}))
	if err == nil {
		err = json.Unmarshal(raw, &conversation)
	}
	return "/users/" + user.ID + "/conversations/" + conversation.ID, err
}

// tell gives a user so many interactions.
func (a *api) tell(ref string, count int) error {
	ports := []string{"Antwerp", "Bergen", "Cadiz", "Durban", "Esbjerg"}
	for n := 0; n < count; n += 100 {
		var list []any
		for i := range min(100, count-n) {
			list = append(list, map[string]any{"role": "user", "content": fmt.Sprintf(
				"Parcel %d left the port of %s on day %d with %d crates of instruments.", n+i, ports[(n+i)%5], (n+i)%365, (n+i)%17)})
		}
		body := marshal(map[string]any{"interactions": list})
		if _, err := a.call("POST", "/users/ext:"+ref+"/conversations/ext:c/memory", body); err != nil {
			return err
		}
	}
	return nil
}

func (a *api) call(method, path string, body []byte) ([]byte, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	build(&req, a.url+path, a.key, body)
	req.Header.SetMethod(method)
	if err := fasthttp.Do(&req, &res); err != nil {
		return nil, err
	}
	if res.StatusCode() >= 300 {
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, res.StatusCode(), res.Body())
	}
	return slices.Clone(res.Body()), nil
}

func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
