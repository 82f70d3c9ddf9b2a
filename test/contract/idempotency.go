package contract

import (
	"context"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// Idempotency is the contract of ports.Idempotency.
func Idempotency(t *testing.T, b Backend) {
	b.run(t, []guarantee{
		{"FirstClaimHoldsTheKey", firstClaimHoldsTheKey},
		{"OneOfManyClaims", oneOfManyClaims},
		{"AnotherBodyIsAMismatch", anotherBodyIsAMismatch},
		{"ResponseIsKeptWhole", responseIsKeptWhole},
		{"ExpiredLeaseIsTakenOver", expiredLeaseIsTakenOver},
		{"LeaseFromTheFutureIsTakenOver", leaseFromTheFutureIsTakenOver},
		{"OneOfManyTakesOver", oneOfManyTakesOver},
		{"OnlyTheHolderCompletes", onlyTheHolderCompletes},
		{"ReleasedClaimIsTakenOver", releasedClaimIsTakenOver},
		{"AbandonedKeyIsFree", abandonedKeyIsFree},
		{"RecordPastItsTimeNeverWas", recordPastItsTimeNeverWas},
		{"KeysOfTenantsAreApart", keysOfTenantsAreApart},
		{"SweepForgetsWhatIsPast", sweepForgetsWhatIsPast},
		{"SweepIsBoundedAndEnds", sweepIsBoundedAndEnds},
	}, idempotencyCalls())
}

func idempotencyCalls() []call {
	return []call{
		{name: "Begin", takes: ofTenant, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return w.Begin(ctx, at.tenant, w.makeClaim())
		}},
		{name: "Complete", takes: ofTenant, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.Complete(ctx, at.tenant, at.claim.Key, at.claim.OpID, w.Bytes(50)))
		}},
		{name: "Release", takes: ofTenant, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.Release(ctx, at.tenant, at.claim.Key, at.claim.OpID))
		}},
		{name: "Abandon", takes: ofTenant, ours: true, run: func(ctx context.Context, w *World, at stage, _ core.Op) (any, error) {
			return done(w.Abandon(ctx, at.tenant, at.claim.Key, at.claim.OpID))
		}},
		{name: "SweepOperations", run: func(ctx context.Context, w *World, _ stage, _ core.Op) (any, error) {
			return w.SweepOperations(ctx, w.start, 10)
		}},
	}
}

// lease is how long a claim here is held.
const lease = time.Minute

// makeClaim is a first claim of a key of its own.
func (w *World) makeClaim() core.IdempotencyClaim {
	now := w.Now()
	c := core.IdempotencyClaim{
		OpID: w.IDs.Operation(), Now: now,
		LeaseUntil: now.Add(lease), Until: now.Add(core.IdempotencyLife),
	}
	copy(c.Key[:], w.Bytes(32))
	copy(c.Fingerprint[:], w.Bytes(32))
	return c
}

// again is the same request at a later time, by somebody who has another id to
// offer.
func (w *World) again(c core.IdempotencyClaim, later time.Duration) core.IdempotencyClaim {
	c.OpID = w.IDs.Operation()
	c.Now = c.Now.Add(later)
	c.LeaseUntil, c.Until = c.LeaseUntil.Add(later), c.Until.Add(later)
	return c
}

// meets makes a claim and says what it should meet.
func (w *World) meets(tenant core.TenantID, c core.IdempotencyClaim, want core.IdempotencyOutcome) core.IdempotencyState {
	w.T.Helper()
	got, err := w.Begin(w.Ctx, tenant, c)
	w.ok(err)
	if got.Outcome != want {
		w.T.Fatalf("a claim met %d, want %d", got.Outcome, want)
	}
	return got
}

const (
	claimed  = core.IdempotencyClaimed
	running  = core.IdempotencyRunning
	mismatch = core.IdempotencyMismatch
	replay   = core.IdempotencyDone
)

