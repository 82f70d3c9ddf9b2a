package webhooks

import (
	"context"

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
	if err != nil || inactive(hook, now) != "" {
		return unlessGone(err)
	}
	s.lanes.lead(tenant, hook.URL)
	if err := s.Store.AddDeliveries(ctx, tenant, list); err != nil {
		return unlessGone(err)
	}
	s.notify()
	return nil
}

// unlessGone takes what is not there any more for done.
func unlessGone(err error) error {
	if core.Is(err, core.CodeNotFound) {
		return nil
	}
	return err
}
