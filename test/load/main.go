// Command load measures a server over loopback, each figure beside a bare
// Fiber echo in the same run: requests a second, and the 50th and 99th
// percentile of the time an answer takes, in a closed loop of so many
// connections. Rounds are interleaved, and the median round is reported, because
// a shared machine's speed changes from minute to minute.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/gofiber/fiber/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/test/process"
)

type options struct {
	connections int
	seconds     int
	rounds      int
	history     int
	redis       string
	nodes       int
}

func main() {
	var o options
	flag.IntVar(&o.connections, "connections", 32, "connections, each with one request under way")
	flag.IntVar(&o.seconds, "seconds", 5, "length of a round")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the median is reported")
	flag.IntVar(&o.history, "history", 1000, "interactions that the user has whose context is asked for")
	flag.StringVar(&o.redis, "redis", "", "`URL` of a Redis to use as the store, with a bare RPUSH as a further floor; empty: the embedded store")
	flag.IntVar(&o.nodes, "nodes", 1, "servers that share the store; with more than one, which takes -redis, figures are given for the first alone and for all")
	echo := flag.Bool("echo", false, "serve the floors and nothing else")
	flag.Parse()
	err := func() error {
		if *echo {
			return serveFloors(o.redis)
		}
		return run(o)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "raven-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	binary, err := process.Build(dir)
	if err != nil {
		return err
	}
	env := []string{"RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_LOG_LEVEL=warn"}
	if o.redis != "" {
		env = append(env, "RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL="+o.redis)
	}
	nodes, stopNodes, err := startNodes(binary, dir+"/data", o, env)
	if err != nil {
		return err
	}
	defer stopNodes()
	floor, stopFloor, err := startFloors(o.redis)
	if err != nil {
		return err
	}
	defer stopFloor()
	cases, err := prepare(nodes, floor, o)
	if err != nil {
		return err
	}
	return report(o, cases)
}

// startNodes starts the servers on one data directory, so that they have the
// same keyring.
func startNodes(binary, dir string, o options, env []string) (urls []string, stop func(), err error) {
	if o.nodes > 1 && o.redis == "" {
		return nil, nil, errors.New("several nodes need a store that they can share: -redis")
	}
	var servers []*process.Server
	stop = func() {
		for _, s := range servers {
			s.Kill()
		}
	}
	for range max(o.nodes, 1) {
		s, err := process.Start(binary, dir, env...)
		if err != nil {
			stop()
			return nil, nil, err
		}
		servers, urls = append(servers, s), append(urls, s.URL)
	}
	return urls, stop, nil
}

// scenario is one kind of request.
type scenario struct {
	name    string
	request func(worker, n int, r *fasthttp.Request)
	status  int
	floor   *scenario // what it is held against; nil for a floor itself
	rounds  []round
}

type round struct {
	perSecond float64
	p50, p99  time.Duration
}

func report(o options, cases []*scenario) error {
	for i := range o.rounds + 1 { // the first warms up
		for _, c := range cases {
			r, err := c.measure(o)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if i > 0 {
				c.rounds = append(c.rounds, r)
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%d connections, median of %d rounds of %d s\n", o.connections, o.rounds, o.seconds)
	fmt.Fprintln(w, "request\tper second\tp50\tp99\tof its floor")
	for _, c := range cases {
		m, ratio := c.median(), "1"
		if c.floor != nil {
			ratio = fmt.Sprintf("%.2f", m.perSecond/c.floor.median().perSecond)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%v\t%v\t%s\n", c.name, m.perSecond, m.p50.Round(time.Microsecond), m.p99.Round(time.Microsecond), ratio)
	}
	return w.Flush()
}

func (c *scenario) median() round {
	sorted := slices.SortedFunc(slices.Values(c.rounds), func(a, b round) int { return cmp.Compare(a.perSecond, b.perSecond) })
	return sorted[len(sorted)/2]
}

// measure runs one round.
func (c *scenario) measure(o options) (round, error) {
	client := &fasthttp.Client{MaxConnsPerHost: o.connections, NoDefaultUserAgentHeader: true}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(time.Duration(o.seconds) * time.Second)
	for worker := range o.connections {
		wg.Go(func() {
			took, err := c.loop(client, worker, end)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			failed = cmp.Or(failed, err)
		})
	}
	wg.Wait()
	if failed != nil {
		return round{}, failed
	}
	slices.Sort(all)
	return round{
		perSecond: float64(len(all)) / time.Since(start).Seconds(),
		p50:       all[len(all)/2],
		p99:       all[len(all)*99/100],
	}, nil
}

func (c *scenario) loop(client *fasthttp.Client, worker int, end time.Time) ([]time.Duration, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	var took []time.Duration
	for n := 0; ; n++ {
		start := time.Now()
		if start.After(end) {
			return took, nil
		}
		req.Reset()
		c.request(worker, n, &req)
		if err := client.Do(&req, &res); err != nil {
			return nil, err
		}
		if res.StatusCode() != c.status {
			return nil, fmt.Errorf("answered %d: %s", res.StatusCode(), res.Body())
		}
		took = append(took, time.Since(start))
	}
}

// prepare fills a server and gives what to measure, the floors first.
func prepare(nodes []string, floor string, o options) ([]*scenario, error) {
	api := &api{url: nodes[0]}
	if err := api.fill(o); err != nil {
		return nil, err
	}
	answer, err := api.call("POST", "/users/ext:reader/context", question())
	if err != nil {
		return nil, err
	}
	small := &scenario{name: "bare Fiber echo, bytes of an ingest", status: 200, request: post(floor, one(1, 1))}
	large := &scenario{name: fmt.Sprintf("bare Fiber echo, bytes of a context (%d)", len(answer)), status: 200, request: post(floor, answer)}
	cases, stored := []*scenario{small, large}, small
	if o.redis != "" {
		stored = &scenario{name: "bare Fiber and one RPUSH of those bytes", status: 200, request: post(floor+"push", one(1, 1))}
		cases = append(cases, stored)
	}
	cases = append(cases, measured(nodes[:1], api.key, o, small, stored, large)...)
	if len(nodes) > 1 {
		cases = append(cases, measured(nodes, api.key, o, small, stored, large)...)
	}
	return cases, nil
}

// measured is what is asked of nodes, each connection of one of them, in turn.
func measured(nodes []string, key string, o options, small, stored, large *scenario) []*scenario {
	on := ""
	if o.nodes > 1 {
		on = fmt.Sprintf(", %d of %d nodes", len(nodes), o.nodes)
	}
	node, query := func(worker int) string { return nodes[worker%len(nodes)] + "/api/v1" }, question()
	return []*scenario{
		{name: "ingest of 1 interaction" + on, status: 201, floor: stored, request: func(worker, n int, r *fasthttp.Request) {
			build(r, fmt.Sprintf("%s/users/ext:w%d/conversations/ext:c/memory", node(worker), worker), key, one(worker, n))
		}},
		{name: fmt.Sprintf("context, %d interactions, warm", o.history) + on, status: 200, floor: large, request: func(worker, _ int, r *fasthttp.Request) {
			build(r, node(worker)+"/users/ext:reader/context", key, query)
		}},
		{name: "a user, by reference" + on, status: 200, floor: small, request: func(worker, _ int, r *fasthttp.Request) {
			build(r, node(worker)+"/users/ext:reader", key, nil)
			r.Header.SetMethod("GET")
		}},
	}
}

func one(worker, n int) []byte {
	return marshal(map[string]any{"interactions": []any{map[string]any{
		"role": "user", "content": fmt.Sprintf("Connection %d says for the time number %d that all is well on board.", worker, n),
	}}})
}

func question() []byte {
	return marshal(map[string]any{"query": "Which parcel went to the port of Antwerp?", "max_tokens": 1000})
}

func post(url string, body []byte) func(int, int, *fasthttp.Request) {
	return func(_, _ int, r *fasthttp.Request) { build(r, url, "", body) }
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

// api makes what the requests need.
type api struct {
	url, key string
}

func (a *api) fill(o options) error {
	var tenant struct {
		APIKey struct{ Key string } `json:"api_key"`
	}
	raw, err := a.call("POST", "/tenants", marshal(map[string]any{"name": "load", "email": fmt.Sprintf("load-%d@example.com", time.Now().UnixNano())}))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &tenant); err != nil {
		return err
	}
	a.key = tenant.APIKey.Key
	users := []string{"reader"}
	for i := range o.connections {
		users = append(users, fmt.Sprint("w", i))
	}
	for _, user := range users {
		if _, err := a.call("PUT", "/users/ext:"+user, nil); err != nil {
			return err
		}
		if _, err := a.call("POST", "/users/ext:"+user+"/conversations", marshal(map[string]any{"external_ref": "c"})); err != nil {
			return err
		}
	}
	ports := []string{"Antwerp", "Bergen", "Cadiz", "Durban", "Esbjerg"}
	for n := 0; n < o.history; n += 100 {
		var list []any
		for i := range min(100, o.history-n) {
			list = append(list, map[string]any{"role": "user", "content": fmt.Sprintf(
				"Parcel %d left the port of %s on day %d with %d crates of instruments.", n+i, ports[(n+i)%5], (n+i)%365, (n+i)%17)})
		}
		if _, err := a.call("POST", "/users/ext:reader/conversations/ext:c/memory", marshal(map[string]any{"interactions": list})); err != nil {
			return err
		}
	}
	return nil
}

func (a *api) call(method, path string, body []byte) ([]byte, error) {
	var req fasthttp.Request
	var res fasthttp.Response
	build(&req, a.url+"/api/v1"+path, a.key, body)
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

// startFloors runs the floors as a process of its own, as the server is one.
func startFloors(redis string) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	return process.Floor(self, "-echo", "-redis", redis)
}

func serveFloors(redis string) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Post("/", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	if redis != "" {
		opt, err := goredis.ParseURL(redis)
		if err != nil {
			return err
		}
		client := goredis.NewClient(opt)
		app.Post("/push", func(c *fiber.Ctx) error {
			if err := client.RPush(c.UserContext(), "floor", c.Body()).Err(); err != nil {
				return err
			}
			return c.Send(c.Body())
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", ln.Addr())
	return app.Listener(ln)
}
