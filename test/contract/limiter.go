package contract

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Limiter is the contract of ports.Limiter. open gives one whose buckets are
// full, and which holds a few hundred of them.
func Limiter(t *testing.T, open func(t *testing.T) ports.Limiter) {
	for _, g := range []struct {
		name string
		hold func(l *limits)
	}{
		{"BurstThenRate", burstThenRate},
		{"CostsAreCharged", costsAreCharged},
		{"CostAboveBurstIsRefused", costAboveBurstIsRefused},
		{"NoCostOnlyLooks", noCostOnlyLooks},
		{"AllOrNoneIsCharged", allOrNoneIsCharged},
		{"OneBucketTwiceIsChargedTwice", oneBucketTwiceIsChargedTwice},
		{"LookAlikeBucketsAreApart", lookAlikeBucketsAreApart},
		{"ManyTakeNoMoreThanThereIs", manyTakeNoMoreThanThereIs},
		{"ManyTakeAllOrNone", manyTakeAllOrNone},
		{"ClockStepsBack", clockStepsBack},
		{"BucketFollowsItsRate", bucketFollowsItsRate},
		{"DoneContextIsNotCharged", doneContextIsNotCharged},
		{"HandedInStaysAsItIs", handedInStaysAsItIs},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.hold(newLimits(t, open(t)))
		})
	}
	t.Run("AgreesWithATokenBucket", func(t *testing.T) {
		t.Parallel()
		agreesWithATokenBucket(t, newLimits(t, open(t)))
	})
	t.Run("AdmitsNoMoreThanItsRate", func(t *testing.T) {
		t.Parallel()
		admitsNoMoreThanItsRate(t, newLimits(t, open(t)))
	})
}

// limits is a limiter and a time to ask it at.
type limits struct {
	ports.Limiter
	t   TB
	ctx context.Context
	now time.Time
}

func newLimits(t *testing.T, l ports.Limiter) *limits {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return &limits{Limiter: l, t: t, ctx: ctx, now: time.Now().Truncate(time.Microsecond)}
}

// perSecond is a bucket of five that gets one each second.
func perSecond(key string, cost int64) core.Rate {
	return core.Rate{Key: key, PerMinute: 60, Burst: 5, Cost: cost}
}

func (l *limits) take(rates ...core.Rate) []core.RateDecision {
	l.t.Helper()
	got, err := l.Take(l.ctx, l.now, rates...)
	if err != nil {
		l.t.Fatalf("refused: %v", err)
	}
	if len(got) != len(rates) {
		l.t.Fatalf("%d rates got %d decisions", len(rates), len(got))
	}
	return got
}

func (l *limits) gives(rate core.Rate, want core.RateDecision) {
	l.t.Helper()
	if got := l.take(rate)[0]; got != want {
		l.t.Fatalf("%+v gave %+v, want %+v", rate, got, want)
	}
}

func allowed(remaining int64, reset time.Duration) core.RateDecision {
	return core.RateDecision{Allowed: true, Remaining: remaining, Reset: reset}
}

func denied(remaining int64, retry, reset time.Duration) core.RateDecision {
	return core.RateDecision{Remaining: remaining, RetryAfter: retry, Reset: reset}
}

func burstThenRate(l *limits) {
	for i := int64(1); i <= 5; i++ {
		l.gives(perSecond("a", 1), allowed(5-i, time.Duration(i)*time.Second))
	}
	l.gives(perSecond("a", 1), denied(0, time.Second, 5*time.Second))
	l.now = l.now.Add(time.Second - time.Microsecond)
	l.gives(perSecond("a", 1), denied(0, time.Microsecond, 4*time.Second+time.Microsecond))
	l.now = l.now.Add(time.Microsecond)
	l.gives(perSecond("a", 1), allowed(0, 5*time.Second))
	l.gives(perSecond("a", 1), denied(0, time.Second, 5*time.Second))
	l.now = l.now.Add(time.Hour) // it is full and no more than full
	l.gives(perSecond("a", 5), allowed(0, 5*time.Second))
	l.gives(perSecond("a", 1), denied(0, time.Second, 5*time.Second))
}

