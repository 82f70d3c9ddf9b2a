package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/keys"
)

// The trial of the auth cache.
const (
	authFaults  = 0.001           // share of calls to the store that fail
	warmUp      = 2 * time.Second // before the first revocation
	revokeEvery = 2 * time.Second // one at a time
	probeEvery  = 25 * time.Millisecond
	cacheLife   = 500 * time.Millisecond  // the product's
	probeBefore = 1200 * time.Millisecond // so that every node has the key in its cache
	probeAfter  = 1500 * time.Millisecond
	promise     = time.Second // from a revocation's answer to the last use
	nearNodes   = 3           // that a tenant's requests go to where they are kept together
)

// authTrial is many processes with one key store.
type authTrial struct {
	network
	nodes []*keys.Service
	ids   *core.IDs
	keys  []issued
	near  bool // a tenant's requests go to a few nodes

	requests atomic.Int64
	failed   atomic.Int64 // the store was asked and did not answer
	refused  atomic.Int64 // although the key was good
	lag      durations    // of each revocation, on each node
	broken   atomic.Int64 // a use after the promise
}

type issued struct {
	core.IssuedKey
	tenant core.TenantID
}

func newAuthTrial(o options, nodes int, near bool) (*authTrial, error) {
	t := &authTrial{network: network{chance: newChance(o.seed, 1), faults: authFaults}, near: near}
	t.ids = core.NewIDs(clock{}.Now, t.chance)
	ring := &keyring{of: map[core.KeyHash]core.KeyRecord{}}
	for range nodes {
		store := keyStore{&line{network: &t.network}, ring}
		t.nodes = append(t.nodes, keys.New(store, openSealer{}, clock{}, t.chance, t.ids, core.NewCursors(make([]byte, 32))))
	}
	for range o.tenants {
		tenant := t.ids.Tenant()
		key, err := t.nodes[0].Create(context.Background(), core.Caller{Tenant: tenant, Scopes: core.FullAccess}, core.Op{},
			core.NewKey{Name: "simulated", Scopes: core.FullAccess})
		if err != nil {
			return nil, err
		}
		t.keys = append(t.keys, issued{key, tenant})
	}
	return t, nil
}

// nodeFor chooses where the load balancer sends a request with a key.
func (t *authTrial) nodeFor(key int) int {
	if t.near {
		return (key*nearNodes + t.chance.below(nearNodes)) % len(t.nodes)
	}
	return t.chance.below(len(t.nodes))
}

// load sends requests with keys at random until the time is over.
func (t *authTrial) load(rate float64, until time.Time, spare int) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for time.Now().Before(until) {
		time.Sleep(t.chance.exponential(time.Duration(float64(time.Second) / rate)))
		key := spare + t.chance.below(len(t.keys)-spare)
		node := t.nodes[t.nodeFor(key)]
		wg.Go(func() {
			_, err := node.Authenticate(context.Background(), t.keys[key].Secret)
			t.requests.Add(1)
			switch {
			case core.Is(err, core.CodeUnavailable):
				t.failed.Add(1)
			case err != nil:
				t.refused.Add(1)
			}
		})
	}
}

// revoke revokes a key on one node while all nodes are asked with it, and notes
// how long after the answer each let it in.
func (t *authTrial) revoke(key issued) {
	start := time.Now()
	last := make([]time.Time, len(t.nodes)) // that it was let in
	var revoked time.Time
	var wg sync.WaitGroup
	for i, node := range t.nodes {
		wg.Go(func() {
			time.Sleep(time.Duration(t.chance.Float64() * float64(cacheLife))) // their caches end at different moments
			for time.Since(start) < probeBefore+probeAfter {
				asked := time.Now()
				if _, err := node.Authenticate(context.Background(), key.Secret); err == nil {
					last[i] = asked
				}
				time.Sleep(probeEvery)
			}
		})
	}
	time.Sleep(probeBefore)
	node := t.nodes[t.chance.below(len(t.nodes))]
	caller := core.Caller{Tenant: key.tenant, Scopes: core.FullAccess}
	for node.Revoke(context.Background(), caller, core.Op{}, key.ID) != nil {
	}
	revoked = time.Now()
	wg.Wait()
	for _, at := range last {
		lag := max(at.Sub(revoked), 0)
		t.lag.add(lag)
		if lag > promise {
			t.broken.Add(1)
		}
	}
}

// run sends requests and revokes keys meanwhile, which nothing else uses.
func (t *authTrial) run(rate float64, length time.Duration) (lookUps float64) {
	revocations := int((length - warmUp) / (probeBefore + probeAfter + revokeEvery))
	revocations = min(max(revocations, 1), len(t.keys)/2)
	until := time.Now().Add(length)
	var wg sync.WaitGroup
	wg.Go(func() { t.load(rate, until, revocations) })
	time.Sleep(warmUp)
	measured, asked := time.Now(), t.calls.total("key")
	time.Sleep(revokeEvery)
	lookUps = float64(t.calls.total("key")-asked) / time.Since(measured).Seconds()
	for i := range revocations {
		t.revoke(t.keys[i])
		time.Sleep(revokeEvery)
	}
	wg.Wait()
	return lookUps
}

// expected is how many look-ups a second there should be: of keys times nodes
// that each is asked with at a rate λ, λ/(1+λ·life) each.
func expected(rate float64, keys, nodes int) float64 {
	pairs := float64(keys * nodes)
	each := rate / pairs
	return pairs * each / (1 + each*cacheLife.Seconds())
}

func reportAuth(w io.Writer, tell broken, o options) {
	fmt.Fprintf(w, "Auth cache: %d keys, %.0f requests a second, of calls to the store %.1f%% fail and %.1f%% take %v longer, seed %d.\n\n",
		o.tenants, o.requests, 100*authFaults, 100*slowOnes, slow, o.seed)
	fmt.Fprintln(w, "| nodes | requests of a tenant go to | look-ups a second | by λ/(1+λ·0.5 s) | answered by the cache | revoked keys × nodes | lag p50 | p99 | most | after 1 s | good keys refused | 503 |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range o.shapes() {
		t, err := newAuthTrial(o, s.nodes, s.near)
		if err != nil {
			tell("%v", err)
			return
		}
		lookUps := t.run(o.requests, o.length/4)
		p50, p99, most := t.lag.quantiles()
		fmt.Fprintf(w, "| %d | %s | %.0f | %.0f | %.1f%% | %d | %s | %s | %s | %d | %d | %d |\n", s.nodes, s.where(), lookUps,
			expected(o.requests, o.tenants, s.used), 100*(1-lookUps/o.requests), len(t.lag.list), round(p50), round(p99), round(most),
			t.broken.Load(), t.refused.Load(), t.failed.Load())
		if t.broken.Load()+t.refused.Load() > 0 {
			tell("%d nodes: a promise was broken", s.nodes)
		}
	}
	fmt.Fprintln(w)
}
