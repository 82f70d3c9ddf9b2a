package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/relay"
)

// The trial of the outbox.
const (
	outboxFaults = 0.0005           // share of calls to the store that fail
	deathEvery   = 5 * time.Second  // at the mean, of some node
	backAfter    = 10 * time.Second // a dead one
	longest      = 20 * time.Minute // for all to be carried after the last event
)

// outboxTrial is many processes with one store and one audit log.
type outboxTrial struct {
	network
	tenants []core.TenantID
	boxes   *outboxes
	logs    *logs
	signer  *audit.Signer
	ids     *core.IDs
	near    bool

	mu    sync.Mutex
	nodes []*node

	handed atomic.Int64 // events, to the sink of the log
	forks  atomic.Int64
	deaths atomic.Int64
	lost   atomic.Int64 // events whose step's answer nobody heard, recorded or not
}

// node is one process.
type node struct {
	store relayStore
	relay *relay.Service
	stop  context.CancelFunc
	ended chan struct{}
}

func newOutboxTrial(o options, nodes int, near bool) (*outboxTrial, error) {
	t := &outboxTrial{network: network{chance: newChance(o.seed, 2), faults: outboxFaults}, near: near}
	t.ids = core.NewIDs(clock{}.Now, t.chance)
	for range o.tenants {
		t.tenants = append(t.tenants, t.ids.Tenant())
	}
	t.boxes, t.logs = newOutboxes(t.tenants), newLogs(t.tenants)
	var err error
	if t.signer, err = audit.NewSigner("dep_simulated", make([]byte, 32)); err != nil {
		return nil, err
	}
	for range nodes {
		t.nodes = append(t.nodes, t.start())
	}
	return t, nil
}

// start starts a process, with the lanes that the product has.
func (t *outboxTrial) start() *node {
	l := &line{network: &t.network}
	n := &node{store: relayStore{l, t.boxes}, ended: make(chan struct{})}
	service := audit.New(audit.Deps{Log: auditLog{l, t.logs}, Signer: t.signer, Clock: clock{}, IDs: t.ids}, audit.Options{})
	n.relay = relay.New(relay.Deps{
		Store: n.store, Leases: n.store, Holder: t.ids.Operation(), Clock: clock{}, Jitter: t.chance.Float64,
		After: func(d time.Duration, fire func()) func() {
			timer := time.AfterFunc(d, fire)
			return func() { timer.Stop() }
		},
		Report: func(_ context.Context, _ string, err error) {
			if errors.Is(err, core.ErrAuditFork) {
				t.forks.Add(1)
			}
		},
	},
		relay.Lane{Sink: counted{service.LogSink(), &t.handed}, Linger: 250 * time.Millisecond, Batch: 1000},
		relay.Lane{Sink: service.CheckpointSink(), Linger: 2 * time.Second, Batch: 1000},
		relay.Lane{Sink: webhooks{n.store}, Linger: 100 * time.Millisecond},
	)
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	go func() {
		defer close(n.ended)
		n.relay.Run(ctx)
	}()
	return n
}

// counted is a sink that counts what it is handed.
type counted struct {
	relay.Sink
	handed *atomic.Int64
}

// Deliver implements relay.Sink.
func (c counted) Deliver(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	c.handed.Add(int64(len(events)))
	return c.Sink.Deliver(ctx, tenant, events)
}

// webhooks is the sink of webhooks for tenants that have none: it looks.
type webhooks struct{ store relayStore }

// Name implements relay.Sink.
func (webhooks) Name() string { return "webhooks" }

// Deliver implements relay.Sink.
func (w webhooks) Deliver(ctx context.Context, tenant core.TenantID, _ []core.Event) error {
	return w.store.at(ctx, "Webhook", tenant, func(*box) {})
}

// nodeFor chooses the node that an event of a tenant happens on.
func (t *outboxTrial) nodeFor(tenant int) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.near {
		return t.nodes[(tenant*nearNodes+t.chance.below(nearNodes))%len(t.nodes)]
	}
	return t.nodes[t.chance.below(len(t.nodes))]
}