func costsAreCharged(l *limits) {
	l.gives(perSecond("a", 3), allowed(2, 3*time.Second))
	l.gives(perSecond("a", 3), denied(2, time.Second, 3*time.Second))
	l.gives(perSecond("a", 2), allowed(0, 5*time.Second))
	l.now = l.now.Add(2500 * time.Millisecond)
	l.gives(perSecond("a", 3), denied(2, 500*time.Millisecond, 2500*time.Millisecond))
	l.gives(perSecond("a", 2), allowed(0, 4500*time.Millisecond))
}

func costAboveBurstIsRefused(l *limits) {
	for _, cost := range []int64{6, 1000, 1<<63 - 1} {
		got := l.take(perSecond("a", cost))[0]
		if got.Allowed || got.Remaining != 5 || got.RetryAfter <= 0 || got.Reset != 0 {
			l.t.Fatalf("a cost of %d gave %+v", cost, got)
		}
	}
	l.gives(perSecond("a", 5), allowed(0, 5*time.Second))
}

func noCostOnlyLooks(l *limits) {
	l.gives(perSecond("a", 0), allowed(5, 0))
	l.gives(perSecond("a", 5), allowed(0, 5*time.Second))
	l.gives(perSecond("a", 0), allowed(0, 5*time.Second))
	l.now = l.now.Add(1999 * time.Millisecond)
	l.gives(perSecond("a", 0), allowed(1, 3001*time.Millisecond))
	if got := l.take(); len(got) != 0 {
		l.t.Fatalf("no rates got %d decisions", len(got))
	}
}

func allOrNoneIsCharged(l *limits) {
	l.take(perSecond("full", 4))
	got := l.take(perSecond("a", 2), perSecond("full", 2), perSecond("b", 1))
	want := []core.RateDecision{
		allowed(5, 0), // by itself it would do, and it was not charged
		denied(1, time.Second, 4*time.Second),
		allowed(5, 0),
	}
	if !slices.Equal(got, want) {
		l.t.Fatalf("got %+v, want %+v", got, want)
	}
	got = l.take(perSecond("a", 2), perSecond("full", 1), perSecond("b", 1))
	want = []core.RateDecision{allowed(3, 2*time.Second), allowed(0, 5*time.Second), allowed(4, time.Second)}
	if !slices.Equal(got, want) {
		l.t.Fatalf("got %+v, want %+v", got, want)
	}
}

// oneBucketTwiceIsChargedTwice has two rates of a request meet in one bucket.
func oneBucketTwiceIsChargedTwice(l *limits) {
	got := l.take(perSecond("a", 2), perSecond("a", 2))
	if !got[0].Allowed || !got[1].Allowed {
		l.t.Fatalf("got %+v", got)
	}
	l.gives(perSecond("a", 0), allowed(1, 4*time.Second))
	got = l.take(perSecond("a", 1), perSecond("a", 1))
	if got[0].Allowed && got[1].Allowed {
		l.t.Fatalf("two were taken of one: %+v", got)
	}
	l.gives(perSecond("a", 1), allowed(0, 5*time.Second))
}

func lookAlikeBucketsAreApart(l *limits) {
	keys := append(lookAlikeRefs(), "")
	for _, key := range keys {
		l.gives(perSecond(key, 5), allowed(0, 5*time.Second))
	}
	for _, key := range keys {
		l.gives(perSecond(key, 1), denied(0, time.Second, 5*time.Second))
	}
}

func manyTakeNoMoreThanThereIs(l *limits) {
	rate := core.Rate{Key: "a", PerMinute: 60, Burst: 40, Cost: 1}
	l.counts(64, 40, rate)
	l.now = l.now.Add(10 * time.Second)
	l.counts(64, 10, rate)
}

