package contract

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// everyMethod holds what package ports says of every method, for those calls.
func (b Backend) everyMethod(t *testing.T, calls []call) {
	for _, g := range []struct {
		name string
		hold func(w *World, c call)
	}{
		{"HostileIDsAreNotFound", hostileIDsAreNotFound},
		{"IDsOfOthersAreNotFound", idsOfOthersAreNotFound},
		{"DeletedTenantIsNotFound", deletedTenantIsNotFound},
		{"DoneContextChangesNothing", doneContextChangesNothing},
		{"CallersSlicesAreNotKept", callersSlicesAreNotKept},
		{"EventsComeWithTheirStep", eventsComeWithTheirStep},
		{"SameOperationTwiceIsOnce", sameOperationTwiceIsOnce},
		{"SameOperationAtOnceIsOnce", sameOperationAtOnceIsOnce},
		{"OperationsOfTenantsAreApart", operationsOfTenantsAreApart},
		{"FailedOperationIsNotRemembered", failedOperationIsNotRemembered},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			w := NewWorld(t, b.Open(t))
			for _, c := range calls {
				w.tenants = nil // those of the calls before are left as they are
				g.hold(w.on(named{t, c.name}), c)
			}
		})
	}
	t.Run("BrokenStoreIsUnavailable", func(t *testing.T) {
		t.Parallel()
		b.brokenStoreIsUnavailable(t, calls)
	})
}

// everyCall is a call of every method of every port.
func everyCall() []call {
	return slices.Concat(tenantCalls(), apiKeyCalls(), userCalls(), conversationCalls(), bufferCalls(), memoryCalls(),
		forgettingCalls(), changeCalls(), derivedCalls(), factCalls(), idempotencyCalls(), outboxCalls(), recorderCalls(), relayingCalls(), auditCalls(), deliveryCalls(),
		dataKeyCalls(), rotationCalls(), leaseCalls(), healthCalls())
}

// named puts the call's name before what a test says.
type named struct {
	TB
	call string
}

func (n named) Errorf(format string, args ...any) {
	n.TB.Helper()
	n.TB.Errorf(n.call+": "+format, args...)
}

func (n named) Fatalf(format string, args ...any) {
	n.TB.Helper()
	n.TB.Fatalf(n.call+": "+format, args...)
}

func hostileIDsAreNotFound(w *World, c call) {
	if c.takes == 0 {
		return
	}
	s := w.stage()
	w.unchanged(func() {
		for _, in := range allSlots {
			if c.takes&in == 0 {
				continue
			}
			for _, id := range hostile(s.id(in)) {
				w.notFound(c, s.with(in, id), in, id)
			}
		}
		if c.takes&ofTenant != 0 && !c.ours {
			w.notFound(c, s.with(ofTenant, string(core.DeploymentTenant)), ofTenant, "the deployment")
		}
	})
	_, err := c.run(w.Ctx, w, s, w.Op())
	w.ok(err) // the right ids are right
}

// notFound expects the one answer there is: nothing in it may tell an id that
// never was from somebody else's.
func (w *World) notFound(c call, at stage, in slot, id string) {
	w.T.Helper()
	got, err := c.run(w.Ctx, w, at, w.Op())
	if !core.Is(err, core.CodeNotFound) {
		w.T.Fatalf("%q as id %d: got %s, %v; want not_found", cut(id), in, cut(dump(got)), err)
	}
	var e *core.Error
	if want := core.NotFound(); errors.As(err, &e) && (e.Message != want.Message || e.ExistingID != "" || e.Quota != nil) {
		w.T.Fatalf("%q as id %d: the answer tells more than others: %+v", cut(id), in, *e)
	}
}

func cut(s string) string { return s[:min(len(s), 120)] }

func idsOfOthersAreNotFound(w *World, c call) {
	s := w.stage()
	sibling, stranger := w.cast(s), w.stage()
	w.unchanged(func() {
		for _, in := range allSlots {
			if c.takes&in == 0 {
				continue
			}
			if c.takes != in { // alone, somebody else's id is just another one
				w.notFound(c, s.with(in, stranger.id(in)), in, stranger.id(in))
			}
			if in == ofConversation || in == ofBlob {
				w.notFound(c, s.with(in, sibling.id(in)), in, sibling.id(in))
			}
		}
		if c.takes&(ofConversation|ofBlob) != 0 {
			w.notFound(c, s.with(ofUser, sibling.id(ofUser)), ofUser, sibling.id(ofUser))
		}
	})
}

func deletedTenantIsNotFound(w *World, c call) {
	if c.takes&ofTenant == 0 {
		return
	}
	s := w.stage()
	w.mustDeleteTenant(s.tenant)
	w.notFound(c, s, ofTenant, "one that was deleted")
	w.mustPurge(everything)
	w.notFound(c, s, ofTenant, "one that was purged")
}

