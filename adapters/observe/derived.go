package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type derived struct {
	next ports.Derived
	hooks
}

func (o derived) PutDerived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID) error {
	return do(ctx, o.hooks, Call{"Derived", "PutDerived"}, func(ctx context.Context) error {
		return o.next.PutDerived(ctx, tenant, user, kind, add, replaces)
	})
}

func (o derived) Derived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, page core.Page, payload bool) ([]core.DerivedRecord, error) {
	return get(ctx, o.hooks, Call{"Derived", "Derived"}, func(ctx context.Context) ([]core.DerivedRecord, error) {
		return o.next.Derived(ctx, tenant, user, kind, page, payload)
	})
}
