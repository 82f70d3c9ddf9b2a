package ports

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Limiter keeps the buckets of rate limits: GCRA, the generic cell rate
// algorithm (ITU-T I.371), in integers of microseconds.
type Limiter interface {
	// Take charges all rates or, when one of them refuses, none, and returns a
	// decision for each in order. A cost above the burst is always refused. now
	// may step back; a bucket then never holds more than its burst.
	Take(ctx context.Context, now time.Time, rates ...core.Rate) ([]core.RateDecision, error)
}
