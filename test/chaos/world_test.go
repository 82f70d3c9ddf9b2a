package chaos

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/process"
)

// defaultFaults is how often a deployment is harmed; RAVEN_TEST_KILLS says
// otherwise.
const defaultFaults = 50

// world is a deployment, what may be done to it, and what its clients know.
type world struct {
	t       *testing.T
	name    string
	seed    uint64
	rand    *rand.Rand
	dir     string
	env     []string
	nodes   []*node
	tenants []*tenant
	faults  []fault
	store   goredis.UniversalClient // reaches the store around all harm; nil where it is embedded
	later   func()                  // undoes harm that the next harm happens under; nil for none
	book    ledger
}

// fault does harm, leaves it for a while, and undoes it.
type fault struct {
	kind string
	do   func()
}

// node is one raven of a deployment.
type node struct {
	world  *world
	clock  string // the file that says by how much its clock is moved
	server *process.Server
	url    atomic.Pointer[string]
}

func (n *node) at() string { return *n.url.Load() }

// newWorld makes what any deployment has; the store is in dir, where it is
// embedded. RAVEN_TEST_SEED repeats the faults of another run.
func newWorld(t *testing.T, name, dir string, env ...string) *world {
	t.Helper()
	w := &world{t: t, name: name, dir: dir, seed: uint64(time.Now().UnixNano())}
	if seed, err := strconv.ParseUint(os.Getenv("RAVEN_TEST_SEED"), 10, 64); err == nil {
		w.seed = seed
	}
	w.rand = rand.New(rand.NewPCG(w.seed, 1))
	w.book.answers = map[string]int{}
	w.book.connect()
	w.env = slices.Concat(env, []string{"RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_LIMITS_UNAUTHENTICATED_PER_MINUTE=0",
		"RAVEN_HTTP_REQUEST_TIMEOUT=2s", "RAVEN_MEMORY_SWEEP_EVERY=1s"})
	t.Logf("%s: seed %d", name, w.seed)
	return w
}

// populate starts nodes and fills the deployment with tenants.
func (w *world) populate(nodes int) {
	w.t.Helper()
	for i := range nodes {
		n := &node{world: w, clock: filepath.Join(w.t.TempDir(), fmt.Sprint("clock", i))}
		n.move(0)
		n.start()
		w.nodes = append(w.nodes, n)
	}
	for i := range tenants {
		w.tenants = append(w.tenants, w.register(i))
	}
}

// start starts the node, however long what it needs takes to be there.
func (n *node) start() {
	t := n.world.t
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if n.server, err = process.Start(ravenPath, n.world.dir, append(n.world.env, "CHAOS_CLOCK="+n.clock)...); err == nil {
			t.Cleanup(n.server.Kill)
			n.url.Store(&n.server.URL)
			return
		}
	}
	t.Fatal(err)
}

// move moves the node's clock.
func (n *node) move(by time.Duration) {
	n.world.t.Helper()
	file, err := os.OpenFile(n.clock, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.Write(binary.NativeEndian.AppendUint64(nil, uint64(by)))
	}
	if err != nil {
		n.world.t.Fatal(err)
	}
	_ = file.Close()
}

// ready waits until every node says that it is.
func (w *world) ready() {
	w.t.Helper()
	for _, n := range w.nodes {
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			a, err := do(w.t.Context(), n.at(), "", "GET", "/readyz", nil, "")
			if err == nil && a.status == http.StatusOK {
				break
			}
			if time.Now().After(end) {
				w.t.Fatalf("a node does not become ready: %v %v", err, a.body)
			}
		}
	}
}

// url is of a node.
func (w *world) url() string { return w.nodes[0].at() }

func (w *world) register(n int) *tenant {
	w.t.Helper()
	x := &tenant{world: w}
	a := x.must(w.t, "POST", "/api/v1/tenants", object{
		"name": "chaos", "email": fmt.Sprintf("chaos%d@example.com", n),
		"settings": object{"batch_size": 7, "max_users": 1_000_000, "max_conversations_per_user": 1_000_000},
	})
	info, _ := a.body["tenant"].(map[string]any)
	key, _ := a.body["api_key"].(map[string]any)
	x.id, _ = info["id"].(string)
	x.key, _ = key["key"].(string)
	for c := range conversations {
		x.must(w.t, "PUT", "/api/v1/users/ext:"+user(c), nil)
		x.must(w.t, "POST", "/api/v1/users/ext:"+user(c)+"/conversations", object{"external_ref": fmt.Sprint("c", c)})
	}
	return x
}

// tenant is one of a world's.
type tenant struct {
	world   *world
	id, key string
	events  int // that it has in the end
}

// harm lets writers write, and does one thing after the other to the deployment.
// The kinds are drawn like cards: each comes as often as every other.
func (w *world) harm() (drawn map[string]int) {
	w.t.Helper()
	times := defaultFaults
	if n, err := strconv.Atoi(os.Getenv("RAVEN_TEST_KILLS")); err == nil {
		times = n
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	w.book.began = time.Now()
	for i := range writers {
		wg.Go(func() { (&writer{world: w, id: i, rand: rand.New(rand.NewPCG(w.seed, uint64(2+i)))}).run(ctx) })
	}
	defer wg.Wait()
	defer cancel()
	drawn = map[string]int{}
	var deck []int
	for range times {
		w.hold(50, 250)
		if len(deck) == 0 {
			deck = w.rand.Perm(len(w.faults))
		}
		f := w.faults[deck[0]]
		deck = deck[1:]
		drawn[f.kind]++
		began := time.Now()
		later := w.later
		w.later = nil
		f.do()
		if later != nil {
			later()
		}
		if os.Getenv("RAVEN_TEST_VERBOSE") != "" {
			w.t.Logf("%v: %s, for %v", began.Sub(w.book.began).Round(time.Millisecond), f.kind, time.Since(began).Round(time.Millisecond))
		}
	}
	w.hold(50, 250)
	if w.later != nil {
		w.later()
	}
	return drawn
}

// hold lets a random time pass, in milliseconds.
func (w *world) hold(least, most int) {
	time.Sleep(time.Duration(least+w.rand.IntN(most-least+1)) * time.Millisecond) // a random moment, not a wait for something
}

// any is one of the nodes.
func (w *world) any() *node { return w.nodes[w.rand.IntN(len(w.nodes))] }

// inWords lists counts by name.
func inWords(counts map[string]int) string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s %d", what, counts[what]))
	}
	return strings.Join(list, ", ")
}
