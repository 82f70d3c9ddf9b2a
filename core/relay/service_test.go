package relay_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEventsReachEverySinkAndAreTrimmed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newSink("a"), newSink("b")
		boxes := newOutboxes()
		boxes.record("before", 3) // nobody was told
		w := run(t, boxes, relay.Lane{Sink: a, Batch: 10}, relay.Lane{Sink: b, Linger: time.Second})
		defer w.stop()
		boxes.record("x", 25)
		boxes.record(core.DeploymentTenant, 1)
		synctest.Wait()
		w.holds("the first has them at once", a.has("x") == 25 && a.has("before") == 3 && a.has(core.DeploymentTenant) == 1)
		w.holds("what the second lacks stays", b.has("x") == 0 && boxes.left("x") == 25)
		time.Sleep(time.Second)
		synctest.Wait()
		w.holds("the second has them after it lingered", b.has("x") == 25 && b.has("before") == 3)
		w.holds("what both have is trimmed", boxes.left("x") == 0 && boxes.left("before") == 0)
	})
}

func TestSinkThatIsDownStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		up, down := newSink("up"), newSink("down")
		down.set(func(core.TenantID) error { return errDown })
		boxes := newOutboxes()
		w := run(t, boxes, relay.Lane{Sink: down}, relay.Lane{Sink: up})
		defer w.stop()
		for i := range 100 {
			boxes.record(core.TenantID(fmt.Sprint("t", i)), 10)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		w.holds("the other has all", up.has("t7") == 10 && up.has("t99") == 10)
		w.holds("nothing is trimmed", boxes.left("t7") == 10)
		if n := down.calls(); n > 200 {
			t.Errorf("in ten minutes it was tried %d times", n)
		}
		lag := w.relay.State()
		w.holds(fmt.Sprint("the lag is told: ", lag), lag["down"].Events == 1000 && lag["down"].Most == 10 && lag["down"].Down && !lag["up"].Down && lag["up"].Events == 0 && !lag["down"].Since.IsZero())
		down.set(nil)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		w.holds("it catches up", down.has("t7") == 10 && down.has("t99") == 10 && boxes.left("t7") == 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.holds("then there is no lag", w.relay.State()["down"] == relay.Lag{})
	})
}

func TestTenantThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSink("s")
		s.set(func(tenant core.TenantID) error {
			if tenant == "bad" {
				return core.ErrAuditFork
			}
			return nil
		})
		boxes := newOutboxes()
		w := run(t, boxes, relay.Lane{Sink: s, Workers: 1})
		defer w.stop()
		boxes.record("bad", 5)
		boxes.record("good", 5)
		synctest.Wait()
		w.holds("the good one has its events", s.has("good") == 5)
		time.Sleep(time.Hour)
		boxes.record("good", 5)
		synctest.Wait()
		w.holds("and goes on", s.has("good") == 10 && boxes.left("bad") == 5)
		w.holds("it is told of", w.errs > 10)
		if n := s.calls(); n > 300 {
			t.Errorf("in an hour it was tried %d times", n)
		}
	})
}

func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSink("s")
		boxes := newOutboxes()
		boxes.record("a-busy", 1000)
		boxes.record("b-small", 1)
		w := run(t, boxes, relay.Lane{Sink: s, Batch: 10, Workers: 1})
		defer w.stop()
		synctest.Wait()
		w.holds("both are served", s.has("a-busy") == 1000 && s.has("b-small") == 1)
		for i, tenant := range s.took {
			if tenant == "b-small" && i > 2 {
				t.Errorf("the small one waited for %d batches", i)
			}
		}
	})
}

func TestSinkCanAskForLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSink("s")
		due := time.Now().Add(50 * time.Second)
		s.set(func(core.TenantID) error {
			if time.Now().Before(due) {
				return later{due}
			}
			return nil
		})
		boxes := newOutboxes()
		w := run(t, boxes, relay.Lane{Sink: s})
		defer w.stop()
		for range 40 {
			boxes.record("x", 1)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		w.holds("it is asked once until then", s.calls() == 1 && w.errs == 0)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		w.holds("then it has all", s.has("x") == 40 && boxes.left("x") == 0)
	})
}

