package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	queueLength = 1024
	maxBatch    = 256 // steps in one transaction
)

// writer owns the connection that writes. It takes the steps that are queued,
// also those that come in while it works, runs them in one transaction, each in
// a savepoint, commits, and only then answers them, refusals too: what a
// refusal tells about may be another step's work in the same transaction.
type writer struct {
	conn  *conn
	queue chan *job
	done  chan struct{}
	jobs  []*job // of the transaction under way; kept for its memory

	// grown is what tenants use more since the transaction began, by the steps
	// that were kept, and is not in their rows yet.
	grown map[int64]core.Usage

	events    func(core.TenantID) // see Options.Events
	committed func(steps int)     // see Options.Committed

	checkpointAt int64            // frames in the log at which to move it into the database
	shred        bool             // the log holds what must not be found; see checkpoint.go
	retry        <-chan time.Time // when to try again to shred
}

func newWriter(c *conn, opt Options) *writer {
	return &writer{
		conn:         c,
		events:       opt.Events,
		committed:    opt.Committed,
		queue:        make(chan *job, queueLength),
		done:         make(chan struct{}),
		jobs:         make([]*job, 0, maxBatch),
		grown:        map[int64]core.Usage{},
		checkpointAt: checkpointFrames,
	}
}

// refusal is an error of a step that is committed all the same: that it was
// refused is recorded.
type refusal struct{ error }

// do runs one step and returns when it is on the disk, with the step's error
// translated. When ctx ends first, it returns ctx's error: at once if the step
// was not begun, which it then never is, else when its statements have run,
// because they use what the caller handed in.
func (s *Store) do(ctx context.Context, run func(session) error) error {
	return s.doTelling(ctx, new(core.TenantID), run)
}

// doTelling is do for a step that may record events. run says whose, and who
// waits for events is told once they are on the disk.
func (s *Store) doTelling(ctx context.Context, recorded *core.TenantID, run func(session) error) error {
	if err := ctx.Err(); err != nil {
		return translate(ctx, err)
	}
	j := &job{ctx: ctx, run: run, recorded: recorded, ran: make(chan struct{}), answer: make(chan error, 1)}
	if err := s.enqueue(j); err != nil {
		return translate(ctx, err)
	}
	return translate(ctx, j.wait())
}

func (s *Store) enqueue(j *job) error {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closed {
		return errClosed
	}
	if s.writer == nil {
		return errReadOnly
	}
	select {
	case s.writer.queue <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// stop lets the queued steps finish. Nothing may be queued any more.
func (w *writer) stop() {
	close(w.queue)
	<-w.done
}

func (w *writer) loop() {
	defer close(w.done)
	for {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return
			}
			w.batch(j)
			w.checkpoint()
		case <-w.retry:
			w.shredLog() //nolint:errcheck // it is tried again
		}
	}
}

// batch runs first and what else is queued in one transaction.
func (w *writer) batch(first *job) {
	w.jobs = w.jobs[:0]
	err := w.exec("BEGIN IMMEDIATE")
	begun := err == nil // if not, nobody's step can be run
	for j := first; j != nil; j = w.next() {
		if !j.begin() {
			continue
		}
		w.jobs = append(w.jobs, j)
		if begun {
			err = w.apply(j)
		}
		close(j.ran)
		if begun && err != nil {
			break
		}
	}
	w.finish(err)
}

// finish ends the transaction, by a rollback if it failed, and answers.
func (w *writer) finish(err error) {
	if err == nil {
		err = w.settle()
	}
	if err == nil {
		err = w.exec("COMMIT")
	}
	clear(w.grown)
	if err == nil {
		w.committed(len(w.jobs))
	}
	if err != nil {
		err = core.Unavailable(err)
		w.exec("ROLLBACK") //nolint:errcheck // there may be nothing left to roll back
	} else if w.shred {
		w.shredLog() //nolint:errcheck // it is tried again
	}
	for _, j := range w.jobs {
		if err != nil {
			j.err = err
		} else if j.kept && *j.recorded != "" {
			w.events(*j.recorded)
		}
		j.answer <- j.err
	}
	clear(w.jobs)
}

// grow adds what a step, which is kept, had its tenant use more.
func (w *writer) grow(t *txn) {
	if t.recounted {
		delete(w.grown, t.tenant)
	}
	if t.grown == (core.Usage{}) {
		return
	}
	sum := w.grown[t.tenant]
	sum.Interactions += t.grown.Interactions
	sum.Buffered += t.grown.Buffered
	sum.Blobs += t.grown.Blobs
	sum.BlobBytes += t.grown.BlobBytes
	w.grown[t.tenant] = sum
}

// settle writes what tenants use more into their rows.
func (w *writer) settle() error {
	for tenant, by := range w.grown {
		t := txn{session: w.session(), tenant: tenant}
		if err := t.count(by); err != nil {
			return err
		}
	}
	clear(w.grown)
	return nil
}

// next gives a queued step, nil when there is none or the batch is full.
func (w *writer) next() *job {
	if len(w.jobs) == maxBatch {
		return nil
	}
	select {
	case j := <-w.queue: // nil when closed
		return j
	default:
		return nil
	}
}

// apply runs one step. It fails when the whole transaction is lost, which is
// what SQLite does to it when the disk is full or broken.
func (w *writer) apply(j *job) error {
	if err := w.exec("SAVEPOINT step"); err != nil {
		return err
	}
	j.err = w.call(j)
	var refused *refusal
	j.kept = j.err == nil || errors.As(j.err, &refused)
	if refused != nil {
		j.err = refused.error
	} else if j.err != nil {
		if err := w.exec("ROLLBACK TO step"); err != nil {
			return err
		}
	}
	return w.exec("RELEASE step")
}

// call runs the step's function. A panic in it is that step's failure, not the
// end of everybody's writes.
func (w *writer) call(j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a step: %v", p)
		}
	}()
	return j.run(w.session())
}

func (w *writer) exec(query string) error {
	return w.session().exec(query)
}

// session is without an end: a step is not cut short.
func (w *writer) session() session { return w.conn.session(context.Background()) }

// job is a queued step.
type job struct {
	ctx      context.Context //nolint:containedctx // of the call that queued it and waits
	run      func(session) error
	recorded *core.TenantID // whose events it recorded; the writer's from taken on
	err      error          // of the step
	kept     bool           // what the step did is committed, also if it was refused
	taken    atomic.Bool    // by the writer, which runs it, or by its caller, who left
	ran      chan struct{}  // closed when the step's statements have run
	answer   chan error     // the outcome, after the commit
}

// begin reports whether the step is to be run.
func (j *job) begin() bool {
	if err := j.ctx.Err(); err != nil {
		j.answer <- err
		return false
	}
	return j.taken.CompareAndSwap(false, true)
}

func (j *job) wait() error {
	select {
	case err := <-j.answer:
		return err
	case <-j.ctx.Done():
	}
	if j.taken.CompareAndSwap(false, true) {
		return j.ctx.Err()
	}
	<-j.ran
	select {
	case err := <-j.answer:
		return err
	default:
		return j.ctx.Err()
	}
}
