package observe

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type limiter struct {
	next ports.Limiter
	hooks
}

func (o limiter) Take(ctx context.Context, now time.Time, rates ...core.Rate) ([]core.RateDecision, error) {
	return get(ctx, o.hooks, Call{"Limiter", "Take"}, func(ctx context.Context) ([]core.RateDecision, error) {
		return o.next.Take(ctx, now, rates...)
	})
}
