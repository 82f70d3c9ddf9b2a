package main

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

// scenario is one kind of request.
type scenario struct {
	name    string
	request func(worker, n int, r *fasthttp.Request)
	status  int
	floor   *scenario // what it is held against; nil for a floor itself
	closed  []round
	due     float64 // a second, in the open loop
	open    []round
}

// scenarios gives what to measure, the floors first.
func (w *world) scenarios(o options) ([]*scenario, error) {
	few, many := interactions(1, 1, 1), interactions(1, 1, 20)
	answer, err := w.tenants[0].call("POST", "/users/ext:reader/context", question())
	if err != nil {
		return nil, err
	}
	found, err := w.tenants[0].call("POST", "/users/ext:reader/memory/search", question())
	if err != nil {
		return nil, err
	}
	floor := func(name, path string, body []byte) *scenario {
		return &scenario{name: "*" + name + "*", status: 200, request: func(_, _ int, r *fasthttp.Request) { build(r, w.floor+path, "", body) }}
	}
	commit := "bare SQLite with group commit"
	if o.redis != "" {
		commit = "bare script"
	}
	echo := floor("echo of an ingest's bytes", "echo", few)
	context := floor(fmt.Sprintf("echo of a context's bytes (%d)", len(answer)), "echo", answer)
	search := floor(fmt.Sprintf("echo of a search's bytes (%d)", len(found)), "echo", found)
	store := floor(commit+", bytes of an ingest of 1", "commit", few)
	stores := floor(commit+", bytes of an ingest of 20", "commit", many)
	all := []*scenario{
		{name: "ingest of 1", status: 201, floor: store, request: w.ingest(1)},
		{name: "ingest of 1, by references", status: 201, floor: store, request: w.ingestByReferences},
		{name: "ingest of 20", status: 201, floor: stores, request: w.ingest(20)},
		{name: "context, warm", status: 200, floor: context, request: w.ask("/context")},
		{name: "context, cold", status: 200, floor: context, request: w.askCold},
		{name: "search", status: 200, floor: search, request: w.ask("/memory/search")},
		{name: "a user, by reference", status: 200, floor: echo, request: w.getUser},
		{name: "authentication alone", status: 404, floor: echo, request: w.getNothing},
	}
	return withFloors(all, o.only), nil
}

// withFloors puts the floors of those whose name holds a text before them.
func withFloors(all []*scenario, only string) []*scenario {
	var chosen, floors []*scenario
	seen := map[*scenario]bool{}
	for _, s := range all {
		if !strings.Contains(s.name, only) {
			continue
		}
		if chosen = append(chosen, s); !seen[s.floor] {
			floors, seen[s.floor] = append(floors, s.floor), true
		}
	}
	return append(floors, chosen...)
}

// tenant is whose turn it is, and on which server.
func (w *world) tenant(worker, n int) (url string, a *api) {
	return w.urls[worker%len(w.urls)], w.tenants[(worker+n*31)%len(w.tenants)]
}

func (w *world) ingest(count int) func(worker, n int, r *fasthttp.Request) {
	return func(worker, n int, r *fasthttp.Request) {
		url, a := w.tenant(worker, n)
		build(r, url+a.writers[worker/len(w.tenants)]+"/memory", a.key, interactions(worker, n, count))
	}
}

func (w *world) ingestByReferences(worker, n int, r *fasthttp.Request) {
	url, a := w.tenant(worker, n)
	build(r, fmt.Sprintf("%s/users/ext:w%d/conversations/ext:c/memory", url, worker/len(w.tenants)), a.key, interactions(worker, n, 1))
}

func (w *world) ask(path string) func(worker, n int, r *fasthttp.Request) {
	query := question()
	return func(worker, n int, r *fasthttp.Request) {
		url, a := w.tenant(worker, n)
		build(r, url+"/users/ext:reader"+path, a.key, query)
	}
}

func (w *world) askCold(worker, n int, r *fasthttp.Request) {
	build(r, fmt.Sprintf("%s/users/ext:r%d/context", w.cold, (worker*7+n)%coldReaders), w.chilled.key, question())
}

func (w *world) getUser(worker, n int, r *fasthttp.Request) {
	url, a := w.tenant(worker, n)
	build(r, url+"/users/ext:reader", a.key, nil)
	r.Header.SetMethod("GET")
}

// getNothing asks for what can't be: who asks is found, and nothing is looked up.
func (w *world) getNothing(worker, n int, r *fasthttp.Request) {
	url, a := w.tenant(worker, n)
	build(r, url+"/users/nobody", a.key, nil)
	r.Header.SetMethod("GET")
}

func interactions(worker, n, count int) []byte {
	var list []any
	for i := range count {
		list = append(list, map[string]any{
			"role": "user", "content": fmt.Sprintf("Connection %d says for the time number %d that all is well on board %d.", worker, n, i),
		})
	}
	return marshal(map[string]any{"interactions": list})
}

func question() []byte {
	return marshal(map[string]any{"query": "Which parcel went to the port of Antwerp?"})
}

func build(r *fasthttp.Request, url, key string, body []byte) {
	r.SetRequestURI(url)
	r.Header.SetMethod("POST")
	r.Header.SetContentType("application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.SetBody(body)
}
