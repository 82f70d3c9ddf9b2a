package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Tenants keeps tenants.
type Tenants interface {
	// CreateTenant writes the tenant, its data keys, its first API key and the
	// events. CodeEmailTaken when a tenant that is not deleted has the EmailKey.
	CreateTenant(ctx context.Context, op core.Op, t core.NewTenant) (core.TenantRecord, error)

	// Tenant returns one.
	Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error)

	// UpdateTenant replaces profile, settings and suspension; CodeVersionConflict
	// when the version is not IfVersion any more. Quotas and retention act from
	// the return on. A suspended tenant is there like any other: who authenticates
	// its keys refuses them.
	UpdateTenant(ctx context.Context, id core.TenantID, op core.Op, u core.TenantUpdate) (core.TenantRecord, error)

	// DeleteTenant destroys the tenant's wrapped data keys and API keys, frees
	// its email and records the event. From the return on the tenant does not
	// exist; what it held is unreadable and is removed by PurgeTenants. The
	// event's Webhook stays with the event in the outbox.
	DeleteTenant(ctx context.Context, id core.TenantID, op core.Op, event core.Event) error

	// PurgeTenants removes at most about limit rows of what deleted tenants
	// left, all but their events, and reports whether nothing more is left.
	PurgeTenants(ctx context.Context, limit int) (done bool, err error)

	// TenantIDs lists tenants that are not deleted, ascending, after the one
	// given ("" to start), at most limit.
	TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)

	// Usage counts what the tenant has, exactly, in time that does not grow
	// with it.
	Usage(ctx context.Context, id core.TenantID) (core.Usage, error)
}
