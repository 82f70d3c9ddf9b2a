package audit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

const (
	tenant core.TenantID = "ten_01hzzzzzzzzzzzzzzzzzzzzzza"
	other  core.TenantID = "ten_01hzzzzzzzzzzzzzzzzzzzzzzb"
)

func TestHonestLogVerifies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	for _, n := range []int{1, 2, 7, 30, 990, 1200} { // over the seams of pages
		w.filled(tenant, n)
		note := w.checkpoint(tenant)
		w.filled(tenant, 3)
		got, err := w.verify(tenant, note)
		if err != nil {
			t.Fatalf("after %d: %v", w.seq[tenant], err)
		}
		if got.Entries != w.seq[tenant] || got.Signed != got.Entries-3 || got.Checkpoints != 2 {
			t.Errorf("%+v of %d", got, w.seq[tenant])
		}
	}
}

// tampering is one way to change a log of 20 entries; seq is where it shows
// without, and with, a checkpoint that was kept outside. 0 is that it does not.
type tampering struct {
	name          string
	do            func(*fakeLog)
	alone, anchor int64
	says          string
}

func tamperings() []tampering {
	field := func(change func(*core.AuditEntry)) func(*fakeLog) {
		return func(l *fakeLog) { change(&l.entries[tenant][8]) }
	}
	return []tampering{
		{"id", field(func(e *core.AuditEntry) { e.Event.ID = "evt_x" }), 9, 9, "changed"},
		{"type", field(func(e *core.AuditEntry) { e.Event.Type = "user.deleted" }), 9, 9, "changed"},
		{"time", field(func(e *core.AuditEntry) { e.Event.At = e.Event.At.Add(time.Nanosecond) }), 9, 9, "changed"},
		{"actor", field(func(e *core.AuditEntry) { e.Event.Actor = core.Actor{} }), 9, 9, "changed"},
		{"data", field(func(e *core.AuditEntry) { e.Event.Data = core.EventData{"user_id": "usr_9", "n": int64(10)} }), 9, 9, "changed"},
		{"no data", field(func(e *core.AuditEntry) { e.Event.Data = nil }), 9, 9, "changed"},
		{"leaf", field(func(e *core.AuditEntry) { e.Leaf[3] ^= 1 }), 9, 9, "leaf hash"},
		{"chain", field(func(e *core.AuditEntry) { e.Chain[3] ^= 1 }), 9, 9, "chain hash"},
		{"time of arrival", field(func(e *core.AuditEntry) { e.Added = e.Added.Add(time.Hour) }), 0, 0, ""},
		{"number", field(func(e *core.AuditEntry) { e.Event.Seq = 99 }), 9, 9, "missing"},
		{"number below 1", func(l *fakeLog) {
			l.entries[tenant] = slices.Insert(l.entries[tenant], 0, l.entries[tenant][4])
			l.entries[tenant][0].Event.Seq = -3
		}, -3, -3, "inserted"},
		{"delete", func(l *fakeLog) { l.entries[tenant] = slices.Delete(l.entries[tenant], 8, 9) }, 9, 9, "missing"},
		{"delete and close the gap", func(l *fakeLog) {
			l.entries[tenant] = slices.Delete(l.entries[tenant], 8, 9)
			renumber(l.entries[tenant])
		}, 9, 9, "seq 10 stands in its place"},
		{"insert", func(l *fakeLog) {
			e := l.entries[tenant][2]
			e.Event.ID, e.Event.Seq = "evt_new", 9
			l.entries[tenant] = slices.Insert(l.entries[tenant], 8, e)
			renumber(l.entries[tenant])
		}, 9, 9, ""},
		{"duplicate", func(l *fakeLog) { l.entries[tenant] = slices.Insert(l.entries[tenant], 9, l.entries[tenant][8]) }, 9, 9, "more than once"},
		{"duplicate behind the end", func(l *fakeLog) {
			e := l.entries[tenant][8]
			e.Event.Seq = 21
			l.entries[tenant] = append(l.entries[tenant], e)
		}, 21, 21, "copy of seq 9"},
		{"swap", func(l *fakeLog) {
			e := l.entries[tenant]
			e[4], e[8] = e[8], e[4]
			renumber(e)
		}, 5, 5, "seq 9 stands in its place"},
		{"truncate", func(l *fakeLog) { l.entries[tenant] = l.entries[tenant][:15] }, 16, 16, "missing"},
		{"truncate with the head", func(l *fakeLog) { rollBack(l, 15) }, 0, 16, "missing"},
		{"truncate to nothing", func(l *fakeLog) {
			delete(l.entries, tenant)
			delete(l.heads, tenant)
			delete(l.notes, tenant)
		}, -1, 1, "missing"},
		{"another tenant's, in its place", func(l *fakeLog) { l.entries[tenant][2] = l.entries[other][2] }, 3, 3, "another tenant"},
		{"another tenant's, behind the end", func(l *fakeLog) {
			e := l.entries[other][2]
			e.Event.Seq = 25
			l.entries[tenant] = append(l.entries[tenant], e)
		}, 25, 25, "another tenant"},
		{"head", func(l *fakeLog) {
			h := l.heads[tenant]
			h.Chain[0] ^= 1
			l.heads[tenant] = h
		}, 20, 20, "head"},
	}
}

