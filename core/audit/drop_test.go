package audit_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

// dropped drops the tenant's entries through a number, as raven audit drop does.
func (w *world) dropped(through int64) {
	w.Helper()
	d, err := audit.SealDrop(w.Context(), w.log, tenant, through, w.signer, w.clock.Now(), audit.Verification{Key: w.signer.Key()})
	if err != nil {
		w.Fatal(err)
	}
	gone := through - w.log.drops[tenant].Head.Seq
	w.log.entries[tenant], w.log.drops[tenant] = w.log.entries[tenant][gone:], d
}

func TestLogVerifiesFromBehindWhatWasDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 1300)
	early := w.checkpoint(tenant)
	w.filled(tenant, 1200)
	late := w.checkpoint(tenant)
	for _, through := range []int64{1, 2, 63, 1024, 1300, 1301, 2499, 2500} {
		w.dropped(through)
		got, err := w.verify(tenant, early, late)
		if err != nil {
			t.Fatalf("without the first %d: %v", through, err)
		}
		older := 0
		if through > 1300 {
			older = 1
		}
		if got.Entries != 2500 || got.Dropped != through || got.Signed != 2500 || got.Older != older || !got.DroppedAt.Equal(w.clock.Now()) {
			t.Errorf("without the first %d: %+v", through, got)
		}
	}
	w.filled(tenant, 5)
	note := w.log.drops[tenant].Note
	if got, err := w.verify(tenant, note); err != nil || got.Entries != 2505 || got.Signed != 2500 {
		t.Errorf("with all that was there dropped: %+v, %v", got, err)
	}
}

func TestOnlyWhatIsSignedCanBeDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 20)
	seal := func(through int64) error {
		_, err := audit.SealDrop(w.Context(), w.log, tenant, through, w.signer, w.clock.Now(), audit.Verification{Key: w.signer.Key()})
		return err
	}
	if err := seal(5); !errors.Is(err, audit.ErrNotSealed) {
		t.Errorf("without a checkpoint: %v", err)
	}
	w.checkpoint(tenant)
	w.filled(tenant, 2)
	if err := seal(21); !errors.Is(err, audit.ErrNotSealed) {
		t.Errorf("behind the checkpoint: %v", err)
	}
	if err := seal(0); !errors.Is(err, audit.ErrNotSealed) {
		t.Errorf("nothing: %v", err)
	}
	w.log.entries[tenant][15].Event.Actor = core.Actor{}
	if err := seal(5); !errors.As(err, new(*audit.FaultError)) {
		t.Errorf("of a log that was changed: %v", err)
	}
}

