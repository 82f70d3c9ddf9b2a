package sqlite_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
)

type execFunc = func(query string, values ...any) error

// stopWriter lets the writer begin a step that lasts until gate is closed.
func (w *world) stopWriter() (gate chan struct{}) {
	gate = make(chan struct{})
	began := make(chan struct{})
	store := w.Store
	go store.DoFunc(context.Background(), func(execFunc) error { //nolint:errcheck // it does nothing
		close(began)
		<-gate
		return nil
	})
	<-began
	return gate
}

func (w *world) waitQueued(n int) {
	for w.Queued() < n {
		runtime.Gosched()
	}
}

// queue has steps wait behind a stopped writer, in order, so that they share a
// transaction, lets them run and returns what each gave.
func (w *world) queue(steps ...func() error) []error {
	gate := w.stopWriter()
	answers := make([]chan error, len(steps))
	for i, step := range steps {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- step() }()
		w.waitQueued(i + 1)
	}
	close(gate)
	errs := make([]error, len(steps))
	for i := range answers {
		errs[i] = <-answers[i]
	}
	return errs
}

func (w *world) createsUser() error {
	_, err := w.CreateUser(w.ctx, w.id, core.Op{}, w.newUser())
	return err
}

func (w *world) checks() int64 {
	w.t.Helper()
	n, err := w.Number(w.ctx, `SELECT checks FROM health`)
	w.ok(err)
	return n
}

const addCheck = `UPDATE health SET checks = checks + 1`

func TestFailingStepLeavesTheOthersOfItsBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := errors.New("broken")
	errs := w.queue(
		w.createsUser,
		func() error {
			return w.DoFunc(w.ctx, func(exec execFunc) error { return errors.Join(exec(addCheck), broken) })
		},
		w.createsUser,
		func() error { return w.Do(w.ctx, addCheck, `INSERT INTO nowhere VALUES (1)`) },
		func() error {
			return w.DoFunc(w.ctx, func(exec execFunc) error {
				exec(addCheck) //nolint:errcheck // about to panic
				panic("at the disco")
			})
		},
		w.createsUser,
	)
	for i, want := range []bool{true, false, true, false, false, true} {
		if (errs[i] == nil) != want {
			t.Errorf("step %d: %v", i, errs[i])
		}
	}
	if !errors.Is(errs[1], broken) {
		t.Errorf("the failing step got %v", errs[1])
	}
	if u := w.usage(); u.Users != 4 {
		t.Errorf("%d users, want 4", u.Users)
	}
	if n := w.checks(); n != 0 {
		t.Errorf("failed steps left %d traces", n)
	}
}

func TestRefusalThatIsRecordedIsCommitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused := core.NewError(core.CodeQuotaExhausted, "full")
	errs := w.queue(
		func() error { return w.RefusedFunc(w.ctx, refused, addCheck) },
		func() error { return w.Do(w.ctx, `INSERT INTO nowhere VALUES (1)`) },
	)
	w.refused(errs[0], core.CodeQuotaExhausted)
	if n := w.checks(); n != 1 {
		t.Fatalf("%d checks, want 1", n)
	}
}

func TestStepsOfABatchAreAnsweredAfterTheirCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := make(chan struct{})
	began := make(chan struct{})
	answered := make(chan error, 2)
	gate := w.stopWriter()
	go func() { answered <- w.Do(w.ctx, addCheck) }()
	w.waitQueued(1)
	go func() { answered <- w.Do(w.ctx, `INSERT INTO nowhere VALUES (1)`) }() // a refusal waits too
	w.waitQueued(2)
	go w.DoFunc(context.Background(), func(execFunc) error { //nolint:errcheck // it does nothing
		close(began)
		<-last
		return nil
	})
	w.waitQueued(3)
	close(gate)
	<-began
	if n := w.checks(); n != 0 || len(answered) != 0 {
		t.Errorf("before the commit, %d checks can be read and %d steps are answered", n, len(answered))
	}
	close(last)
	<-answered
	<-answered
	if n := w.checks(); n != 1 {
		t.Errorf("after the commit, %d checks can be read", n)
	}
}

