package main

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"
)

// scenario is one kind of request.
type scenario struct {
	name    string
	status  int
	request func(turn int, r *fasthttp.Request)
	turns   atomic.Int64 // counts requests, over all rounds
	refused atomic.Int64 // counts them in a round

	floor *scenario // what it is held against; nil for a floor itself
	goal  float64   // of its floor; 0 for none

	prepare   func() error    // runs before a round, unmeasured; may be nil
	processes []int           // whose time it takes
	redis     *goredis.Client // nil where it takes none of Redis's

	closed, open []round
}

const cold = "context, cold"

var question = marshal(map[string]any{"query": "Which parcel went to the port of Antwerp?"})

// scenarios gives what to measure, each after its floor.
func (w *world) scenarios(o options) ([]*scenario, error) {
	durable, bare := 0.5, "bare group commit"
	if w.store == onRedis {
		durable, bare = 0.6, "bare script"
	}
	all := []*scenario{
		{name: "ingest of 1", status: 201, request: w.ingest(1), goal: durable},
		{name: "ingest of 20", status: 201, request: w.ingest(20), goal: durable},
		{name: "context, warm", status: 200, request: ask(w.readers, "/context"), goal: 0.5},
		{name: cold, status: 200, request: ask(w.chilled, "/context")},
		{name: "search", status: 200, request: ask(w.readers, "/memory/search")},
		{name: "authentication alone", status: 404, request: w.getNothing},
	}
	var chosen []*scenario
	for i, c := range all {
		if !strings.Contains(c.name, o.only) || c.name == cold && w.cold == nil {
			continue
		}
		c.processes, c.redis = w.processes(), w.redis
		if c.name == cold {
			c.processes = []int{w.cold.Pid()}
		}
		kind := "echo"
		if c.status == 201 {
			kind = "commit"
		}
		if err := w.addFloor(c, kind, bare, i); err != nil {
			return nil, err
		}
		chosen = append(chosen, c.floor, c)
	}
	return chosen, nil
}

// addFloor makes the floor of a scenario: the same bytes in and the same out, in
// between nothing or the same bytes made durable.
func (w *world) addFloor(c *scenario, kind, bare string, n int) error {
	answer, err := c.once()
	if err != nil {
		return err
	}
	if err := w.tellFloor(fmt.Sprintf("keep/%d", n), answer); err != nil {
		return err
	}
	url := fmt.Sprintf("%s%s/%d", w.floor.URL, kind, n)
	c.floor = &scenario{name: "*" + bare + ", its bytes*", status: 200, processes: []int{w.floor.Pid()}, redis: w.redis,
		request: func(turn int, r *fasthttp.Request) {
			c.request(turn, r)
			r.SetRequestURI(url)
			r.Header.SetMethod("POST")
		}}
	if kind == "echo" {
		c.floor.name = fmt.Sprintf("*bare echo, its bytes (%d)*", len(answer))
	} else {
		c.floor.prepare = func() error { return w.tellFloor("clear", nil) }
	}
	return nil
}

// once sends the request and gives the answer's body.
func (c *scenario) once() ([]byte, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	c.request(0, &req)
	if err := fasthttp.Do(&req, &res); err != nil {
		return nil, err
	}
	if res.StatusCode() != c.status {
		return nil, fmt.Errorf("%s: answered %d: %s", c.name, res.StatusCode(), res.Body())
	}
	return slices.Clone(res.Body()), nil
}

func (w *world) tellFloor(path string, body []byte) error {
	_, err := (&api{url: w.floor.URL}).call("POST", path, body)
	return err
}

// at gives each place its turn.
func at(places []place, turn int) place { return places[turn%len(places)] }

func (w *world) ingest(count int) func(turn int, r *fasthttp.Request) {
	return func(turn int, r *fasthttp.Request) {
		p := at(w.writers, turn)
		p.build(r, "POST", p.conversation+"/memory", interactions(turn, count))
	}
}

func ask(places []place, path string) func(turn int, r *fasthttp.Request) {
	return func(turn int, r *fasthttp.Request) {
		p := at(places, turn)
		p.build(r, "POST", p.user+path, question)
	}
}

// getNothing asks for what can't be: who asks is found, and nothing is looked up.
func (w *world) getNothing(turn int, r *fasthttp.Request) {
	at(w.readers, turn).build(r, "GET", "/users/nobody", nil)
}

func interactions(turn, count int) []byte {
	body := []byte(`{"interactions":[`)
	for i := range count {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"role":"user","content":"The watch reports for the time number %d that all is well on board %d."}`, turn, i)
	}
	return append(body, "]}"...)
}
