package webhooks

import (
	"context"
	"encoding/json"
	"time"

	"github.com/raven-memory/raven/core"
)

// former is the body of a delivery of the deployment: what a tenant that is gone is
// told, and where, which nothing else tells any more. With the delivery it goes.
type former struct {
	Tenant  core.TenantID   `json:"tenant"`
	Webhook []byte          `json:"webhook"` // sealed
	Body    json.RawMessage `json:"body"`
}

// deliverLast makes the delivery of the event that a tenant was deleted.
func (s *Service) deliverLast(ctx context.Context, tenant core.TenantID, events []core.Event, now time.Time) error {
	var list []core.Delivery
	for _, e := range events {
		if len(e.Webhook) == 0 {
			continue
		}
		d, err := delivery(e, now)
		if err == nil {
			d.Body, err = json.Marshal(former{Tenant: tenant, Webhook: e.Webhook, Body: d.Body})
		}
		if err != nil {
			return err
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil
	}
	if err := s.refuseTooMany(ctx, core.DeploymentTenant, list, now); err != nil {
		return err
	}
	if err := s.Store.AddDeliveries(ctx, core.DeploymentTenant, list); err != nil {
		return err
	}
	s.notify()
	return nil
}

// job is a delivery that this process holds until its lease ends.
type job struct {
	core.DueDelivery
	until  time.Time
	former former // of a tenant that is gone
}

func newJob(d core.DueDelivery, until time.Time) job {
	j := job{DueDelivery: d, until: until}
	if d.Tenant == core.DeploymentTenant {
		_ = json.Unmarshal(d.Body, &j.former) // without a tenant, it will not open
	}
	return j
}

// lane is whose receiver it is for.
func (j job) lane() core.TenantID {
	if j.Tenant == core.DeploymentTenant {
		return j.former.Tenant
	}
	return j.Tenant
}

// body is what is sent.
func (j job) body() []byte {
	if j.Tenant == core.DeploymentTenant {
		return j.former.Body
	}
	return j.Body
}

// webhook is where a job goes.
func (s *Service) webhook(ctx context.Context, j job) (core.Webhook, error) {
	if j.Tenant == core.DeploymentTenant {
		return s.Tenants.FormerWebhook(ctx, j.former.Tenant, j.Event, j.former.Webhook)
	}
	return s.Tenants.Webhook(ctx, j.Tenant)
}