func firstClaimHoldsTheKey(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	got, err := w.Begin(w.Ctx, t.ID, c)
	w.ok(err)
	w.equal("the first claim", got, core.IdempotencyState{Outcome: claimed, OpID: c.OpID})
	w.meets(t.ID, w.again(c, 0), running)
	w.meets(t.ID, w.again(c, lease-time.Millisecond), running)
	other := w.again(c, 0)
	other.Key[31] ^= 1
	w.equal("the id of another key's claim", w.meets(t.ID, other, claimed).OpID, other.OpID)
}

func oneOfManyClaims(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	const callers = 32
	states, offers := make([]core.IdempotencyState, callers), make([]core.IdempotencyClaim, callers)
	for i := range offers {
		offers[i] = w.again(c, 0)
	}
	w.allOK(together(callers, func(i int) (err error) {
		states[i], err = w.Begin(w.Ctx, t.ID, offers[i])
		return err
	}))
	won := 0
	for i, s := range states {
		switch s.Outcome {
		case claimed:
			won++
			w.equal("the winner's id", s.OpID, offers[i].OpID)
		case running:
		default:
			w.T.Fatalf("a claim met %d", s.Outcome)
		}
	}
	w.equal("the number of winners", won, 1)
}

func anotherBodyIsAMismatch(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	other := w.again(c, 0)
	other.Fingerprint[0] ^= 0x80
	w.meets(t.ID, other, mismatch)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, w.Bytes(20)))
	if got := w.meets(t.ID, other, mismatch); len(got.Response) != 0 {
		w.T.Fatalf("a mismatch got the response")
	}
	w.meets(t.ID, c, replay)
}

func responseIsKeptWhole(w *World) {
	t := w.MustCreateTenant()
	for _, size := range []int{0, 1, 300 << 10} {
		c := w.makeClaim()
		w.meets(t.ID, c, claimed)
		response := w.Bytes(size)
		want := append([]byte(nil), response...)
		w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, response))
		clear(response)
		for _, later := range []time.Duration{0, 2 * lease, core.IdempotencyLife - time.Millisecond} {
			got := w.meets(t.ID, w.again(c, later), replay)
			w.equal("the response", got.Response, want)
			clear(got.Response)
		}
	}
}

func leaseFromTheFutureIsTakenOver(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, w.again(c, 5*time.Hour), claimed)
	w.meets(t.ID, w.again(c, 5*time.Hour), running)
	ahead := w.makeClaim()
	w.meets(t.ID, w.again(ahead, time.Minute), claimed)
	w.meets(t.ID, ahead, running) // by a node whose clock is behind
	taken := w.again(c, 0)
	first := w.meets(t.ID, taken, claimed)
	if first.OpID == taken.OpID {
		w.T.Fatalf("it is taken over under another id than it had")
	}
	w.meets(t.ID, w.again(c, 0), running)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, first.OpID, w.Bytes(20)))
	w.meets(t.ID, w.again(c, 0), replay)
}

func expiredLeaseIsTakenOver(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	next := w.again(c, lease+time.Millisecond)
	w.equal("the id under which it goes on", w.meets(t.ID, next, claimed).OpID, c.OpID)
	w.meets(t.ID, w.again(next, time.Millisecond), running) // it has a lease of its own
	third := w.again(next, lease+time.Millisecond)
	w.equal("the id under which it goes on", w.meets(t.ID, third, claimed).OpID, c.OpID)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, []byte("answer")))
	w.equal("the response", w.meets(t.ID, w.again(third, time.Hour), replay).Response, []byte("answer"))
	mismatched := w.makeClaim()
	w.meets(t.ID, mismatched, claimed)
	other := w.again(mismatched, lease+time.Millisecond)
	other.Fingerprint[5]++
	w.meets(t.ID, other, mismatch) // another body never takes over
}

func oneOfManyTakesOver(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	const callers = 24
	states := make([]core.IdempotencyState, callers)
	w.allOK(together(callers, func(i int) (err error) {
		states[i], err = w.Begin(w.Ctx, t.ID, w.again(c, lease+time.Second))
		return err
	}))
	won := 0
	for _, s := range states {
		if s.Outcome == claimed {
			won++
			w.equal("the id under which it goes on", s.OpID, c.OpID)
		}
	}
	w.equal("the number of those that took over", won, 1)
}

