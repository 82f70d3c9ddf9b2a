package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/relay"
)

// outboxes is the store's side: events, positions and leases of tenants.
type outboxes struct {
	mu        sync.Mutex
	events    map[core.TenantID][]core.Event
	last      map[core.TenantID]int64
	positions map[core.TenantID]map[string]int64
	leases    map[string]string
	calls     int
	hint      func(core.TenantID)
}

func newOutboxes() *outboxes {
	return &outboxes{
		events: map[core.TenantID][]core.Event{}, last: map[core.TenantID]int64{},
		positions: map[core.TenantID]map[string]int64{}, leases: map[string]string{},
	}
}

func (o *outboxes) record(tenant core.TenantID, n int) {
	o.mu.Lock()
	for range n {
		o.last[tenant]++
		o.events[tenant] = append(o.events[tenant], core.Event{Tenant: tenant, Seq: o.last[tenant], At: time.Now()})
	}
	hint := o.hint
	o.mu.Unlock()
	if hint != nil {
		hint(tenant)
	}
}

func (o *outboxes) left(tenant core.TenantID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.events[tenant])
}

func (o *outboxes) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

func (o *outboxes) Events(_ context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	var list []core.Event
	for _, e := range o.events[tenant] {
		if e.Seq > after && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, nil
}

func (o *outboxes) Outboxes(_ context.Context, after core.TenantID, limit int) ([]core.OutboxState, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	var list []core.OutboxState
	for tenant, events := range o.events {
		if tenant > after && len(events) > 0 {
			list = append(list, core.OutboxState{Tenant: tenant, First: events[0].Seq, Last: o.last[tenant], OldestAt: events[0].At})
		}
	}
	slices.SortFunc(list, func(a, b core.OutboxState) int { return slices.Compare([]byte(a.Tenant), []byte(b.Tenant)) })
	return list[:min(limit, len(list))], nil
}

func (o *outboxes) Positions(_ context.Context, tenant core.TenantID) (map[string]int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	out := map[string]int64{}
	for sink, at := range o.positions[tenant] {
		out[sink] = at
	}
	return out, nil
}

func (o *outboxes) SetPosition(_ context.Context, tenant core.TenantID, sink string, seq int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	if o.positions[tenant] == nil {
		o.positions[tenant] = map[string]int64{}
	}
	o.positions[tenant][sink] = max(o.positions[tenant][sink], seq)
	return nil
}

func (o *outboxes) TrimEvents(_ context.Context, tenant core.TenantID, through int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	o.events[tenant] = slices.DeleteFunc(o.events[tenant], func(e core.Event) bool { return e.Seq <= through })
	return nil
}

func (o *outboxes) Lease(_ context.Context, tenant core.TenantID, work, holder string, _, _ time.Time) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := string(tenant) + work
	if other := o.leases[key]; other != "" && other != holder {
		return false, nil
	}
	o.leases[key] = holder
	return true, nil
}

func (o *outboxes) EndLease(_ context.Context, tenant core.TenantID, work, holder string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if key := string(tenant) + work; o.leases[key] == holder {
		delete(o.leases, key)
	}
	return nil
}

// sink remembers what it got, and fails when it is told to.
type sink struct {
	name string
	mu   sync.Mutex
	got  map[core.TenantID][]int64
	fail func(core.TenantID) error
	took []core.TenantID // whom each call was for
	slow time.Duration
	most int // calls at once, the most there were
	now  int
}

func newSink(name string) *sink { return &sink{name: name, got: map[core.TenantID][]int64{}} }

func (s *sink) Name() string { return s.name }

func (s *sink) set(fail func(core.TenantID) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *sink) Deliver(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	if s.slow > 0 {
		time.Sleep(s.slow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	s.took = append(s.took, tenant)
	if s.fail != nil {
		if err := s.fail(tenant); err != nil {
			return err
		}
	}
	for _, e := range events {
		list := s.got[tenant]
		if n := len(list); n > 0 && e.Seq > list[n-1]+1 {
			return fmt.Errorf("after %d came %d", list[n-1], e.Seq)
		}
		if n := len(list); n == 0 || e.Seq > list[n-1] {
			s.got[tenant] = append(list, e.Seq)
		}
	}
	return ctx.Err()
}

func (s *sink) has(tenant core.TenantID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got[tenant])
}

func (s *sink) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.took)
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

// world is a relay that runs, in a bubble of time.
type world struct {
	*testing.T
	boxes *outboxes
	relay *relay.Service
	errs  int
	stop  func()
}

func deps(o *outboxes, report func(error)) relay.Deps {
	return relay.Deps{
		Store: o, Leases: o, Holder: "me", Clock: realClock{},
		After: func(d time.Duration, fire func()) func() {
			timer := time.AfterFunc(d, fire)
			return func() { timer.Stop() }
		},
		Jitter: func() float64 { return 0.5 },
		Report: func(_ context.Context, _ string, err error) { report(err) },
	}
}

func run(t *testing.T, boxes *outboxes, lanes ...relay.Lane) *world {
	t.Helper()
	return runAs(t, "me", boxes, lanes...)
}

// runAs is run by a process of a name.
func runAs(t *testing.T, holder string, boxes *outboxes, lanes ...relay.Lane) *world {
	t.Helper()
	w := &world{T: t, boxes: boxes}
	var mu sync.Mutex
	d := deps(boxes, func(error) { mu.Lock(); w.errs++; mu.Unlock() })
	d.Holder = holder
	w.relay = relay.New(d, lanes...)
	boxes.mu.Lock()
	boxes.hint = w.relay.Notify
	boxes.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.relay.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	return w
}

func (w *world) holds(what string, ok bool) {
	w.Helper()
	if !ok {
		w.Error(what)
	}
}

var errDown = core.Unavailable(errors.New("down"))
