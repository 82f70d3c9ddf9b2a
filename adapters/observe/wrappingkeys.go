package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// NewPlatformKeys wraps the deployment's own wrapping keys.
func NewPlatformKeys(next ports.PlatformKeys, list ...Hook) ports.PlatformKeys {
	return platformKeys{wrappingKeys{next, "PlatformKeys", newHooks(list)}, next}
}

// NewWrappingKeys wraps wrapping keys that are called port. What has names for
// tenants' keys still has them.
func NewWrappingKeys(port string, next ports.WrappingKeys, list ...Hook) ports.WrappingKeys {
	wrapped := wrappingKeys{next, port, newHooks(list)}
	if namer, ok := next.(keyNamer); ok {
		return namedKeys{wrapped, namer}
	}
	return wrapped
}

type keyNamer interface {
	KeyName(tenant core.TenantID) string
}

type namedKeys struct {
	wrappingKeys
	keyNamer
}

type platformKeys struct {
	wrappingKeys
	platform ports.PlatformKeys
}

func (o platformKeys) Wrap(ctx context.Context, tenant core.TenantID, version uint32, plain []byte) (wrapped []byte, err error) {
	return get(ctx, o.hooks, Call{o.port, "Wrap"}, func(ctx context.Context) ([]byte, error) {
		return o.platform.Wrap(ctx, tenant, version, plain)
	})
}

type wrappingKeys struct {
	next ports.WrappingKeys
	port string
	hooks
}

func (o wrappingKeys) Provider() string { return o.next.Provider() }

func (o wrappingKeys) NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error) {
	return get2(ctx, o.hooks, Call{o.port, "NewDataKey"}, func(ctx context.Context) ([]byte, []byte, error) {
		return o.next.NewDataKey(ctx, tenant, version)
	})
}

func (o wrappingKeys) Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) (plain []byte, err error) {
	return get(ctx, o.hooks, Call{o.port, "Unwrap"}, func(ctx context.Context) ([]byte, error) {
		return o.next.Unwrap(ctx, tenant, version, wrapped)
	})
}

func (o wrappingKeys) Rewrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	return get(ctx, o.hooks, Call{o.port, "Rewrap"}, func(ctx context.Context) ([]byte, error) {
		return o.next.Rewrap(ctx, tenant, version, wrapped)
	})
}

func (o wrappingKeys) WrappedBy(wrapped []byte) uint32 { return o.next.WrappedBy(wrapped) }

func (o wrappingKeys) Health(ctx context.Context) error {
	return do(ctx, o.hooks, Call{o.port, "Health"}, func(ctx context.Context) error {
		return o.next.Health(ctx)
	})
}
