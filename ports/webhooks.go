package ports

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Deliveries keeps the deliveries of webhooks: a queue and a log in one. Those of
// tenants that are gone are core.DeploymentTenant's, and go when they end.
type Deliveries interface {
	// AddDeliveries adds deliveries; those whose id is there already are passed
	// over. CodeNotFound when the tenant does not exist.
	AddDeliveries(ctx context.Context, tenant core.TenantID, list []core.Delivery) error

	// TakeDeliveries takes pending deliveries of any tenant whose NextAt is not
	// after now, the longest due first, at most limit and at most perTenant of
	// one tenant: their NextAt becomes until, so that nobody else takes them
	// before, and somebody does after if their sender died. When idle, it costs
	// about nothing, however many tenants there are.
	TakeDeliveries(ctx context.Context, now, until time.Time, limit, perTenant int) ([]core.DueDelivery, error)

	// SaveDelivery replaces Status, Attempts and NextAt of a delivery;
	// CodeNotFound when it is gone.
	SaveDelivery(ctx context.Context, tenant core.TenantID, d core.Delivery) error

	// PendingDeliveries counts the tenant's that are pending; 0 when it does not
	// exist.
	PendingDeliveries(ctx context.Context, tenant core.TenantID) (int64, error)

	// Delivery returns one.
	Delivery(ctx context.Context, tenant core.TenantID, id core.DeliveryID) (core.Delivery, error)

	// Deliveries lists the tenant's, newest first: those with a Position before
	// page.After, 0 for the newest.
	Deliveries(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.Delivery, error)

	// NextDelivery is when the next pending delivery of any tenant is due, at
	// the latest; the zero time when none is known.
	NextDelivery(ctx context.Context) (time.Time, error)
}