func doneContextChangesNothing(w *World, c call) {
	s := w.stage()
	cancelled, cancel := context.WithCancel(w.Ctx)
	cancel()
	late, cancel := context.WithDeadline(w.Ctx, time.Now().Add(-time.Second))
	defer cancel()
	w.unchanged(func() {
		if _, err := c.run(cancelled, w, s, w.Op()); !errors.Is(err, context.Canceled) {
			w.T.Fatalf("cancelled, it gave %v", err)
		}
		if _, err := c.run(late, w, s, w.Op()); !errors.Is(err, context.DeadlineExceeded) {
			w.T.Fatalf("past its deadline, it gave %v", err)
		}
	})
}

func callersSlicesAreNotKept(w *World, c call) {
	s := w.stage()
	got, err := c.run(w.Ctx, w, s, w.Op())
	w.ok(err)
	before := w.Everything()
	w.spoil()
	w.same("what was stored, with the caller's slices,", before)
	if got == nil {
		return
	}
	value := reflect.New(reflect.TypeOf(got))
	value.Elem().Set(reflect.ValueOf(got))
	scribble(value)
	w.same("what is stored, with what was handed out,", before)
}

func eventsComeWithTheirStep(w *World, c call) {
	if c.takes&ofTenant == 0 {
		return
	}
	s := w.stage()
	last := w.lastSeq(s.tenant)
	_, err := c.run(w.Ctx, w, s, w.Op())
	w.ok(err)
	var got []core.EventType
	for i, e := range w.mustEvents(s.tenant, last) {
		if e.Seq != last+int64(i)+1 || e.Tenant != s.tenant || e.ID == "" || e.At.IsZero() {
			w.T.Fatalf("event %d after seq %d is %+v", i+1, last, e)
		}
		got = append(got, e.Type)
	}
	w.equal("the events of the step", got, c.events)
}

func sameOperationTwiceIsOnce(w *World, c call) {
	if !c.step {
		return
	}
	s, op := w.stage(), w.Op()
	first, err := c.run(w.Ctx, w, s, op)
	w.ok(err)
	before := w.Everything()
	again, err := c.run(w.Ctx, w, s, op)
	w.ok(err)
	w.equal("the second outcome of one operation", again, first)
	w.same("what is stored", before)
}

func sameOperationAtOnceIsOnce(w *World, c call) {
	if !c.step {
		return
	}
	s, op := w.stage(), w.Op()
	last := w.lastSeq(s.tenant)
	outcomes := make([]any, 8)
	w.allOK(together(len(outcomes), func(i int) (err error) {
		outcomes[i], err = c.run(w.Ctx, w, s, op)
		return err
	}))
	for _, o := range outcomes {
		w.equal("the outcome of one operation at another place", o, outcomes[0])
	}
	if got := len(w.mustEvents(s.tenant, last)); got != len(c.events) {
		w.T.Fatalf("one operation, at several places at once, recorded %d events, want %d", got, len(c.events))
	}
}

func operationsOfTenantsAreApart(w *World, c call) {
	if !c.step || c.takes&ofTenant == 0 {
		return
	}
	op := w.Op()
	for _, s := range []stage{w.stage(), w.stage()} {
		before := w.Everything()
		_, err := c.run(w.Ctx, w, s, op)
		w.ok(err)
		if w.Everything() == before {
			w.T.Fatalf("it did nothing; another tenant had used that operation id")
		}
	}
}

// failedOperationIsNotRemembered fails the call by the last id that it takes.
func failedOperationIsNotRemembered(w *World, c call) {
	last := ofTenant
	for _, in := range allSlots {
		if c.takes&in != 0 {
			last = in
		}
	}
	if !c.step || last == ofTenant {
		return
	}
	s, op := w.stage(), w.Op()
	_, err := c.run(w.Ctx, w, s.with(last, lookAlike(s.id(last))), op)
	w.refused(err, core.CodeNotFound)
	before := w.Everything()
	_, err = c.run(w.Ctx, w, s, op)
	w.ok(err)
	if w.Everything() == before {
		w.T.Fatalf("it did nothing; the operation had failed before and should not be remembered")
	}
}

func (b Backend) brokenStoreIsUnavailable(t *testing.T, calls []call) {
	if b.Break == nil {
		t.Skip("this backend cannot be broken from a test")
	}
	w := NewWorld(t, b.Open(t))
	s := w.stage()
	b.Break(t, w.Store)
	for _, c := range calls {
		ctx, cancel := context.WithTimeout(w.Ctx, 20*time.Second)
		_, err := c.run(ctx, w, s, w.Op())
		cancel()
		w.on(named{t, c.name}).refused(err, core.CodeUnavailable)
		var e *core.Error
		if errors.As(err, &e) && strings.Contains(strings.ToLower(e.Message), "sql") {
			t.Errorf("%s: the message names the driver: %s", c.name, e.Message)
		}
	}
}
