package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type apiKeys struct {
	next ports.APIKeys
	hooks
}

func (o apiKeys) FindAPIKey(ctx context.Context, hash core.KeyHash) (core.KeyRecord, core.TenantRecord, error) {
	return get2(ctx, o.hooks, Call{"APIKeys", "FindAPIKey"}, func(ctx context.Context) (core.KeyRecord, core.TenantRecord, error) {
		return o.next.FindAPIKey(ctx, hash)
	})
}

func (o apiKeys) APIKeys(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.KeyRecord, error) {
	return get(ctx, o.hooks, Call{"APIKeys", "APIKeys"}, func(ctx context.Context) ([]core.KeyRecord, error) {
		return o.next.APIKeys(ctx, tenant, page)
	})
}

func (o apiKeys) CreateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, key core.KeyRecord, event core.Event) (core.KeyRecord, error) {
	return get(ctx, o.hooks, Call{"APIKeys", "CreateAPIKey"}, func(ctx context.Context) (core.KeyRecord, error) {
		return o.next.CreateAPIKey(ctx, tenant, op, key, event)
	})
}

func (o apiKeys) RotateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, r core.KeyRotation) (core.KeyRecord, error) {
	return get(ctx, o.hooks, Call{"APIKeys", "RotateAPIKey"}, func(ctx context.Context) (core.KeyRecord, error) {
		return o.next.RotateAPIKey(ctx, tenant, op, r)
	})
}

func (o apiKeys) RevokeAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, id core.KeyID, event core.Event) error {
	return do(ctx, o.hooks, Call{"APIKeys", "RevokeAPIKey"}, func(ctx context.Context) error {
		return o.next.RevokeAPIKey(ctx, tenant, op, id, event)
	})
}

func (o apiKeys) TouchAPIKeys(ctx context.Context, uses []core.KeyUse) error {
	return do(ctx, o.hooks, Call{"APIKeys", "TouchAPIKeys"}, func(ctx context.Context) error {
		return o.next.TouchAPIKeys(ctx, uses)
	})
}