func onlyTheHolderCompletes(w *World) {
	t, other := w.MustCreateTenant(), w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	wrong := w.again(c, 0)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, wrong.OpID, []byte("wrong")))
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, "", []byte("wrong")))
	w.ok(w.Complete(w.Ctx, other.ID, c.Key, c.OpID, []byte("wrong")))
	w.ok(w.Complete(w.Ctx, t.ID, w.makeClaim().Key, c.OpID, []byte("wrong"))) // never claimed
	for _, end := range []func(context.Context, core.TenantID, [32]byte, string) error{w.Abandon, w.Release} {
		w.ok(end(w.Ctx, t.ID, c.Key, wrong.OpID))
		w.ok(end(w.Ctx, t.ID, c.Key, ""))
		w.ok(end(w.Ctx, other.ID, c.Key, c.OpID))
	}
	w.meets(t.ID, w.again(c, 0), running)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, []byte("right")))
	w.equal("the response", w.meets(t.ID, w.again(c, 0), replay).Response, []byte("right"))
}

func releasedClaimIsTakenOver(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	w.ok(w.Release(w.Ctx, t.ID, c.Key, c.OpID))
	w.ok(w.Release(w.Ctx, t.ID, c.Key, c.OpID)) // once more
	same := w.again(c, 0)                       // well within the lease that was
	w.equal("the id under which it goes on", w.meets(t.ID, same, claimed).OpID, c.OpID)
	w.meets(t.ID, w.again(c, 0), running) // with a lease of its own
	w.ok(w.Release(w.Ctx, t.ID, c.Key, c.OpID))
	mended := w.again(c, 0)
	mended.Fingerprint[3]++
	w.equal("the id of another body's claim", w.meets(t.ID, mended, claimed).OpID, mended.OpID)
	w.ok(w.Release(w.Ctx, t.ID, c.Key, c.OpID)) // by who does not hold it any more
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, []byte("late")))
	w.meets(t.ID, w.again(mended, 0), running)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, mended.OpID, []byte("mended")))
	w.meets(t.ID, w.again(c, 0), mismatch)
	w.ok(w.Release(w.Ctx, t.ID, c.Key, mended.OpID)) // what is done stays done
	w.equal("the response", w.meets(t.ID, w.again(mended, 0), replay).Response, []byte("mended"))
}

func abandonedKeyIsFree(w *World) {
	t := w.MustCreateTenant()
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	w.ok(w.Abandon(w.Ctx, t.ID, c.Key, c.OpID))
	w.ok(w.Abandon(w.Ctx, t.ID, c.Key, c.OpID)) // once more
	next := w.again(c, time.Second)
	next.Fingerprint[1]++ // a refused request may come back mended
	w.equal("the id of the claim after", w.meets(t.ID, next, claimed).OpID, next.OpID)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, []byte("late"))) // by who gave up
	w.meets(t.ID, w.again(next, 0), running)
}

func recordPastItsTimeNeverWas(w *World) {
	t := w.MustCreateTenant()
	for _, complete := range []bool{false, true} {
		c := w.makeClaim()
		c.LeaseUntil = c.Until // however long the lease
		w.meets(t.ID, c, claimed)
		if complete {
			w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, []byte("old")))
		}
		next := w.again(c, core.IdempotencyLife+time.Millisecond)
		next.Fingerprint[9]++
		got := w.meets(t.ID, next, claimed)
		w.equal("the new claim", got, core.IdempotencyState{Outcome: claimed, OpID: next.OpID})
	}
}

