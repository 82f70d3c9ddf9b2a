package redis

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	minute = int64(time.Minute / time.Microsecond)
	// mostDepth bounds a bucket to what a script counts exactly: together with
	// the time of day, less than 2^53 microseconds. It is some 70 years.
	mostDepth = int64(1) << 51
)

// measure is a rate in microseconds.
type measure struct {
	interval int64 // to get one; rounded up, so that no more is let in than the rate
	burst    int64
	price    int64 // of what is asked for
}

func measureOf(r core.Rate) measure {
	interval := (minute-1)/max(r.PerMinute, 1) + 1
	burst := min(max(r.Burst, 1), mostDepth/interval)
	return measure{interval: interval, burst: burst, price: interval * min(max(r.Cost, 0), burst+1)}
}

func (m measure) depth() int64 { return m.interval * m.burst }

// Take charges all rates or none. On a Cluster those of one call are a tenant's
// own ("tenant:" and its id) or none of them is.
func (s *Store) Take(ctx context.Context, now time.Time, rates ...core.Rate) ([]core.RateDecision, error) {
	if len(rates) == 0 {
		return nil, translate(ctx, ctx.Err())
	}
	keys := make([]string, 0, len(rates))
	args := []any{now.UnixMicro()}
	measures := make([]measure, 0, len(rates))
	for _, r := range rates {
		m := measureOf(r)
		measures = append(measures, m)
		keys = append(keys, rateKey(r.Key))
		args = append(args, m.interval, m.depth(), m.price)
	}
	answer, err := s.run(ctx, takeRates, keys, args...)
	if err != nil {
		return nil, err
	}
	if len(answer) != 3*len(rates) {
		return nil, fault("%d rates got %d answers", len(rates), len(answer))
	}
	decisions := make([]core.RateDecision, 0, len(rates))
	for i, m := range measures {
		reset := number(answer[3*i+2])
		decisions = append(decisions, core.RateDecision{
			Allowed: answer[3*i] == "1", Remaining: (m.depth() - reset) / m.interval,
			RetryAfter: micro(number(answer[3*i+1])), Reset: micro(reset),
		})
	}
	return decisions, nil
}

func micro(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
