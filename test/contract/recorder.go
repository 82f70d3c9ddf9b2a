package contract

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
)

// Recorder is the contract of ports.Recorder, and of what a store does beside
// recording: it bounds the outboxes, and tells who has something new.
func Recorder(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"EventsAreRecordedTogether", eventsAreRecordedTogether},
		{"DeploymentHasAnOutbox", deploymentHasAnOutbox},
	}, recorderCalls())
	t.Run("FullOutboxRefusesWhatRecords", func(t *testing.T) {
		t.Parallel()
		fullOutboxRefusesWhatRecords(t, b)
	})
	t.Run("WhoRecordedIsTold", func(t *testing.T) {
		t.Parallel()
		whoRecordedIsTold(t, b)
	})
}

func recorderCalls() []call {
	return []call{{
		name: "RecordEvents", takes: ofTenant, step: true, ours: true,
		events: []core.EventType{core.EventAuthFailed, core.EventMemoryRead},
		run: func(ctx context.Context, w *World, at stage, op core.Op) (any, error) {
			events := []core.Event{w.MakeEvent(at.tenant, core.EventAuthFailed), w.MakeEvent(at.tenant, core.EventMemoryRead)}
			lend(w, events)
			return done(w.RecordEvents(ctx, at.tenant, op, events...))
		},
	}}
}

func eventsAreRecordedTogether(w *World) {
	t := w.MustCreateTenant()
	op := w.Op()
	events := []core.Event{
		w.MakeEvent(t.ID, core.EventAuthFailed), w.MakeEvent(t.ID, core.EventMemoryRead), w.MakeEvent(t.ID, core.EventQuotaExhausted),
	}
	events[0].Data, events[1].Actor = nil, core.Actor{}
	for range 2 {
		w.ok(w.RecordEvents(w.Ctx, t.ID, op, events...))
	}
	for i := range events {
		events[i].Seq = int64(3 + i)
	}
	w.equal("the events", w.mustEvents(t.ID, 2), events)
	w.unchanged(func() { w.ok(w.RecordEvents(w.Ctx, t.ID, core.Op{})) })
	w.allOK(together(8, func(int) error {
		return w.RecordEvents(w.Ctx, t.ID, w.Op(), w.MakeEvent(t.ID, core.EventMemoryRead), w.MakeEvent(t.ID, core.EventAuthFailed))
	}))
	list := w.mustEvents(t.ID, 5)
	w.equal("the number of events", len(list), 16)
	for i := 0; i < len(list); i += 2 {
		if list[i].Type != core.EventMemoryRead || list[i+1].Type != core.EventAuthFailed {
			w.T.Fatalf("events of two steps are mixed: %v, %v", list[i], list[i+1])
		}
	}
	w.Recount(t.ID)
}

func deploymentHasAnOutbox(w *World) {
	ours := core.DeploymentTenant
	event := w.MakeEvent(ours, core.EventAuthFailed)
	w.refused(w.RecordEvents(w.Ctx, ours, w.Op(), event), core.CodeNotFound)
	_, err := w.Events(w.Ctx, ours, 0, 10)
	w.refused(err, core.CodeNotFound)
	s := w.stage()
	op := w.Op()
	for range 2 {
		w.ok(w.RecordEvents(w.Ctx, ours, op, event))
	}
	event.Seq = 1
	w.equal("the events", w.mustEvents(ours, 0), []core.Event{event})
	w.ok(w.RecordEvents(w.Ctx, s.tenant, op, w.MakeEvent(s.tenant, core.EventAuthFailed))) // the same operation of another
	w.equal("the last number", w.lastSeq(ours), int64(1))
	w.ok(w.SetPosition(w.Ctx, ours, "log", 1))
	w.ok(w.TrimEvents(w.Ctx, ours, 1))
	w.ok(w.RecordEvents(w.Ctx, ours, w.Op(), event))
	event.Seq = 2
	w.equal("the events after the first was trimmed", w.mustEvents(ours, 0), []core.Event{event})
	positions, err := w.Positions(w.Ctx, ours)
	w.ok(err)
	w.equal("the positions", positions, map[string]int64{"log": 1})
}

// inOutbox is how many events a stage has.
const inOutbox = 6

