package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	coldMaxBytes = "1MiB" // of the cold server's indexes: less than those of two readers
	leastHistory = 20
	atOnce       = 32 // calls while a world is filled
	apart        = 4  // conversations for each connection: no caller adds to one in two calls at once
	unavailable  = 503
	mostTries    = 30
)

// place is a user with a conversation.
type place struct {
	*api
	user         string // its path, by id, and after the base
	conversation string
}

// fill makes the tenants, each with a user who was told of and users who write,
// and the cold server with readers of its own.
func (w *world) fill(ctx context.Context, tenants int, o options) error {
	connections := slices.Max(o.connections)
	writers := (apart*connections + tenants - 1) / tenants
	history := max(leastHistory, o.history/tenants)
	w.readers, w.writers = make([]place, tenants), make([]place, tenants*writers)
	err := each(ctx, tenants, func(i int) error {
		a, err := w.register(i)
		if err != nil {
			return err
		}
		for n := range writers {
			if w.writers[i+n*tenants], err = a.place(fmt.Sprint("w", n)); err != nil {
				return err
			}
		}
		w.readers[i], err = a.told("reader", history)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.startCold(); err != nil {
		return err
	}
	a := &api{url: apiOf(w.cold)}
	if err := a.register(); err != nil {
		return err
	}
	w.chilled = make([]place, 2*connections)
	return each(ctx, len(w.chilled), func(i int) (err error) {
		w.chilled[i], err = a.told(fmt.Sprint("r", i), o.history)
		return err
	})
}

// each runs do for 0 to n-1, some at once, and gives the first error.
func each(ctx context.Context, n int, do func(i int) error) error {
	errs := make([]error, atOnce)
	var wg sync.WaitGroup
	for worker := range atOnce {
		wg.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += atOnce {
				if errs[worker] = ctx.Err(); errs[worker] == nil {
					errs[worker] = do(i)
				}
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
type api struct{ url, key string }

// register makes a tenant on one of the servers.
func (w *world) register(i int) (*api, error) {
	a := &api{url: apiOf(w.servers[i%len(w.servers)])}
	err := a.register()
	return a, err
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

// place makes a user with a conversation.
func (a *api) place(ref string) (p place, err error) {
	p.api = a
	if p.user, err = a.create("PUT", "/users/ext:"+ref, "/users/", nil); err != nil {
		return p, err
	}
	p.conversation, err = a.create("POST", p.user+"/conversations", p.user+"/conversations/", marshal(map[string]any{}))
	return p, err
}

// create gives the path, within a collection, of what a call makes.
func (a *api) create(method, path, within string, body []byte) (string, error) {
	raw, err := a.call(method, path, body)
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	err = json.Unmarshal(raw, &made)
	return within + made.ID, err
}

// told makes a place with so many interactions, and asks once, so that it is warm.
func (a *api) told(ref string, count int) (place, error) {
	p, err := a.place(ref)
	if err != nil {
		return p, err
	}
	ports := []string{"Antwerp", "Bergen", "Cadiz", "Durban", "Esbjerg"}
	for n := 0; n < count; n += 100 {
		var list []any
		for i := n; i < min(n+100, count); i++ {
			list = append(list, map[string]any{"role": "user", "content": fmt.Sprintf(
				"Parcel %d left the port of %s on day %d with %d crates of instruments.", i, ports[i%5], i%365, i%17)})
		}
		body := marshal(map[string]any{"interactions": list})
		if _, err := a.call("POST", p.conversation+"/memory", body); err != nil {
			return p, err
		}
	}
	_, err = a.call("POST", p.user+"/context", question)
	return p, err
}

// call makes a call, again when a busy machine had it refused.
func (a *api) call(method, path string, body []byte) ([]byte, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	a.build(&req, method, path, body)
	for try := 1; ; try++ {
		if err := fasthttp.Do(&req, &res); err != nil {
			return nil, err
		}
		if res.StatusCode() != unavailable || try == mostTries {
			break
		}
		time.Sleep(time.Second)
	}
	if res.StatusCode() >= 300 {
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, res.StatusCode(), res.Body())
	}
	return slices.Clone(res.Body()), nil
}

func (a *api) build(r *fasthttp.Request, method, path string, body []byte) {
	r.SetRequestURI(a.url + path)
	r.Header.SetMethod(method)
	r.Header.SetContentType("application/json")
	if a.key != "" {
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	r.SetBody(body)
}

func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