// movedClock is the machine's, moved.
type movedClock struct{ by atomic.Int64 }

func (c *movedClock) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// TestClockSetBackHoldsNothingUp fails, and asks for later, while the clock is
// hours ahead.
func TestClockSetBackHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(now time.Time) error{
		"sink down": func(time.Time) error { return errDown },
		"refused":   func(time.Time) error { return errors.New("no") },
		"put off":   func(now time.Time) error { return later{now.Add(time.Second)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { setBack(t, refuse) })
		})
	}
}

func setBack(t *testing.T, refuse func(now time.Time) error) {
	t.Helper()
	boxes, s, clock := newOutboxes(), newSink("s"), &movedClock{}
	clock.by.Store(int64(5 * time.Hour))
	s.set(func(core.TenantID) error { return refuse(clock.Now()) })
	d := deps(boxes, func(error) {})
	d.Clock = clock
	r := relay.New(d, relay.Lane{Sink: s})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	boxes.record("x", 3)
	r.Notify("x")
	time.Sleep(10 * time.Second)
	clock.by.Store(0)
	s.set(nil)
	time.Sleep(time.Minute)
	synctest.Wait()
	if s.has("x") != 3 {
		t.Errorf("a minute after the clock was set back the sink has %d of 3 events", s.has("x"))
	}
	cancel()
	<-done
}

type later struct{ at time.Time }

func (later) Error() string        { return "later" }
func (l later) RetryAt() time.Time { return l.at }

func TestIdleRelayAsksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boxes := newOutboxes()
		for i := range 10_000 {
			boxes.record(core.TenantID(fmt.Sprint("t", i)), 1)
		}
		s := newSink("s")
		w := run(t, boxes, relay.Lane{Sink: s})
		defer w.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		w.holds("all are served", s.has("t0") == 1 && s.has("t9999") == 1)
		before := boxes.count()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := boxes.count() - before; n > 20 {
			t.Errorf("ten thousand idle tenants cost %d calls in ten minutes", n)
		}
	})
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSink("s")
		boxes := newOutboxes()
		boxes.leases["xrelay:s"] = "somebody"
		w := run(t, boxes, relay.Lane{Sink: s})
		defer w.stop()
		boxes.record("x", 3)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.holds("while another has the lease, nothing is done", s.calls() == 0)
		if err := w.relay.Drain(t.Context(), "x", "s"); err != nil || s.has("x") != 3 {
			t.Errorf("draining waits for no lease: %v, %d", err, s.has("x"))
		}
		boxes.record("x", 3)
		boxes.mu.Lock()
		delete(boxes.leases, "xrelay:s")
		boxes.mu.Unlock()
		time.Sleep(16 * time.Second)
		synctest.Wait()
		boxes.mu.Lock()
		_, left := boxes.leases["xrelay:s"]
		boxes.mu.Unlock()
		w.holds("then it is done, and the lease given back", s.has("x") == 6 && !left)
	})
}

func TestOneProcessLooksForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boxes, s := newOutboxes(), newSink("s")
		s.set(func(core.TenantID) error { return later{time.Now().Add(time.Hour)} }) // what there is stays
		var nodes []*world
		for i := range 50 {
			nodes = append(nodes, runAs(t, fmt.Sprint("node ", i), boxes, relay.Lane{Sink: s}))
		}
		boxes.hint = nil
		boxes.record("x", 5)
		time.Sleep(time.Minute)
		synctest.Wait()
		before := boxes.count()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := boxes.count() - before; n > 200 {
			t.Errorf("fifty processes asked the outboxes %d times in ten minutes", n)
		}
		lag := func() (most int64) {
			for _, n := range nodes {
				most = max(most, n.relay.State()["s"].Events)
			}
			return most
		}
		w := nodes[0]
		w.holds("one of them tells the lag", lag() == 5)
		boxes.mu.Lock()
		first := boxes.leases[string(core.DeploymentTenant)+"relay:sweep"]
		boxes.mu.Unlock()
		for i, n := range nodes {
			if first == fmt.Sprint("node ", i) {
				n.stop()
				nodes = append(nodes[:i:i], nodes[i+1:]...)
				break
			}
		}
		boxes.record("y", 5)
		s.set(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.holds("when it ends another looks", s.has("y") == 5)
		for _, n := range nodes {
			n.stop()
		}
	})
}

