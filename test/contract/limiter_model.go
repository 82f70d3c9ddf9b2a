package contract

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raven-memory/raven/core"
)

// interval is how long a bucket takes to get one, where that is whole
// microseconds.
func interval(r core.Rate) time.Duration { return time.Minute / time.Duration(r.PerMinute) }

// tokens is a bucket as one would explain it: it drips, up to its burst, and
// what is in it is taken out. Its content is kept as the time that it takes to
// drip.
type tokens struct {
	content time.Duration
	at      time.Time
}

func (b *tokens) drip(now time.Time, r core.Rate) {
	b.content = min(b.content+now.Sub(b.at), time.Duration(r.Burst)*interval(r))
	b.at = now
}

func (b *tokens) decide(r core.Rate, ok bool) core.RateDecision {
	d := core.RateDecision{
		Allowed:   ok,
		Remaining: int64(b.content / interval(r)),
		Reset:     time.Duration(r.Burst)*interval(r) - b.content,
	}
	if !ok {
		d.RetryAfter = time.Duration(r.Cost)*interval(r) - b.content
	}
	return d
}

// agreesWithATokenBucket compares every decision with that of plain buckets,
// over any requests at any times that do not step back.
func agreesWithATokenBucket(t *testing.T, l *limits) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		at := &limits{Limiter: l.Limiter, t: rt, ctx: l.ctx, now: l.now}
		kinds := []core.Rate{
			{Key: "slow", PerMinute: 1, Burst: 3},
			{Key: "usual", PerMinute: 6000, Burst: 6000},
			{Key: "quick", PerMinute: core.MaxRatePerMinute, Burst: 50},
			{Key: "single", PerMinute: 60, Burst: 1},
		}
		buckets := make([]*tokens, len(kinds))
		for i, r := range kinds {
			kinds[i].Key = fmt.Sprint(r.Key, run)
			buckets[i] = &tokens{content: time.Duration(r.Burst) * interval(r), at: at.now}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "requests") {
			pause := rapid.SampledFrom([]int64{0, 0, 1, 50, 1000, 1e6, 7e6, 90e6}).Draw(rt, "pause")
			at.now = at.now.Add(time.Duration(pause) * time.Microsecond)
			var rates []core.Rate
			var of []*tokens
			for i, r := range kinds {
				if rapid.Bool().Draw(rt, "with "+r.Key) {
					r.Cost = rapid.Int64Range(0, min(r.Burst, 60)).Draw(rt, "cost")
					rates, of = append(rates, r), append(of, buckets[i])
				}
			}
			at.agree(rates, of)
		}
	})
}

func (l *limits) agree(rates []core.Rate, buckets []*tokens) {
	l.t.Helper()
	all := true
	fits := make([]bool, len(rates))
	for i, r := range rates {
		buckets[i].drip(l.now, r)
		fits[i] = buckets[i].content >= time.Duration(r.Cost)*interval(r)
		all = all && fits[i]
	}
	got := l.take(rates...)
	for i, r := range rates {
		if all {
			buckets[i].content -= time.Duration(r.Cost) * interval(r)
		}
		if want := buckets[i].decide(r, fits[i]); got[i] != want {
			l.t.Fatalf("%+v gave %+v, want %+v", r, got[i], want)
		}
	}
}

// admitsNoMoreThanItsRate takes rates that are no whole number of microseconds
// and a clock that may step back: in no stretch of time is more let in than the
// burst and what came in since, and who waits as told is let in.
func admitsNoMoreThanItsRate(t *testing.T, l *limits) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		at := &limits{Limiter: l.Limiter, t: rt, ctx: l.ctx, now: l.now}
		rate := core.Rate{
			Key:       fmt.Sprint("any", run),
			PerMinute: rapid.Int64Range(1, core.MaxRatePerMinute).Draw(rt, "per minute"),
			Burst:     rapid.Int64Range(1, 1000).Draw(rt, "burst"),
		}
		var admitted []admission
		for range rapid.IntRange(1, 60).Draw(rt, "requests") {
			pause := rapid.SampledFrom([]int64{0, 1, 50, 1000, 1e6, 60e6}).Draw(rt, "pause")
			at.now = at.now.Add(time.Duration(pause) * time.Microsecond)
			rate.Cost = rapid.Int64Range(1, rate.Burst).Draw(rt, "cost")
			got := at.take(rate)[0]
			if !got.Allowed {
				at.now = at.now.Add(got.RetryAfter)
				if got = at.take(rate)[0]; !got.Allowed {
					rt.Fatalf("%+v was refused after it had waited as told: %+v", rate, got)
				}
			}
			admitted = append(admitted, admission{at.now, rate.Cost})
			if got.Remaining < 0 || got.Remaining > rate.Burst-rate.Cost {
				rt.Fatalf("%+v left %+v", rate, got)
			}
		}
		withinRate(rt, rate, admitted)
		at.now = at.now.Add(-time.Duration(rapid.Int64Range(1, 1e12).Draw(rt, "step back")) * time.Microsecond)
		if got := at.take(rate)[0]; got.Remaining > rate.Burst || got.RetryAfter > got.Reset {
			rt.Fatalf("after a step back, %+v gave %+v", rate, got)
		}
	})
}

type admission struct {
	at   time.Time
	cost int64
}

func withinRate(rt *rapid.T, rate core.Rate, admitted []admission) {
	for i := range admitted {
		sum := int64(0)
		for _, a := range admitted[i:] {
			sum += a.cost
			since := a.at.Sub(admitted[i].at).Minutes()
			if most := float64(rate.Burst) + since*float64(rate.PerMinute); float64(sum) > most+1e-6 {
				rt.Fatalf("%+v let %d in within %v minutes", rate, sum, since)
			}
		}
	}
}