func keysOfTenantsAreApart(w *World) {
	a, b := w.MakeTenant(), w.MakeTenant()
	b.Record.ID = lookAlike(a.Record.ID)
	b.Key.Tenant = b.Record.ID
	w.mustCreateTenant(a)
	w.mustCreateTenant(b)
	c := w.makeClaim()
	for _, tenant := range []core.TenantID{a.Record.ID, b.Record.ID, core.DeploymentTenant} {
		mine := w.again(c, 0)
		w.equal("the id of a tenant's own claim", w.meets(tenant, mine, claimed).OpID, mine.OpID)
		w.ok(w.Complete(w.Ctx, tenant, c.Key, mine.OpID, []byte(tenant)))
	}
	for _, tenant := range []core.TenantID{a.Record.ID, b.Record.ID, core.DeploymentTenant} {
		w.equal("the response", w.meets(tenant, w.again(c, 0), replay).Response, []byte(tenant))
	}
	w.mustDeleteTenant(a.Record.ID)
	w.mustPurge(1)
	w.equal("the response", w.meets(b.Record.ID, w.again(c, 0), replay).Response, []byte(b.Record.ID))
	w.equal("the response", w.meets(core.DeploymentTenant, w.again(c, 0), replay).Response, []byte(core.DeploymentTenant))
}

// sweep sweeps to the end.
func (w *World) sweep(now time.Time, limit int) (calls int) {
	w.T.Helper()
	for calls = 1; calls <= 1000; calls++ {
		fin, err := w.SweepOperations(w.Ctx, now, limit)
		w.ok(err)
		if fin {
			return calls
		}
	}
	w.T.Fatalf("SweepOperations came to no end")
	return calls
}

func sweepForgetsWhatIsPast(w *World) {
	t := w.MustCreateTenant()
	past, kept := w.Op(), w.Op()
	kept.Until = past.Until.Add(time.Hour)
	first := map[string]core.UserRecord{}
	for _, op := range []core.Op{past, kept} {
		record, err := w.CreateUser(w.Ctx, t.ID, op, w.MakeUser(t.ID))
		w.ok(err)
		first[op.ID] = record
	}
	c := w.makeClaim()
	w.meets(t.ID, c, claimed)
	w.ok(w.Complete(w.Ctx, t.ID, c.Key, c.OpID, []byte("answer")))
	w.unchanged(func() {
		w.sweep(w.Now(), 1)
		w.sweep(w.Now(), everything)
		for _, op := range []core.Op{past, kept} { // neither is past
			again, err := w.CreateUser(w.Ctx, t.ID, op, w.MakeUser(t.ID))
			w.ok(err)
			w.equal("the second outcome", again, first[op.ID])
		}
		w.sweep(past.Until.Add(time.Minute), everything)
		again, err := w.CreateUser(w.Ctx, t.ID, kept, w.MakeUser(t.ID))
		w.ok(err)
		w.equal("the outcome that is not past", again, first[kept.ID])
	})
	again, err := w.CreateUser(w.Ctx, t.ID, past, w.MakeUser(t.ID))
	w.ok(err)
	if again.ID == first[past.ID].ID {
		w.T.Fatalf("an outcome past its time is remembered after a sweep")
	}
	w.meets(t.ID, w.again(c, time.Minute), replay)
	w.sweep(c.Until.Add(time.Hour), 1)
	w.meets(t.ID, w.again(c, time.Minute), claimed)
}

func sweepIsBoundedAndEnds(w *World) {
	fin, err := w.SweepOperations(w.Ctx, w.Now(), 1)
	w.ok(err)
	if !fin {
		w.T.Fatalf("an empty store has something to sweep")
	}
	t := w.MustCreateTenant()
	for range 12 {
		w.MustCreateUser(t.ID)
		w.meets(t.ID, w.makeClaim(), claimed)
	}
	later := w.start.Add(core.IdempotencyLife + time.Hour)
	if calls := w.sweep(later, 4); calls < 3 {
		w.T.Fatalf("25 records were swept in %d calls of about 4", calls)
	}
	if calls := w.sweep(later, 4); calls != 1 {
		w.T.Fatalf("after a sweep to the end, it took %d calls to find nothing", calls)
	}
}
