package webhooks

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// NewSecret makes a secret that signs the tenant's deliveries from now on, and
// says when the one before signs no more, the zero time when there was none. The
// secret is "" when an earlier run of the same operation made it: only that
// run's answer had it.
func (s *Service) NewSecret(ctx context.Context, caller core.Caller, op core.Op) (secret string, previousUntil time.Time, err error) {
	raw := make([]byte, secretBytes)
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return "", time.Time{}, fmt.Errorf("webhooks: make a secret: %w", err)
	}
	hook, err := s.Tenants.AddWebhookSecret(ctx, caller, op, raw)
	if err != nil {
		return "", time.Time{}, err
	}
	if len(hook.Secrets) > 1 {
		previousUntil = hook.Secrets[1].Until
	}
	if !bytes.Equal(hook.Secrets[0].Secret, raw) {
		return "", previousUntil, nil
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(raw), previousUntil, nil
}

// Test sends the tenant's webhook an event that is recorded nowhere; once for an
// operation, from which it has its id.
func (s *Service) Test(ctx context.Context, caller core.Caller, op core.Op) (core.Delivery, error) {
	if err := s.needURL(ctx, caller.Tenant); err != nil {
		return core.Delivery{}, err
	}
	now, id := s.Clock.Now(), s.IDs.Event()
	if op.ID != "" {
		id = core.EventID("evt_" + strings.TrimPrefix(op.ID, "op_"))
	}
	d, err := delivery(core.Event{
		ID: id, Type: core.EventWebhookTest, At: now, Tenant: caller.Tenant, Actor: caller.Actor(),
	}, now)
	if err != nil {
		return core.Delivery{}, err
	}
	if err := s.Store.AddDeliveries(ctx, caller.Tenant, []core.Delivery{d}); err != nil {
		return core.Delivery{}, err
	}
	s.notify()
	return d, nil
}

// Replay sends a delivery once more, however old it is. If that fails, it has
// failed, unless something of its schedule is left. Its webhook-id stays.
func (s *Service) Replay(ctx context.Context, caller core.Caller, id core.DeliveryID) (core.Delivery, error) {
	d, err := s.Store.Delivery(ctx, caller.Tenant, id)
	if err != nil {
		return core.Delivery{}, err
	}
	if err := s.needURL(ctx, caller.Tenant); err != nil {
		return core.Delivery{}, err
	}
	now := s.Clock.Now()
	d.Status, d.NextAt = core.DeliveryPending, now
	if n := len(d.Attempts); n > 0 {
		d.Attempts = slices.Clone(d.Attempts)
		d.Attempts[n-1].ReplayedAt = now
	}
	if err := s.Store.SaveDelivery(ctx, caller.Tenant, d); err != nil {
		return core.Delivery{}, err
	}
	s.notify()
	return d, nil
}

func (s *Service) needURL(ctx context.Context, tenant core.TenantID) error {
	hook, err := s.Tenants.Webhook(ctx, tenant)
	if err != nil {
		return err
	}
	if hook.URL == "" {
		return core.NewError(core.CodeValidation, "The tenant has no webhook_url to deliver to. Set it in the settings first.")
	}
	s.lanes.lead(tenant, hook.URL)
	return nil
}

// Log pages through the tenant's deliveries, newest first.
func (s *Service) Log(ctx context.Context, caller core.Caller, cursor string, limit int) (core.List[core.Delivery], error) {
	const list = "webhook/deliveries"
	after, err := s.Cursors.Decode(caller.Tenant, list, cursor)
	if err != nil {
		return core.List[core.Delivery]{}, err
	}
	found, err := s.Store.Deliveries(ctx, caller.Tenant, core.Page{After: after, Limit: limit + 1})
	if err != nil {
		return core.List[core.Delivery]{}, err
	}
	page := core.List[core.Delivery]{Items: found}
	if len(found) > limit {
		page.Items = found[:limit]
		page.Next = s.Cursors.Encode(caller.Tenant, list, found[limit-1].Position)
	}
	return page, nil
}