// renumber writes the numbers as they would be, and leaves the hashes.
func renumber(list []core.AuditEntry) {
	for i := range list {
		list[i].Event.Seq = int64(i + 1)
	}
}

// rollBack puts an old copy of the log in its place: head, checkpoint and all.
func rollBack(l *fakeLog, size int64) {
	list := slices.Clone(l.entries[tenant][:size])
	delete(l.entries, tenant)
	delete(l.heads, tenant)
	delete(l.notes, tenant)
	l.rebuild(list)
}

// rebuild fills the log anew, with right hashes.
func (l *fakeLog) rebuild(list []core.AuditEntry) {
	service := audit.New(audit.Deps{Log: l, Clock: &clock{}}, audit.Options{})
	for i := range list {
		e := list[i].Event
		if err := service.LogSink().Deliver(context.Background(), tenant, []core.Event{e}); err != nil {
			panic(err)
		}
	}
}

func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range tamperings() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, audit.Options{})
			w.filled(other, 5)
			w.filled(tenant, 20)
			note := w.checkpoint(tenant)
			delete(w.log.notes, tenant) // else the log's own would help
			c.do(w.log)
			w.found(t, c.alone, c.says)
			w.found(t, c.anchor, c.says, note)
		})
	}
}

// found verifies the tenant's log with checkpoints kept elsewhere, and asks for
// what is wrong with it to be found at a seq; 0 for nothing.
func (w *world) found(t *testing.T, seq int64, says string, notes ...[]byte) {
	t.Helper()
	_, err := w.verify(tenant, notes...)
	var fault *audit.FaultError
	switch found := errors.As(err, &fault); {
	case seq == 0 && err != nil, seq != 0 && err == nil:
		t.Errorf("with %d checkpoints: %v, want seq %d", len(notes), err, seq)
	case found && (fault.Seq != seq || !strings.Contains(fault.Wrong, says)):
		t.Errorf("with %d checkpoints: %v, want seq %d and %q", len(notes), err, seq, says)
	}
	t.Logf("with %d checkpoints: %v", len(notes), err)
}

// A history that was written anew, with every hash right, is told by what was
// signed before.
func TestRewrittenHistoryIsFoundByCheckpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 6)
	early := w.checkpoint(tenant)
	w.filled(tenant, 14)
	late := w.checkpoint(tenant)
	delete(w.log.notes, tenant)
	list := slices.Clone(w.log.entries[tenant])
	list[9].Event.Actor = core.Actor{Key: "key_somebody_else"}
	delete(w.log.entries, tenant)
	delete(w.log.heads, tenant)
	w.log.rebuild(list)
	if _, err := w.verify(tenant); err != nil {
		t.Errorf("alone it should look right: %v", err)
	}
	if _, err := w.verify(tenant, early); err != nil {
		t.Errorf("up to the early checkpoint it is right: %v", err)
	}
	var fault *audit.FaultError
	if _, err := w.verify(tenant, late); !errors.As(err, &fault) || fault.Seq != 1 {
		t.Errorf("with the late one: %v", err)
	}
	if _, err := w.verify(tenant, late, early); !errors.As(err, &fault) || fault.Seq != 7 {
		t.Errorf("with both: %v, want seq 7", err)
	}
}

func TestOldCopyThatWentOnIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 20)
	note := w.checkpoint(tenant)
	rollBack(w.log, 15)
	w.seq[tenant] = 15
	w.filled(tenant, 10)
	var fault *audit.FaultError
	if _, err := w.verify(tenant, note); !errors.As(err, &fault) {
		t.Errorf("got %v", err)
	}
	if _, err := w.verify(tenant); err != nil {
		t.Errorf("alone it looks right: %v", err)
	}
}

func TestCheckpointInTheLogIsHeldAgainstIt(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*fakeLog){
		"its signature": func(l *fakeLog) { l.notes[tenant][0].Note[5] ^= 1 },
		"its size":      func(l *fakeLog) { l.notes[tenant][0].Seq = 3 },
		"another's":     func(l *fakeLog) { l.notes[tenant] = l.notes[other] },
		"a log that is shorter": func(l *fakeLog) {
			notes := l.notes[tenant]
			rollBack(l, 15)
			l.notes[tenant] = notes
		},
	} {
		w := newWorld(t, audit.Options{})
		w.filled(tenant, 20)
		w.filled(other, 20)
		w.checkpoint(tenant)
		w.checkpoint(other)
		change(w.log)
		var fault *audit.FaultError
		if _, err := w.verify(tenant); !errors.As(err, &fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadCheckpointGivenIsNoVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 5)
	w.filled(other, 5)
	foreign := w.checkpoint(other)
	for _, note := range [][]byte{nil, []byte("corrupt"), foreign, append([]byte("x"), w.checkpoint(tenant)...)} {
		_, err := w.verify(tenant, note)
		if err == nil || errors.As(err, new(*audit.FaultError)) {
			t.Errorf("%q: %v", note, err)
		}
	}
}

func TestUnknownTenantHasNoLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	if _, err := w.verify("ten_nobody"); !errors.Is(err, audit.ErrNoLog) {
		t.Errorf("got %v", err)
	}
}

func TestEventIsProvenOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	events := w.filled(tenant, 21)
	events[3].Data["score"] = 0.25
	w.checkpoint(tenant)
	late := w.filled(tenant, 1)
	for _, e := range events[5:] {
		p, err := audit.Prove(w.Context(), w.log, tenant, e.ID, w.signer.Key())
		if err != nil {
			t.Fatal(err)
		}
		text := toJSON(t, p)
		back, err := audit.ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Check(w.signer.Key()); err != nil {
			t.Errorf("seq %d: %v", e.Seq, err)
		}
		back.Event.Data["n"] = int64(1000)
		if back.Check(w.signer.Key()) == nil {
			t.Errorf("seq %d: a changed event is proven", e.Seq)
		}
	}
	for _, id := range []core.EventID{late[0].ID, "evt_none"} {
		if _, err := audit.Prove(w.Context(), w.log, tenant, id, w.signer.Key()); !core.Is(err, core.CodeNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Entries come in pages of a thousand; nothing hides where one ends.
func TestSeamsOfPagesHideNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []int{998, 999, 1000, 1999} {
		for name, do := range map[string]func([]core.AuditEntry) []core.AuditEntry{
			"there more than once": func(l []core.AuditEntry) []core.AuditEntry { return slices.Insert(l, at, l[at]) },
			"missing":              func(l []core.AuditEntry) []core.AuditEntry { return slices.Delete(l, at, at+1) },
		} {
			w := newWorld(t, audit.Options{})
			w.deliver(w.events(tenant, 2500))
			w.log.entries[tenant] = do(w.log.entries[tenant])
			var fault *audit.FaultError
			if _, err := w.verify(tenant); !errors.As(err, &fault) || fault.Seq != int64(at+1) || !strings.Contains(fault.Wrong, name) {
				t.Errorf("seq %d %s: %v", at+1, name, err)
			}
		}
	}
}
