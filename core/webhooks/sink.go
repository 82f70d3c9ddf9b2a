package webhooks

import (
	"context"
	"errors"
	"time"

	"github.com/raven-memory/raven/core"
)

// Name is that of the sink, as outboxes note how far it is.
func (s *Service) Name() string { return "webhooks" }

// Deliver makes deliveries of a tenant's events where the tenant has a webhook,
// once however often it is called with an event. Once it returns nil, it has
// them all.
func (s *Service) Deliver(ctx context.Context, tenant core.TenantID, events []core.Event) error {
	if !tenant.Valid() {
		return nil // the deployment's own
	}
	now := s.Clock.Now()
	var list []core.Delivery
	for _, e := range events {
		if auditOnly(e.Type) {
			continue
		}
		d, err := delivery(e, now)
		if err != nil {
			return err
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil
	}
	hook, err := s.Tenants.Webhook(ctx, tenant)
	if core.Is(err, core.CodeNotFound) {
		return s.deliverLast(ctx, tenant, events, now)
	}
	if err != nil || inactive(hook, now) != "" {
		return err
	}
	s.lanes.lead(tenant, hook.URL)
	if err := s.refuseTooMany(ctx, tenant, list, now); err != nil {
		return err
	}
	if err := s.Store.AddDeliveries(ctx, tenant, list); err != nil {
		return unlessGone(err)
	}
	s.notify()
	return nil
}

// errTooMany is why deliveries fail at once.
var errTooMany = errors.New("too many of the tenant's deliveries are pending")

// refuseTooMany has those deliveries fail that would be too many. Their events are
// in the audit log, where the numbers show the receiver that it lacks them.
func (s *Service) refuseTooMany(ctx context.Context, tenant core.TenantID, list []core.Delivery, now time.Time) error {
	pending, err := s.Store.PendingDeliveries(ctx, tenant)
	room := max(s.opt.MaxPending-pending, 0)
	if err != nil || int64(len(list)) <= room {
		return err
	}
	for i := range list[room:] {
		d := &list[room:][i]
		d.Status, d.NextAt = core.DeliveryFailed, time.Time{}
		d.Attempts = []core.DeliveryAttempt{{At: now, Error: "Too many deliveries were waiting for the receiver. GET /tenant/audit has the event."}}
	}
	if room > 0 {
		s.report(ctx, "keeping the deliveries of "+string(tenant), errTooMany)
	}
	return nil
}

// unlessGone takes what is not there any more for done.
func unlessGone(err error) error {
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	return err
}
