package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type dataKeys struct {
	next ports.DataKeys
	hooks
}

func (o dataKeys) DataKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	return get(ctx, o.hooks, Call{"DataKeys", "DataKeys"}, func(ctx context.Context) ([]core.WrappedKey, error) {
		return o.next.DataKeys(ctx, tenant)
	})
}

func (o dataKeys) InitDeployment(ctx context.Context, d core.Deployment) (core.Deployment, error) {
	return get(ctx, o.hooks, Call{"DataKeys", "InitDeployment"}, func(ctx context.Context) (core.Deployment, error) {
		return o.next.InitDeployment(ctx, d)
	})
}

func (o dataKeys) Deployment(ctx context.Context) (core.Deployment, error) {
	return get(ctx, o.hooks, Call{"DataKeys", "Deployment"}, func(ctx context.Context) (core.Deployment, error) {
		return o.next.Deployment(ctx)
	})
}

func (o dataKeys) AddKeyChecks(ctx context.Context, checks map[uint32]string) error {
	return do(ctx, o.hooks, Call{"DataKeys", "AddKeyChecks"}, func(ctx context.Context) error {
		return o.next.AddKeyChecks(ctx, checks)
	})
}

type keyRotation struct {
	next ports.KeyRotation
	hooks
}

func (o keyRotation) AddDataKey(ctx context.Context, tenant core.TenantID, op core.Op, a core.DataKeyAddition) error {
	return do(ctx, o.hooks, Call{"KeyRotation", "AddDataKey"}, func(ctx context.Context) error {
		return o.next.AddDataKey(ctx, tenant, op, a)
	})
}

func (o keyRotation) RewrapDataKey(ctx context.Context, tenant core.TenantID, was, now core.WrappedKey) error {
	return do(ctx, o.hooks, Call{"KeyRotation", "RewrapDataKey"}, func(ctx context.Context) error {
		return o.next.RewrapDataKey(ctx, tenant, was, now)
	})
}

func (o keyRotation) DestroyDataKey(ctx context.Context, tenant core.TenantID, version uint32) error {
	return do(ctx, o.hooks, Call{"KeyRotation", "DestroyDataKey"}, func(ctx context.Context) error {
		return o.next.DestroyDataKey(ctx, tenant, version)
	})
}

func (o keyRotation) Reseal(ctx context.Context, tenant core.TenantID, list []core.Resealed) (done int, err error) {
	return get(ctx, o.hooks, Call{"KeyRotation", "Reseal"}, func(ctx context.Context) (int, error) {
		return o.next.Reseal(ctx, tenant, list)
	})
}

func (o keyRotation) Reencryption(ctx context.Context, tenant core.TenantID) (core.Reencryption, error) {
	return get(ctx, o.hooks, Call{"KeyRotation", "Reencryption"}, func(ctx context.Context) (core.Reencryption, error) {
		return o.next.Reencryption(ctx, tenant)
	})
}

func (o keyRotation) SetReencryption(ctx context.Context, tenant core.TenantID, r core.Reencryption) error {
	return do(ctx, o.hooks, Call{"KeyRotation", "SetReencryption"}, func(ctx context.Context) error {
		return o.next.SetReencryption(ctx, tenant, r)
	})
}

func (o keyRotation) Rotating(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return get(ctx, o.hooks, Call{"KeyRotation", "Rotating"}, func(ctx context.Context) ([]core.TenantID, error) {
		return o.next.Rotating(ctx, after, limit)
	})
}
