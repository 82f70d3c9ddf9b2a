package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type tenants struct {
	next ports.Tenants
	hooks
}

func (o tenants) CreateTenant(ctx context.Context, op core.Op, t core.NewTenant) (core.TenantRecord, error) {
	return get(ctx, o.hooks, Call{"Tenants", "CreateTenant"}, func(ctx context.Context) (core.TenantRecord, error) {
		return o.next.CreateTenant(ctx, op, t)
	})
}

func (o tenants) Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error) {
	return get(ctx, o.hooks, Call{"Tenants", "Tenant"}, func(ctx context.Context) (core.TenantRecord, error) {
		return o.next.Tenant(ctx, id)
	})
}

func (o tenants) UpdateTenant(ctx context.Context, id core.TenantID, op core.Op, u core.TenantUpdate) (core.TenantRecord, error) {
	return get(ctx, o.hooks, Call{"Tenants", "UpdateTenant"}, func(ctx context.Context) (core.TenantRecord, error) {
		return o.next.UpdateTenant(ctx, id, op, u)
	})
}

func (o tenants) DeleteTenant(ctx context.Context, id core.TenantID, op core.Op, event core.Event) error {
	return do(ctx, o.hooks, Call{"Tenants", "DeleteTenant"}, func(ctx context.Context) error {
		return o.next.DeleteTenant(ctx, id, op, event)
	})
}

func (o tenants) PurgeTenants(ctx context.Context, limit int) (done bool, err error) {
	return get(ctx, o.hooks, Call{"Tenants", "PurgeTenants"}, func(ctx context.Context) (bool, error) {
		return o.next.PurgeTenants(ctx, limit)
	})
}

func (o tenants) TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return get(ctx, o.hooks, Call{"Tenants", "TenantIDs"}, func(ctx context.Context) ([]core.TenantID, error) {
		return o.next.TenantIDs(ctx, after, limit)
	})
}

func (o tenants) Usage(ctx context.Context, id core.TenantID) (core.Usage, error) {
	return get(ctx, o.hooks, Call{"Tenants", "Usage"}, func(ctx context.Context) (core.Usage, error) {
		return o.next.Usage(ctx, id)
	})
}
