package audit_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

// clock is a clock that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fakeLog is a ports.AuditLog that a test may tamper with.
type fakeLog struct {
	entries map[core.TenantID][]core.AuditEntry // in the order of their numbers
	heads   map[core.TenantID]core.AuditHead
	notes   map[core.TenantID][]core.Checkpoint
	drops   map[core.TenantID]core.AuditDrop
	down    error
}

func newFakeLog() *fakeLog {
	return &fakeLog{
		entries: map[core.TenantID][]core.AuditEntry{}, heads: map[core.TenantID]core.AuditHead{},
		notes: map[core.TenantID][]core.Checkpoint{}, drops: map[core.TenantID]core.AuditDrop{},
	}
}

func (l *fakeLog) AppendAudit(_ context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	list := l.entries[tenant]
	gone := l.drops[tenant].Head.Seq
	for _, e := range entries {
		switch n := int64(len(list)) + gone; {
		case e.Event.Seq <= gone:
			return core.ErrAuditFork
		case e.Event.Seq <= n && list[e.Event.Seq-1-gone].Chain == e.Chain:
		case e.Event.Seq == n+1:
			list = append(list, e)
		default:
			return core.ErrAuditFork
		}
	}
	l.entries[tenant] = list
	if head.Seq > l.heads[tenant].Seq {
		l.heads[tenant] = head
	}
	return l.down
}

func (l *fakeLog) AuditHead(_ context.Context, tenant core.TenantID) (core.AuditHead, error) {
	return l.heads[tenant], l.down
}

func (l *fakeLog) FindAudit(_ context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error) {
	var found []core.AuditEntry
	for _, e := range slices.Backward(l.entries[tenant]) {
		if (q.Before == 0 || e.Event.Seq < q.Before) && (q.Type == "" || e.Event.Type == q.Type) && len(found) < q.Limit {
			found = append(found, e)
		}
	}
	return found, l.down
}

func (l *fakeLog) AuditEntries(_ context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error) {
	var found []core.AuditEntry
	for _, e := range l.entries[tenant] {
		if e.Event.Seq > after && len(found) < limit {
			found = append(found, e)
		}
	}
	return found, l.down
}

func (l *fakeLog) AddCheckpoint(_ context.Context, tenant core.TenantID, c core.Checkpoint) error {
	l.notes[tenant] = append(l.notes[tenant], c)
	return l.down
}

func (l *fakeLog) LastCheckpoint(_ context.Context, tenant core.TenantID) (core.Checkpoint, error) {
	list := l.notes[tenant]
	if len(list) == 0 {
		return core.Checkpoint{}, core.NotFound()
	}
	return list[len(list)-1], l.down
}

func (l *fakeLog) AuditDropped(_ context.Context, tenant core.TenantID) (core.AuditDrop, error) {
	return l.drops[tenant], l.down
}

func (l *fakeLog) BeginAudit(_ context.Context, tenant core.TenantID, d core.AuditDrop) error {
	l.heads[tenant], l.drops[tenant] = d.Head, d
	return l.down
}

func (l *fakeLog) AuditTenants(_ context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	var found []core.TenantID
	for t := range l.heads {
		if t > after {
			found = append(found, t)
		}
	}
	slices.Sort(found)
	return found[:min(limit, len(found))], l.down
}

// recorder keeps what was recorded.
type recorder struct {
	mu     sync.Mutex
	events []core.Event
	err    error
	gone   core.TenantID
}

func (r *recorder) RecordEvents(_ context.Context, tenant core.TenantID, _ core.Op, events ...core.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tenant == r.gone && tenant != "" {
		return core.NotFound()
	}
	if r.err == nil {
		r.events = append(r.events, events...)
	}
	return r.err
}

type noRelay struct{}

func (noRelay) Drain(context.Context, core.TenantID, string) error { return nil }

// world is a service over fakes.
type world struct {
	*testing.T
	clock    *clock
	log      *fakeLog
	recorder *recorder
	ids      *core.IDs
	signer   *audit.Signer
	service  *audit.Service
	seq      map[core.TenantID]int64
}

func newWorld(t *testing.T, opt audit.Options, more ...func(*audit.Deps)) *world {
	t.Helper()
	w := &world{
		T: t, clock: &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}, log: newFakeLog(), recorder: &recorder{},
		seq: map[core.TenantID]int64{},
	}
	w.ids = core.NewIDs(w.clock.Now, rand.Reader)
	var err error
	if w.signer, err = audit.NewSigner("dep_test", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	deps := audit.Deps{
		Log: w.log, Recorder: w.recorder, Relay: noRelay{}, Signer: w.signer, Clock: w.clock, IDs: w.ids,
		Cursors: core.NewCursors(make([]byte, 32)),
	}
	for _, change := range more {
		change(&deps)
	}
	w.service = audit.New(deps, opt)
	return w
}

// events makes the tenant's next events.
func (w *world) events(tenant core.TenantID, n int) []core.Event {
	var list []core.Event
	for range n {
		w.seq[tenant]++
		list = append(list, core.Event{
			ID: w.ids.Event(), Type: core.EventUserCreated, At: w.clock.Now(), Tenant: tenant, Seq: w.seq[tenant],
			Actor: core.Actor{Key: w.ids.Key()}, Data: core.EventData{"user_id": fmt.Sprint("usr_", w.seq[tenant]), "n": w.seq[tenant]},
		})
	}
	return list
}

func (w *world) deliver(events []core.Event) {
	w.Helper()
	if err := w.service.LogSink().Deliver(w.Context(), events[0].Tenant, events); err != nil {
		w.Fatal(err)
	}
}

// filled delivers n events of a tenant, in batches of uneven size.
func (w *world) filled(tenant core.TenantID, n int) []core.Event {
	w.Helper()
	events := w.events(tenant, n)
	for i, size := 0, 1; i < n; i, size = i+size, size+2 {
		w.deliver(events[i:min(i+size, n)])
	}
	return events
}

func (w *world) verify(tenant core.TenantID, notes ...[]byte) (audit.Verified, error) {
	w.Helper()
	return audit.Verify(w.Context(), w.log, tenant, audit.Verification{Key: w.signer.Key(), Notes: notes})
}

// checkpoint signs one now.
func (w *world) checkpoint(tenant core.TenantID) []byte {
	w.Helper()
	w.clock.advance(time.Hour)
	if err := w.service.CheckpointSink().Deliver(w.Context(), tenant, w.events(tenant, 0)); err != nil {
		w.Fatal(err)
	}
	list := w.log.entries[tenant]
	last := list[len(list)-1].Event
	if err := w.service.CheckpointSink().Deliver(w.Context(), tenant, []core.Event{last}); err != nil {
		w.Fatal(err)
	}
	notes := w.log.notes[tenant]
	return notes[len(notes)-1].Note
}
