package e2e

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// The size of a history with a fault. What is asked while nothing answers has no
// known outcome, and each such call doubles what has to be thought of.
const (
	faultClients = 6
	faultSteps   = 12
)

// histories is how many there are of each kind; RAVEN_TEST_HISTORIES says
// otherwise.
func histories() int {
	if n, err := strconv.Atoi(os.Getenv("RAVEN_TEST_HISTORIES")); err == nil {
		return n
	}
	return 4
}

// unknown is the output of a call of which nobody knows whether it was done: it
// may take effect at any time after it was made, or never.
type unknown struct{}

// frail are two nodes on a Redis, each behind a proxy of its own.
type frail struct {
	t       *testing.T
	dir     string
	redis   *backend.RedisServer
	proxies [2]*backend.ProxyServer
	mu      sync.Mutex
	nodes   [2]*process.Server
}

func newFrail(t *testing.T) *frail {
	t.Helper()
	f := &frail{t: t, dir: t.TempDir(), redis: backend.Redis(t)}
	for i := range f.nodes {
		f.proxies[i] = backend.Proxy(t, f.redis.Addr())
		f.nodes[i] = f.startNode(i)
	}
	return f
}

func (f *frail) startNode(i int) *process.Server {
	return start(f.t, f.dir, onRedis("redis://"+f.proxies[i].Addr()+"/0")...)
}

func (f *frail) url(i int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[i].URL
}

// faults are what befalls a history.
var faults = []string{"connections cut", "a node's connections frozen", "kill -9 of a node", "kill -9 of Redis"}

func (f *frail) strike(fault string, random *rand.Rand) {
	i := random.IntN(2)
	switch fault {
	case "connections cut":
		for range 5 {
			f.proxies[random.IntN(2)].Cut()
			time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond) // a moment, not a wait for something
		}
	case "a node's connections frozen":
		f.proxies[i].Freeze(true)
		time.Sleep(time.Duration(50+random.IntN(200)) * time.Millisecond)
		f.proxies[i].Freeze(false)
	case "kill -9 of a node":
		f.mu.Lock()
		f.nodes[i].Kill()
		f.mu.Unlock()
		next := f.startNode(i)
		f.mu.Lock()
		f.nodes[i] = next
		f.mu.Unlock()
	case "kill -9 of Redis":
		f.redis.Kill()
		f.redis.Restart()
	}
}

// attempt is a call that a client makes of one of the nodes.
type attempt struct {
	method, path string
	body         any
	headers      []string
	key          string // in the place of the tenant's first; "" for that
	// read gives the output of a definite answer.
	read func(answer) any
}

// turn is a client's turn to ask: whose, which, of which node, and what was
// prepared.
type turn struct {
	random         *rand.Rand
	id, step, node int
	stage          []string
	do             func(input any, a attempt) any // records the call; nil for what is not known to have been answered
}

// faultTrial is a kind of history: what is there before it, and what a client
// asks at each turn.
type faultTrial struct {
	name     string
	settings object
	prepare  func(t *testing.T, c *client) []string // nil for nothing
	ask      func(turn)
	model    porcupine.Model
	complete func(*testing.T, *client, []porcupine.Operation) []porcupine.Operation // adds what is known after all; nil for nothing
}

// counts are of histories and of the calls in them.
type counts struct{ histories, operations, unknown int }

// run has clients ask while a fault strikes, and checks the history.
func (f *frail) run(tr faultTrial, fault string, seed uint64, sum *counts) {
	f.t.Helper()
	c, stage := f.tenant(tr, seed)
	h := &history{began: time.Now()}
	var wg sync.WaitGroup
	for id := range faultClients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(id)))
			for step := range faultSteps {
				node := newClient(f.url(id % 2))
				node.key = c.key
				tr.ask(turn{random, id, step, id % 2, stage, func(input any, a attempt) any { return f.attempt(h, id, node, input, a) }})
			}
		})
	}
	random := rand.New(rand.NewPCG(seed, 99))
	time.Sleep(time.Duration(5+random.IntN(60)) * time.Millisecond)
	f.strike(fault, random)
	wg.Wait()
	if tr.complete != nil {
		f.untilServing()
		c.url = f.url(0)
		h.ops = tr.complete(f.t, c, h.ops)
	}
	sum.histories++
	sum.operations += len(h.ops)
	for _, op := range h.ops {
		if op.Output == (unknown{}) {
			sum.unknown++
		}
	}
	switch porcupine.CheckOperationsTimeout(tr.model, h.ops, patience) {
	case porcupine.Illegal:
		f.t.Errorf("%s, with %s: a history of %d calls is not linearizable (seed %d):\n%s", tr.name, fault, len(h.ops), seed, h.text())
	case porcupine.Unknown:
		f.t.Errorf("%s, with %s: a history of %d calls was not decided in %v (seed %d)", tr.name, fault, len(h.ops), patience, seed)
	default:
	}
}

func (h *history) text() string {
	var out strings.Builder
	for _, op := range h.ops {
		fmt.Fprintf(&out, "%d: %+v -> %+v from %d to %d\n", op.ClientId, op.Input, op.Output, op.Call/1000, op.Return/1000)
	}
	return out.String()
}

// tenant makes one for a history, once both nodes serve.
func (f *frail) tenant(tr faultTrial, seed uint64) (c *client, stage []string) {
	f.t.Helper()
	f.untilServing()
	c = register(f.t, f.url(0), fmt.Sprint("h", seed), tr.settings)
	if tr.prepare != nil {
		stage = tr.prepare(f.t, c)
	}
	return c, stage
}

func (f *frail) untilServing() {
	f.t.Helper()
	for i := range f.nodes {
		eventually(f.t, "both nodes to serve", func() bool {
			a, err := newClient(f.url(i)).do("GET", "/readyz", nil)
			return err == nil && a.status == http.StatusOK
		})
	}
}

// attempt makes a call and records it. What was never sent, or read nothing, is
// not of the history.
func (f *frail) attempt(h *history, id int, node *client, input any, a attempt) any {
	if a.key != "" {
		node.key = a.key
	}
	called := time.Since(h.began).Nanoseconds()
	got, err := node.do(a.method, a.path, a.body, a.headers...)
	back := time.Since(h.began).Nanoseconds()
	var dial *net.OpError
	var output any
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		time.Sleep(20 * time.Millisecond) // the node is starting
		return nil
	case err == nil && got.status < http.StatusInternalServerError:
		output = a.read(got)
	case err == nil && got.status == http.StatusInternalServerError:
		f.t.Errorf("%s %s: 500 %s", a.method, a.path, got.raw)
		return nil
	case a.method == "GET":
		return nil
	default:
		output, back = unknown{}, math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: id, Input: input, Call: called, Output: output, Return: back})
	return output
}

// TestTwoNodesWithFaultsAreLinearizable checks settings with ETags, users and
// conversations under a quota, the order of a conversation, and revocation, while
// connections are cut and frozen, and a node or Redis is killed.
func TestTwoNodesWithFaultsAreLinearizable(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	for _, tr := range faultTrials() {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			f := newFrail(t)
			var sum counts
			for i := range histories() {
				f.run(tr, faults[i%len(faults)], seed+uint64(i), &sum)
			}
			t.Logf("%s: %d histories with faults, %d operations, %d of them of unknown outcome, all linearizable (seed %d)",
				tr.name, sum.histories, sum.operations, sum.unknown, seed)
		})
	}
}