// Behind a drop tampering shows as it does without one, and so does tampering
// with what stands for the drop.
func TestTamperingBesideADropIsFound(t *testing.T) {
	t.Parallel()
	drop := func(change func(*core.AuditDrop)) func(*fakeLog) {
		return func(l *fakeLog) {
			d := l.drops[tenant]
			d.Head.Tree = slices.Clone(d.Head.Tree)
			change(&d)
			l.drops[tenant] = d
		}
	}
	for _, c := range []tampering{
		{"nothing", func(*fakeLog) {}, 0, 0, ""},
		{"remove the record of the drop", func(l *fakeLog) { delete(l.drops, tenant) }, 1, 1, "missing; the next one there is seq 15"},
		{"remove record and log", func(l *fakeLog) { *l = *newFakeLog() }, -1, 1, "missing"},
		{"put the record of an earlier drop in its place", func(l *fakeLog) { l.drops[tenant] = l.drops["earlier"] }, 10, 10, "missing"},
		{"change the last seq", drop(func(d *core.AuditDrop) { d.Head.Seq = 12 }), 1, 1, "does not verify"},
		{"change the chain hash", drop(func(d *core.AuditDrop) { d.Head.Chain[3] ^= 1 }), 1, 1, "does not verify"},
		{"change the tree", drop(func(d *core.AuditDrop) { d.Head.Tree[0][3] ^= 1 }), 1, 1, "does not verify"},
		{"cut the tree", drop(func(d *core.AuditDrop) { d.Head.Tree = d.Head.Tree[1:] }), 1, 1, "does not verify"},
		{"change the time", drop(func(d *core.AuditDrop) { d.At = d.At.Add(time.Hour) }), 1, 1, "does not verify"},
		{"change the note", drop(func(d *core.AuditDrop) { d.Note = append([]byte("x"), d.Note...) }), 1, 1, "does not verify"},
		{"no note", drop(func(d *core.AuditDrop) { d.Note = nil }), 1, 1, "does not verify"},
		{"cut more, under the checkpoint", func(l *fakeLog) {
			head := l.heads[tenant]
			l.entries[tenant] = nil
			l.drops[tenant] = core.AuditDrop{Head: head, At: l.drops[tenant].At, Note: l.notes[other][0].Note}
		}, 1, 1, "does not say that anything was dropped"},
		{"another tenant's record", func(l *fakeLog) { l.drops[tenant] = l.drops[other] }, 1, 1, "does not verify"},
		{"delete the first that is left", func(l *fakeLog) { l.entries[tenant] = l.entries[tenant][1:] }, 15, 15, "missing"},
		{"change the first that is left", func(l *fakeLog) { l.entries[tenant][0].Event.Type = "user.deleted" }, 15, 15, "changed"},
		{"insert one of those that are gone", func(l *fakeLog) {
			e := l.entries[tenant][2]
			e.Event.Seq = 3
			l.entries[tenant] = slices.Insert(l.entries[tenant], 0, e)
		}, 3, 3, "were dropped"},
		{"truncate with the head", func(l *fakeLog) {
			d, list := l.drops[tenant], slices.Clone(l.entries[tenant][:3])
			delete(l.entries, tenant)
			l.heads[tenant] = d.Head
			l.rebuild(list)
		}, 0, 18, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, audit.Options{})
			for range 2 { // the other's drop, for both to differ
				w.filled(other, 10)
			}
			w.filled(tenant, 20)
			w.clock.advance(time.Second)
			note := w.checkpoint(tenant)
			w.dropped(9)
			w.log.drops["earlier"] = w.log.drops[tenant]
			w.dropped(14)
			theirs, err := func() (core.AuditDrop, error) {
				w.checkpoint(other)
				return audit.SealDrop(w.Context(), w.log, other, 14, w.signer, w.clock.Now(), audit.Verification{Key: w.signer.Key()})
			}()
			if err != nil {
				t.Fatal(err)
			}
			w.log.drops[other] = theirs
			w.log.notes[other] = w.log.notes[tenant] // of the same log, to pass for a drop
			delete(w.log.notes, tenant)
			c.do(w.log)
			w.found(t, c.alone, c.says)
			w.found(t, c.anchor, c.says, note)
		})
	}
}

func TestEventBehindADropIsProvenOffline(t *testing.T) {
	t.Parallel()
	for _, through := range []int64{1, 3, 8, 12, 20} {
		w := newWorld(t, audit.Options{})
		events := w.filled(tenant, 21)
		w.checkpoint(tenant)
		w.dropped(through)
		for i, e := range events {
			p, err := audit.Prove(w.Context(), w.log, tenant, e.ID, w.signer.Key())
			switch {
			case int64(i) < through:
				if !core.Is(err, core.CodeNotFound) {
					t.Errorf("seq %d of a log without the first %d: %v", e.Seq, through, err)
				}
			case err != nil:
				t.Errorf("seq %d of a log without the first %d: %v", e.Seq, through, err)
			default:
				if err := p.Check(w.signer.Key()); err != nil {
					t.Errorf("seq %d of a log without the first %d: %v", e.Seq, through, err)
				}
			}
		}
	}
}

func TestLogWithADropMovesToAnotherPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, audit.Options{})
	w.filled(tenant, 20)
	w.checkpoint(tenant)
	w.dropped(11)
	to := newWorld(t, audit.Options{}, func(d *audit.Deps) { d.Earlier = w.log })
	for range 2 {
		if err := to.service.CarryOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := to.verify(tenant); err != nil || got.Entries != 20 || got.Dropped != 11 || got.Signed != 20 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}