// write has events happen until a time.
func (t *outboxTrial) write(rate float64, until time.Time) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for time.Now().Before(until) {
		time.Sleep(t.chance.exponential(time.Duration(float64(time.Second) / rate)))
		i := t.chance.below(len(t.tenants))
		n := t.nodeFor(i)
		wg.Go(func() {
			e := core.Event{
				ID: t.ids.Event(), Type: core.EventMemoryFlushed, At: clock{}.Now(), Tenant: t.tenants[i],
				Data: core.EventData{"blobs": int64(1), "interactions": int64(10)},
			}
			err := n.store.record(context.Background(), t.tenants[i], e)
			switch {
			case errors.Is(err, errDead): // nobody is told; who looks through the outboxes finds it
				t.lost.Add(1)
			default: // an answer that was lost is told of too
				n.relay.Notify(t.tenants[i])
			}
		})
	}
}

// die has nodes die, and come back as new processes, until a time.
func (t *outboxTrial) die(until time.Time) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		time.Sleep(t.chance.exponential(deathEvery))
		if !time.Now().Before(until) {
			return
		}
		t.mu.Lock()
		i := t.chance.below(len(t.nodes))
		dead := t.nodes[i]
		t.mu.Unlock()
		if dead.store.isDead() {
			continue
		}
		dead.store.cut()
		dead.stop()
		t.deaths.Add(1)
		wg.Go(func() {
			<-dead.ended
			time.Sleep(backAfter)
			n := t.start()
			t.mu.Lock()
			t.nodes[i] = n
			t.mu.Unlock()
		})
	}
}

// run has events happen and nodes die, then waits until all is carried.
func (t *outboxTrial) run(rate float64, length time.Duration) (calls *counts) {
	until := time.Now().Add(length)
	var wg sync.WaitGroup
	wg.Go(func() { t.write(rate, until) })
	wg.Go(func() { t.die(until) })
	wg.Wait()
	calls = t.calls.take()
	for late := time.Now().Add(longest); t.boxes.left() > 0 && time.Now().Before(late); {
		time.Sleep(time.Second)
	}
	for _, n := range t.nodes {
		n.stop()
		<-n.ended
	}
	return calls
}

// verdict holds the logs against what was recorded.
func (t *outboxTrial) verdict() (recorded, missing, wrong int) {
	for id, b := range t.boxes.of {
		entries := t.logs.of[id].entries
		recorded += len(b.recorded)
		missing += max(len(b.recorded)-len(entries), 0)
		for i, e := range entries {
			if i >= len(b.recorded) || e.Event.ID != b.recorded[i] {
				wrong++
			}
		}
	}
	return recorded, missing, wrong
}

func reportOutbox(w io.Writer, tell broken, o options) {
	fmt.Fprintf(w, "Outbox: %d tenants, %.0f events a second for %v, a node dies every %v and is back after %v, of calls to the store %.2f%% fail, seed %d.\n\n",
		o.tenants, o.events, o.length, deathEvery, backAfter, 100*outboxFaults, o.seed)
	fmt.Fprintln(w, "| nodes | events of a tenant come by | events | deaths | missing | out of place | handed twice | lag p50 | p99 | most | calls an event | calls a second |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range o.shapes() {
		t, err := newOutboxTrial(o, s.nodes, s.near)
		if err != nil {
			tell("%v", err)
			return
		}
		calls := t.run(o.events, o.length)
		recorded, missing, wrong := t.verdict()
		p50, p99, most := t.logs.lag.quantiles()
		fmt.Fprintf(w, "| %d | %s | %d | %d | %d | %d | %d | %s | %s | %s | %.1f | %s |\n", s.nodes, s.where(), recorded, t.deaths.Load(),
			missing, wrong, t.handed.Load()-int64(recorded), round(p50), round(p99), round(most),
			float64(calls.total())/float64(recorded), calls.text(o.length))
		if missing+wrong > 0 || t.forks.Load() > 0 {
			tell("%d nodes: a promise was broken", s.nodes)
		}
	}
	fmt.Fprintln(w)
}
