package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	statusGone = 410
	// pace is the shortest time between looks for what is due, unless something
	// new came or a lane ran empty.
	pace = 250 * time.Millisecond
	// saveTimeout bounds the noting of an outcome.
	saveTimeout = 5 * time.Second
)

// Send takes the deliveries that are due and sends them in the background. It
// returns when to call it again at the latest, the zero time when nothing is
// known to become due; Woken says when to call it earlier. One goroutine calls
// it. When ctx ends, what is under way is broken off and put back.
func (s *Service) Send(ctx context.Context) (time.Time, error) {
	now := s.Clock.Now()
	if s.notBefore.After(now) {
		return s.notBefore, nil
	}
	soon := now.Add(pace)
	room := s.lanes.room()
	if room <= 0 {
		return soon, nil
	}
	until := now.Add(s.lease())
	due, err := s.Store.TakeDeliveries(ctx, now, until, room, maxTaken)
	if err != nil {
		return time.Time{}, err
	}
	held := 0
	for _, d := range due {
		if s.offer(ctx, newJob(d, until)) {
			held++
		}
	}
	if held < len(due)-held {
		s.notBefore = soon // most can't be sent now; do not turn them over all the time
	}
	if len(due) > 0 {
		return soon, nil
	}
	s.lanes.sweep(now)
	next, err := s.Store.NextDelivery(ctx)
	if !next.IsZero() && next.Before(soon) {
		next = soon
	}
	return next, err
}

// Wait returns when nothing that Send started is under way.
func (s *Service) Wait() { s.running.Wait() }

// offer starts a job, or lets it wait, or puts it back: then it is false.
func (s *Service) offer(ctx context.Context, j job) bool {
	now := s.Clock.Now()
	start, back := s.lanes.offer(j, now)
	if start {
		s.start(ctx, j)
	}
	if back.IsZero() {
		return true
	}
	s.putBack(ctx, j, back)
	return false
}

func (s *Service) start(ctx context.Context, j job) {
	s.running.Go(func() {
		r, leave := s.send(ctx, j)
		now := s.Clock.Now()
		start, back, until, more := s.lanes.done(j.lane(), r, leave, now)
		for _, next := range start {
			s.start(ctx, next)
		}
		for _, next := range back {
			s.putBack(ctx, next, until)
		}
		if more {
			s.notify()
		}
	})
}

// send makes one attempt. leave is until when the receiver asks to be left alone.
func (s *Service) send(ctx context.Context, j job) (r result, leave time.Time) {
	now := s.Clock.Now()
	switch {
	case ctx.Err() != nil:
		s.putBack(ctx, j, now)
		return resultNone, time.Time{}
	case now.Add(s.opt.Timeout + saveMargin).After(j.until):
		return resultNone, time.Time{} // it waited too long; whoever takes it next sends it
	}
	hook, err := s.webhook(ctx, j)
	if err != nil {
		s.report(ctx, "finding a webhook", unlessGone(err))
		if j.Tenant == core.DeploymentTenant {
			s.putBack(ctx, j, now.Add(maxPause)) // nobody else would end it
		}
		return resultNone, time.Time{}
	}
	if why := inactive(hook, now); why != "" {
		s.giveUp(ctx, j, why)
		return resultNone, time.Time{}
	}
	s.lanes.lead(j.lane(), hook.URL)
	a, retryAfter := s.attempt(ctx, hook, j, now)
	if ctx.Err() != nil {
		s.putBack(ctx, j, now)
		return resultNone, time.Time{}
	}
	if a.Status == statusGone {
		s.report(ctx, "disabling a webhook", unlessGone(s.Tenants.DisableWebhook(ctx, j.lane(), hook.URL)))
	}
	d := j.Delivery
	s.settle(&d, a, retryAfter)
	s.save(ctx, j.Tenant, d)
	switch {
	case a.Error == "":
		return resultGood, time.Time{}
	case retryAfter > 0:
		leave = now.Add(a.Duration + retryAfter)
	}
	return resultBad, leave
}

func (s *Service) attempt(ctx context.Context, hook core.Webhook, j job, now time.Time) (core.DeliveryAttempt, time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	status, retryAfter, err := s.Post.Post(ctx, hook.URL, headers(j.Event, signing(hook, now), j.body(), now), j.body())
	return core.DeliveryAttempt{
		At: now, Status: status, Error: reason(status, err), Duration: s.Clock.Now().Sub(now),
	}, retryAfter
}

// reason says why an attempt failed, "" when it did not.
func reason(status int, err error) string {
	var e *core.Error
	switch {
	case errors.As(err, &e):
		return e.Message
	case err != nil:
		return "The receiver could not be reached."
	case status >= 200 && status < 300:
		return ""
	case status >= 300 && status < 400:
		return fmt.Sprintf("The receiver answered %d; redirects are not followed.", status)
	case status == statusGone:
		return "The receiver answered 410, which ends deliveries until webhook_url is set again."
	default:
		return fmt.Sprintf("The receiver answered %d.", status)
	}
}

// putBack lets a delivery wait until a time or a little later, unless it waited
// for too long.
func (s *Service) putBack(ctx context.Context, j job, until time.Time) {
	now := s.Clock.Now()
	if now.Sub(waitsSince(j.Delivery)) > s.life() && until.After(now) {
		s.giveUp(ctx, j, "The receiver only failed for as long as deliveries are tried.")
		return
	}
	later := time.Duration(float64(max(until.Sub(now), 0)) / 5 * s.Chance())
	d := j.Delivery
	d.NextAt = until.Add(later)
	s.save(ctx, j.Tenant, d)
}

// giveUp ends a delivery without an attempt.
func (s *Service) giveUp(ctx context.Context, j job, why string) {
	d := j.Delivery
	s.settle(&d, core.DeliveryAttempt{At: s.Clock.Now(), Error: why}, 0)
	d.Status, d.NextAt = core.DeliveryFailed, time.Time{}
	s.save(ctx, j.Tenant, d)
}

// save notes what became of a delivery. If it can't, the delivery is made again
// once its lease ends.
func (s *Service) save(ctx context.Context, tenant core.TenantID, d core.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	s.report(ctx, "noting the outcome of a delivery", unlessGone(s.Store.SaveDelivery(ctx, tenant, d)))
}

func (s *Service) report(ctx context.Context, doing string, err error) {
	if err != nil && ctx.Err() == nil {
		s.Report(ctx, doing, err)
	}
}