// counts takes n times at once and expects so many to be allowed.
func (l *limits) counts(n, want int, rates ...core.Rate) {
	l.t.Helper()
	errs := together(n, func(int) error {
		got, err := l.Take(l.ctx, l.now, rates...)
		if err != nil {
			return err
		}
		for _, d := range got {
			if !d.Allowed {
				return core.NewError(core.CodeRateLimited, "refused")
			}
		}
		return nil
	})
	if got := codes(errs); got[""] != want || got[core.CodeRateLimited] != n-want {
		l.t.Fatalf("of %d at once: %v, want %d let in", n, got, want)
	}
}

func manyTakeAllOrNone(l *limits) {
	wide := core.Rate{Key: "wide", PerMinute: 60, Burst: 100, Cost: 1}
	l.counts(64, 30, wide, core.Rate{Key: "narrow", PerMinute: 60, Burst: 30, Cost: 1})
	wide.Cost = 0
	l.gives(wide, allowed(70, 30*time.Second))
}

// clockStepsBack: a bucket never holds more than its burst, and is never closed
// for longer than it takes to fill.
func clockStepsBack(l *limits) {
	l.gives(perSecond("empty", 5), allowed(0, 5*time.Second))
	l.gives(perSecond("used", 2), allowed(3, 2*time.Second))
	l.now = l.now.Add(-time.Hour)
	l.gives(perSecond("empty", 1), denied(0, time.Second, 5*time.Second))
	l.now = l.now.Add(time.Second) // as was said
	l.gives(perSecond("empty", 1), allowed(0, 5*time.Second))
	got := l.take(perSecond("used", 0))[0]
	if got.Remaining < 0 || got.Remaining > 5 || got.Reset > 5*time.Second {
		l.t.Fatalf("a bucket of five gave %+v", got)
	}
	l.gives(perSecond("new", 5), allowed(0, 5*time.Second))
	l.now = l.now.Add(time.Hour + 10*time.Second) // and forward again
	for _, key := range []string{"empty", "used", "new"} {
		l.gives(perSecond(key, 5), allowed(0, 5*time.Second))
		l.gives(perSecond(key, 1), denied(0, time.Second, 5*time.Second))
	}
}

// bucketFollowsItsRate has the limit changed under a bucket.
func bucketFollowsItsRate(l *limits) {
	l.gives(perSecond("a", 5), allowed(0, 5*time.Second))
	wider := core.Rate{Key: "a", PerMinute: 600, Burst: 100, Cost: 1}
	if got := l.take(wider)[0]; !got.Allowed || got.Remaining > 99 {
		l.t.Fatalf("in a bucket made wider: %+v", got)
	}
	l.now = l.now.Add(time.Minute)
	l.gives(wider, allowed(99, 100*time.Millisecond))
	narrower := core.Rate{Key: "a", PerMinute: 60, Burst: 1, Cost: 1}
	l.now = l.now.Add(time.Minute)
	l.gives(narrower, allowed(0, time.Second))
	l.gives(narrower, denied(0, time.Second, time.Second))
	l.take(core.Rate{Key: "b", PerMinute: 1, Burst: 1000, Cost: 1000})
	got := l.take(core.Rate{Key: "b", PerMinute: 60, Burst: 2, Cost: 1})[0]
	if got.Allowed || got.RetryAfter > 2*time.Second || got.Reset > 2*time.Second {
		l.t.Fatalf("in a bucket made narrower: %+v", got)
	}
}

func doneContextIsNotCharged(l *limits) {
	ctx, cancel := context.WithCancel(l.ctx)
	cancel()
	if _, err := l.Take(ctx, l.now, perSecond("a", 3)); !errors.Is(err, context.Canceled) {
		l.t.Fatalf("cancelled, it gave %v", err)
	}
	l.gives(perSecond("a", 0), allowed(5, 0))
}

func handedInStaysAsItIs(l *limits) {
	rates := []core.Rate{perSecond("a", 2), perSecond("b", 1)}
	given := slices.Clone(rates)
	got := l.take(rates...)
	if !slices.Equal(rates, given) {
		l.t.Fatalf("what was handed in is now %+v", rates)
	}
	clear(rates)
	clear(got)
	l.gives(perSecond("a", 0), allowed(3, 2*time.Second))
	l.gives(perSecond("b", 0), allowed(4, time.Second))
}