func TestLostTransactionFailsAllItsSteps(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(w *world) error{
		// As SQLite does by itself when the disk is full or fails.
		"rolled back": func(w *world) error { return w.Do(w.ctx, `ROLLBACK`, `INSERT INTO nowhere VALUES (1)`) },
		"commit fails": func(w *world) error {
			return w.Do(w.ctx, `PRAGMA defer_foreign_keys = ON`,
				`INSERT INTO changes (user, version, kind, conversation, blob, first, last) VALUES (99, 1, '', '', '', 0, 0)`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			errs := w.queue(w.createsUser, w.createsUser, func() error { return lose(w) })
			for _, err := range errs {
				w.refused(err, core.CodeUnavailable)
			}
			if u := w.usage(); u.Users != 1 {
				t.Errorf("%d users, want 1", u.Users)
			}
			w.ok(w.createsUser())
			w.reopen()
			if u := w.usage(); u.Users != 2 {
				t.Errorf("%d users, want 2", u.Users)
			}
		})
	}
}

func TestMoreStepsThanABatchHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	steps := make([]func() error, 2*sqlite.MaxBatch+3)
	for i := range steps {
		steps[i] = w.createsUser
	}
	for _, err := range w.queue(steps...) {
		w.ok(err)
	}
	if u := w.usage(); u.Users != int64(len(steps)+1) {
		t.Fatalf("%d users", u.Users)
	}
}

func TestCallerWhoLeavesTheQueueChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.stopWriter()
	ctx, cancel := context.WithCancel(w.ctx)
	answer := make(chan error)
	go func() {
		_, err := w.CreateUser(ctx, w.id, core.Op{}, w.newUser())
		answer <- err
	}()
	w.waitQueued(1)
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) { // while the writer is still at work
		t.Fatalf("got %v", err)
	}
	close(gate)
	w.ok(w.Ping(w.ctx))
	if u := w.usage(); u.Users != 1 {
		t.Fatalf("%d users, want 1", u.Users)
	}
}

// A caller whose step is at work waits for its statements, which use what the
// caller handed in, and not for the commit.
func TestCallerWhoLeavesARunningStepFindsItWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	began, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	answer := make(chan error, 1)
	var ran atomic.Bool
	go func() {
		answer <- w.DoFunc(ctx, func(exec execFunc) error {
			defer ran.Store(true)
			close(began)
			<-goOn
			return errors.Join(exec(addCheck), exec(addCheck))
		})
	}()
	<-began
	go w.DoFunc(context.Background(), func(execFunc) error { //nolint:errcheck // it does nothing
		<-ended // the transaction is open until then
		return nil
	})
	w.waitQueued(1)
	cancel()
	for range 1000 {
		runtime.Gosched() // time enough to leave too early
	}
	close(goOn)
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if !ran.Load() {
		t.Error("the caller was told while its step was at work")
	}
	close(ended)
	w.ok(w.Do(w.ctx, addCheck))
	if n := w.checks(); n != 3 {
		t.Fatalf("%d checks, want 3", n)
	}
}

// The reads that hold a connection must not wait for another one: with each
// waiting for the next, none would go on.
func TestManyReadersDoNotStarveEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(5)
	for range 20 {
		w.reopen() // nothing is prepared
		errs := make(chan error, 64)
		for i := range cap(errs) {
			go func() {
				var err error
				switch i % 4 {
				case 0:
					_, err = w.stretch(core.Window{Limit: 10})
				case 1:
					_, err = w.stretch(core.Window{Desc: true, Limit: 10})
				case 2:
					_, _, err = w.Changes(w.ctx, w.id, w.user, 0, 10)
				case 3:
					_, err = w.Expired(w.ctx, w.id, w.now, 10)
				}
				errs <- err
			}()
		}
		for range cap(errs) {
			w.ok(<-errs)
		}
	}
}

func TestCommitTellsHowManyStepsItHeld(t *testing.T) {
	t.Parallel()
	var most, commits atomic.Int64
	s := openWith(t, t.TempDir(), sqlite.Options{Committed: func(steps int) {
		commits.Add(1)
		most.Store(max(most.Load(), int64(steps)))
	}})
	w := &world{t: t, ctx: t.Context(), Store: s}
	nothing := func() error { return w.DoFunc(w.ctx, func(execFunc) error { return nil }) }
	for _, err := range w.queue(nothing, nothing, nothing) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if most.Load() < 3 || commits.Load() < 1 {
		t.Errorf("of 3 steps that waited together, %d were told of at most, in %d commits", most.Load(), commits.Load())
	}
}
