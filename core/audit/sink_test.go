package audit_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEventsDeliveredAgainAreInTheLogOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	events := w.events(tenant, 10)
	for _, part := range [][2]int{{0, 4}, {0, 4}, {2, 7}, {0, 10}, {9, 10}} {
		w.deliver(events[part[0]:part[1]])
	}
	if got, err := w.verify(tenant); err != nil || got.Entries != 10 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOtherEventsUnderAKnownNumberAreAnAlarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	events := w.filled(tenant, 10)
	changed := events[8]
	changed.Actor = core.Actor{Key: "key_other"}
	gap := w.events(tenant, 2)[1:]
	for name, list := range map[string][]core.Event{"changed": {events[7], changed}, "a gap": gap} {
		err := w.service.LogSink().Deliver(w.Context(), tenant, list)
		if !errors.Is(err, core.ErrAuditFork) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := w.verify(tenant); err != nil || got.Entries != 10 {
		t.Errorf("%+v, %v", got, err)
	}
}

func retryAt(err error) (time.Time, bool) {
	var later interface{ RetryAt() time.Time }
	if !errors.As(err, &later) {
		return time.Time{}, false
	}
	return later.RetryAt(), true
}

func TestCheckpointComesAfterAWhileOrAThousandEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{CheckpointAfter: 100})
	sink := w.service.CheckpointSink()
	events := w.filled(tenant, 10)
	if _, later := retryAt(sink.Deliver(w.Context(), tenant, events)); !later {
		t.Fatal("a checkpoint at once")
	}
	w.clock.advance(50 * time.Second)
	if err := sink.Deliver(w.Context(), tenant, events); err != nil || len(w.log.notes[tenant]) != 1 {
		t.Fatalf("after a while: %v, %d checkpoints", err, len(w.log.notes[tenant]))
	}
	if err := sink.Deliver(w.Context(), tenant, events); err != nil || len(w.log.notes[tenant]) != 1 {
		t.Fatalf("with nothing new: %v, %d checkpoints", err, len(w.log.notes[tenant]))
	}
	events = w.filled(tenant, 100)
	if err := sink.Deliver(w.Context(), tenant, events); err != nil || len(w.log.notes[tenant]) != 2 {
		t.Fatalf("after a hundred: %v, %d checkpoints", err, len(w.log.notes[tenant]))
	}
	if _, err := w.verify(tenant, w.log.notes[tenant][0].Note, w.log.notes[tenant][1].Note); err != nil {
		t.Error(err)
	}
}

func TestCheckpointWaitsForTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	events := w.events(tenant, 10)
	w.clock.advance(time.Hour)
	sink := w.service.CheckpointSink()
	if _, later := retryAt(sink.Deliver(w.Context(), tenant, events)); !later || len(w.log.notes[tenant]) != 0 {
		t.Error("an empty log was signed")
	}
	w.deliver(events[:4])
	if _, later := retryAt(sink.Deliver(w.Context(), tenant, events)); !later || w.log.notes[tenant][0].Seq != 4 {
		t.Error("what is there was not signed")
	}
	w.deliver(events)
	w.clock.advance(time.Hour)
	if err := sink.Deliver(w.Context(), tenant, events); err != nil || w.log.notes[tenant][1].Seq != 10 {
		t.Errorf("the rest was not signed: %v", err)
	}
}

func TestCheckpointIsPublishedBeforeItIsNoted(t *testing.T) {
	t.Parallel()
	failing := errors.New("no room")
	var published [][]byte
	w := newWorld(t, audit.Options{}, func(d *audit.Deps) {
		d.Publish = func(_ core.TenantID, note []byte) error {
			published = append(published, note)
			return failing
		}
	})
	events := w.filled(tenant, 3)
	w.clock.advance(time.Hour)
	if err := w.service.CheckpointSink().Deliver(w.Context(), tenant, events); !errors.Is(err, failing) || len(w.log.notes[tenant]) != 0 {
		t.Errorf("got %v and %d checkpoints", err, len(w.log.notes[tenant]))
	}
	failing = nil
	if err := w.service.CheckpointSink().Deliver(w.Context(), tenant, events); err != nil || len(published) != 2 {
		t.Errorf("got %v, published %d", err, len(published))
	}
}

// milliseconds is how times are written everywhere.
var milliseconds = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

func TestFloodOfRefusalsMakesFewEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	flush := func() {
		t.Helper()
		if err := w.service.FlushRefusals(w.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 10_000 {
		w.service.Refused(audit.Refusal{Reason: "unknown"})
		w.service.Refused(audit.Refusal{Tenant: tenant, Key: "key_a", Reason: "revoked"})
	}
	select {
	case <-w.service.FreshRefusals():
	default:
		t.Error("nobody was told")
	}
	flush()
	for range 59 {
		w.clock.advance(time.Second)
		w.service.Refused(audit.Refusal{Reason: "unknown"})
		flush()
	}
	if len(w.recorder.events) != 2 {
		t.Fatalf("%d events", len(w.recorder.events))
	}
	w.clock.advance(time.Second)
	flush()
	var counts []any
	for _, e := range w.recorder.events {
		if e.Type != core.EventAuthFailed || (e.Tenant == tenant) != (e.Actor.Key == "key_a") {
			t.Errorf("%+v", e)
		}
		if first, _ := e.Data["first_at"].(string); !milliseconds.MatchString(first) {
			t.Errorf("first_at is %q", first)
		}
		if e.Tenant == core.DeploymentTenant {
			counts = append(counts, e.Data["count"])
		}
	}
	if len(counts) != 2 || counts[0] != int64(10_000) || counts[1] != int64(59) {
		t.Errorf("counts %v", counts)
	}
}

func TestRefusalsOfManyKeysAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	for range 10_000 {
		w.service.Refused(audit.Refusal{Tenant: tenant, Key: w.ids.Key(), Reason: "revoked"})
	}
	if err := w.service.FlushRefusals(w.Context()); err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, e := range w.recorder.events {
		total += e.Data["count"].(int64)
	}
	if len(w.recorder.events) > 4100 || total != 10_000 {
		t.Errorf("%d events count %d", len(w.recorder.events), total)
	}
}

func TestRefusalsSurviveAFailingStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.recorder.err = core.Unavailable(errors.New("down"))
	w.service.Refused(audit.Refusal{Tenant: tenant, Reason: "revoked"})
	if err := w.service.FlushRefusals(w.Context()); err == nil {
		t.Fatal("no error")
	}
	w.recorder.err, w.recorder.gone = nil, tenant
	if err := w.service.FlushAllRefusals(w.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.recorder.events) != 1 || w.recorder.events[0].Tenant != core.DeploymentTenant {
		t.Errorf("%+v", w.recorder.events)
	}
}

func TestReadIsRecordedWithoutContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{Reads: true})
	caller := core.Caller{Tenant: tenant, Key: "key_a"}
	score := 1.25
	err := w.service.Read(w.Context(), caller, audit.Read{
		Kind: "context", User: "usr_a", Items: func() []audit.ReadItem { return []audit.ReadItem{{ID: "int_a", Score: &score}, {ID: "int_b"}} },
	})
	if err != nil || len(w.recorder.events) != 1 {
		t.Fatalf("%v, %d events", err, len(w.recorder.events))
	}
	const want = `{"items":[{"id":"int_a","score":1.25},{"id":"int_b"}],"kind":"context","user_id":"usr_a"}`
	if got := string(toJSON(t, w.recorder.events[0].Data)); got != want {
		t.Errorf("%s", got)
	}
	w.recorder.err = core.Unavailable(errors.New("down"))
	if err := w.service.Read(w.Context(), caller, audit.Read{Kind: "search"}); err == nil {
		t.Error("a read that could not be recorded goes on")
	}
	if err := newWorld(t, audit.Options{}).service.Read(w.Context(), caller, audit.Read{}); err != nil {
		t.Errorf("reads are recorded although they are not audited: %v", err)
	}
}

func TestLogMovesToAnotherPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 1500)
	note := w.checkpoint(tenant)
	w.filled(other, 3)
	old := w.log
	w.log = newFakeLog()
	moved := newWorld(t, audit.Options{}, func(d *audit.Deps) { d.Log, d.Earlier = w.log, old })
	more := w.events(tenant, 5)
	if err := moved.service.LogSink().Deliver(t.Context(), tenant, more); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := moved.service.CarryOver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.verify(tenant, note); err != nil || got.Entries != 1505 || got.Checkpoints != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := w.verify(other); err != nil || got.Entries != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	old.entries[other] = old.entries[other][1:]
	w.log = newFakeLog()
	moved = newWorld(t, audit.Options{}, func(d *audit.Deps) { d.Log, d.Earlier = w.log, old })
	if err := moved.service.CarryOver(t.Context()); !errors.Is(err, core.ErrAuditFork) {
		t.Errorf("a log with a gap: %v", err)
	}
}