func TestProcessThatDoesNotLookTellsOfASinkThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boxes, s := newOutboxes(), newSink("s")
		boxes.leases[string(core.DeploymentTenant)+"relay:sweep"] = "somebody"
		s.set(func(core.TenantID) error { return errDown })
		w := run(t, boxes, relay.Lane{Sink: s})
		defer w.stop()
		boxes.record("x", 5)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		lag := w.relay.State()["s"]
		w.holds(fmt.Sprint("it measured: ", lag), lag.Down && lag.Most == 5)
		s.set(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.holds("and leaves that to the other again", w.relay.State()["s"] == relay.Lag{} && s.has("x") == 5)
	})
}

func TestOneProcessWaitsForALateSink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boxes, s := newOutboxes(), newSink("s")
		s.set(func(core.TenantID) error { return later{time.Now().Add(5 * time.Second)} })
		var nodes []*world
		for i := range 50 {
			nodes = append(nodes, runAs(t, fmt.Sprint("node ", i), boxes, relay.Lane{Sink: s}))
		}
		boxes.hint = nil
		boxes.record("x", 1)
		for _, n := range nodes {
			n.relay.Notify("x")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := s.calls(); n > 15 {
			t.Errorf("fifty processes asked a sink that wants to be asked each five seconds %d times in a minute", n)
		}
		for _, n := range nodes {
			n.stop()
		}
	})
}

func TestDrainGivesTheSinksError(t *testing.T) {
	t.Parallel()
	boxes, s := newOutboxes(), newSink("s")
	r := relay.New(deps(boxes, func(error) {}), relay.Lane{Sink: s, Batch: 2})
	boxes.record("x", 5)
	s.set(func(core.TenantID) error { return errDown })
	if err := r.Drain(t.Context(), "x", "s"); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := r.Drain(t.Context(), "x", "none"); err == nil {
		t.Error("a sink that is not there is drained")
	}
	s.set(nil)
	if err := r.DrainAll(t.Context()); err != nil || s.has("x") != 5 || boxes.left("x") != 0 {
		t.Errorf("%v, %d events, %d left", err, s.has("x"), boxes.left("x"))
	}
}

func TestCrashBetweenStepsOnlyRepeats(t *testing.T) {
	t.Parallel()
	boxes, s := newOutboxes(), newSink("s")
	broken := &crashing{outboxes: boxes}
	d := deps(boxes, func(error) {})
	d.Store = broken
	for i := range 20 {
		boxes.record("x", 3)
		broken.after = i % 5
		_ = relay.New(d, relay.Lane{Sink: s}).Drain(t.Context(), "x", "s")
	}
	broken.after = 1000
	if err := relay.New(d, relay.Lane{Sink: s}).Drain(t.Context(), "x", "s"); err != nil || s.has("x") != 60 {
		t.Errorf("%v, %d of 60", err, s.has("x"))
	}
}

// crashing fails every call after some.
type crashing struct {
	*outboxes
	after int
}

func (c *crashing) step() error {
	c.after--
	if c.after < 0 {
		return errors.New("the process is gone")
	}
	return nil
}

func (c *crashing) SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.outboxes.SetPosition(ctx, tenant, sink, seq)
}

func (c *crashing) Positions(ctx context.Context, tenant core.TenantID) (map[string]int64, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	return c.outboxes.Positions(ctx, tenant)
}

func (c *crashing) TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.outboxes.TrimEvents(ctx, tenant, through)
}