func fullOutboxRefusesWhatRecords(t *testing.T, b Backend) {
	if b.OpenWith == nil {
		t.Skip("this backend cannot be opened with a bound from a test")
	}
	w := NewWorld(t, b.OpenWith(t, inOutbox, nil))
	for _, c := range everyCall() {
		if c.takes&ofTenant == 0 {
			continue
		}
		w := w.on(named{t, c.name})
		w.tenants = nil
		s, op := w.stage(), w.Op()
		w.equal("the number of events", w.lastSeq(s.tenant), int64(inOutbox))
		if len(c.events) == 0 {
			_, err := c.run(w.Ctx, w, s, op)
			w.ok(err)
			continue
		}
		w.unchanged(func() {
			_, err := c.run(w.Ctx, w, s, op)
			w.outboxFull(err)
		})
		w.ok(w.TrimEvents(w.Ctx, s.tenant, int64(len(c.events))-1))
		w.unchanged(func() {
			_, err := c.run(w.Ctx, w, s, op)
			w.outboxFull(err)
		})
		w.ok(w.TrimEvents(w.Ctx, s.tenant, int64(len(c.events))))
		_, err := c.run(w.Ctx, w, s, op)
		w.ok(err)
	}
	w.fullOutboxOfAFullQuota()
}

func (w *World) outboxFull(err error) {
	w.T.Helper()
	w.refused(err, core.CodeUnavailable)
	if !errors.Is(err, core.ErrOutboxFull) {
		w.T.Fatalf("a full outbox gave %v", err)
	}
}

// fullOutboxOfAFullQuota holds that only a refusal that is recorded needs room.
func (w *World) fullOutboxOfAFullQuota() {
	w.T.Helper()
	s := w.stage()
	w.ok(w.TrimEvents(w.Ctx, s.tenant, 1))
	w.mustSet(s.tenant, func(s *core.Settings) { s.MaxUsers, s.MaxConversationsPerUser = 1, 1 })
	user, talk := w.MakeUser(s.tenant), w.MakeConversation(s.tenant, s.user)
	w.unchanged(func() {
		w.refused(w.createUser(user), core.CodeUnavailable)
		w.refused(w.createConversation(talk), core.CodeUnavailable)
	})
	w.ok(w.TrimEvents(w.Ctx, s.tenant, 3))
	for range 2 {
		w.refused(w.createUser(user), core.CodeQuotaExhausted)
		w.refused(w.createConversation(talk), core.CodeQuotaExhausted)
	}
	w.equal("the last number", w.lastSeq(s.tenant), int64(inOutbox+3))
}

// tellers counts who was told how often.
type tellers struct {
	mu   sync.Mutex
	told map[core.TenantID]int
}

func (l *tellers) tell(tenant core.TenantID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[tenant]++
}

// since gives what was told since it was asked before.
func (l *tellers) since() map[core.TenantID]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told
	l.told = map[core.TenantID]int{}
	return told
}

func whoRecordedIsTold(t *testing.T, b Backend) {
	if b.OpenWith == nil {
		t.Skip("this backend cannot be opened with somebody to tell from a test")
	}
	told := &tellers{told: map[core.TenantID]int{}}
	w := NewWorld(t, b.OpenWith(t, 0, told.tell))
	for _, c := range everyCall() {
		if c.takes&ofTenant == 0 {
			continue
		}
		w := w.on(named{t, c.name})
		s := w.stage()
		told.since()
		_, err := c.run(w.Ctx, w, s, w.Op())
		w.ok(err)
		want := map[core.TenantID]int{}
		if len(c.events) > 0 {
			want[s.tenant] = 1
		}
		w.equal("who was told", told.since(), want)
	}
	s := w.stage()
	ours := core.DeploymentTenant
	w.ok(w.RecordEvents(w.Ctx, ours, w.Op(), w.MakeEvent(ours, core.EventAuthFailed)))
	w.mustSet(s.tenant, func(s *core.Settings) { s.MaxUsers = 1 })
	told.since()
	for range 2 { // the first of the refusals is recorded
		w.refused(w.createUser(w.MakeUser(s.tenant)), core.CodeQuotaExhausted)
	}
	w.refused(w.createUser(w.MakeUser(lookAlike(s.tenant))), core.CodeNotFound)
	w.ok(w.RecordEvents(w.Ctx, ours, w.Op(), w.MakeEvent(ours, core.EventAuthFailed)))
	w.equal("who was told", told.since(), map[core.TenantID]int{s.tenant: 1, ours: 1})
	made := w.MustCreateTenant()
	w.equal("who was told of a new tenant", told.since(), map[core.TenantID]int{made.ID: 1})
}
