package webhooks

import (
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	defaultMaxPending = 100_000
	defaultTimeout    = 15 * time.Second
	defaultPause      = 5 * time.Second
	// leaseMargin is how much longer than the timeout a delivery is held: it may
	// wait for its turn, and its outcome must be saved.
	leaseMargin = 10 * time.Second
	// saveMargin is what of it is kept for saving.
	saveMargin = 2 * time.Second
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
	// maxAttempts bounds the attempts that the log of a delivery shows.
	maxAttempts = 20
)

// defaultSchedule is the one that Standard Webhooks recommends.
var defaultSchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// spread moves a duration by up to a fifth, so that what failed together is not
// tried again together.
func (s *Service) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*s.Chance()))
}

// lease is how long a delivery that was taken is nobody else's.
func (s *Service) lease() time.Duration { return s.opt.Timeout + leaseMargin }

// life is how long after its event a delivery is still tried, also where it is
// put off because its receiver is left alone: a bit longer than the schedule is.
// One that is to be replayed may be put off for as long again.
func (s *Service) life() time.Duration {
	total := time.Hour
	for _, d := range s.opt.Schedule {
		total += d + d/5
	}
	return total
}

// waitsSince is from when on a delivery's life counts while it is put off: its
// event, or a replay that was not tried yet.
func waitsSince(d core.Delivery) time.Time {
	if n := len(d.Attempts); n > 0 && !d.Attempts[n-1].ReplayedAt.IsZero() {
		return d.Attempts[n-1].ReplayedAt
	}
	return d.CreatedAt
}

// settle notes an attempt and what follows from it.
func (s *Service) settle(d *core.Delivery, a core.DeliveryAttempt, retryAfter time.Duration) {
	d.Attempts = append(d.Attempts[:len(d.Attempts):len(d.Attempts)], a)
	tries := len(d.Attempts)
	if tries > maxAttempts {
		d.Attempts = d.Attempts[tries-maxAttempts:]
	}
	d.NextAt = time.Time{}
	switch {
	case a.Error == "":
		d.Status = core.DeliveryDelivered
		return
	case a.Status == statusGone || tries >= len(s.opt.Schedule):
		d.Status = core.DeliveryFailed
		return
	}
	wait := max(s.spread(s.opt.Schedule[tries]), min(retryAfter, maxRetryAfter))
	if next := a.At.Add(a.Duration + wait); next.Sub(d.CreatedAt) <= s.life() {
		d.Status, d.NextAt = core.DeliveryPending, next
	} else {
		d.Status = core.DeliveryFailed
	}
}
