package observe

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type deliveries struct {
	next ports.Deliveries
	hooks
}

func (o deliveries) AddDeliveries(ctx context.Context, tenant core.TenantID, list []core.Delivery) error {
	return do(ctx, o.hooks, Call{"Deliveries", "AddDeliveries"}, func(ctx context.Context) error {
		return o.next.AddDeliveries(ctx, tenant, list)
	})
}

func (o deliveries) TakeDeliveries(ctx context.Context, now, until time.Time, limit, perTenant int) ([]core.DueDelivery, error) {
	return get(ctx, o.hooks, Call{"Deliveries", "TakeDeliveries"}, func(ctx context.Context) ([]core.DueDelivery, error) {
		return o.next.TakeDeliveries(ctx, now, until, limit, perTenant)
	})
}

func (o deliveries) SaveDelivery(ctx context.Context, tenant core.TenantID, d core.Delivery) error {
	return do(ctx, o.hooks, Call{"Deliveries", "SaveDelivery"}, func(ctx context.Context) error {
		return o.next.SaveDelivery(ctx, tenant, d)
	})
}

func (o deliveries) PendingDeliveries(ctx context.Context, tenant core.TenantID) (int64, error) {
	return get(ctx, o.hooks, Call{"Deliveries", "PendingDeliveries"}, func(ctx context.Context) (int64, error) {
		return o.next.PendingDeliveries(ctx, tenant)
	})
}

func (o deliveries) Delivery(ctx context.Context, tenant core.TenantID, id core.DeliveryID) (core.Delivery, error) {
	return get(ctx, o.hooks, Call{"Deliveries", "Delivery"}, func(ctx context.Context) (core.Delivery, error) {
		return o.next.Delivery(ctx, tenant, id)
	})
}

func (o deliveries) Deliveries(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.Delivery, error) {
	return get(ctx, o.hooks, Call{"Deliveries", "Deliveries"}, func(ctx context.Context) ([]core.Delivery, error) {
		return o.next.Deliveries(ctx, tenant, page)
	})
}

func (o deliveries) NextDelivery(ctx context.Context) (time.Time, error) {
	return get(ctx, o.hooks, Call{"Deliveries", "NextDelivery"}, func(ctx context.Context) (time.Time, error) {
		return o.next.NextDelivery(ctx)
	})
}

// Poster posts webhooks.
type Poster interface {
	// Post is core/webhooks' poster's.
	Post(ctx context.Context, url string, headers map[string]string, body []byte) (status int, retryAfter time.Duration, err error)
}

// NewPoster wraps what posts webhooks, as the port "Webhooks".
func NewPoster(next Poster, list ...Hook) Poster { return poster{next, newHooks(list)} }

type poster struct {
	next Poster
	hooks
}

// Post tells the hooks of an answer that is no success as of an error.
func (o poster) Post(ctx context.Context, url string, headers map[string]string, body []byte) (status int, retryAfter time.Duration, err error) {
	call := Call{"Webhooks", "Post"}
	ctx, began := o.begin(ctx, call)
	if err = o.before(ctx, call); err == nil {
		status, retryAfter, err = o.next.Post(ctx, url, headers, body)
		err = o.after(ctx, call, err)
	}
	told := err
	if err == nil && status/100 != 2 {
		told = statusError(status)
	}
	o.end(ctx, call, began, told)
	return status, retryAfter, err
}
