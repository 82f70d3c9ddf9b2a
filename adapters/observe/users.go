package observe

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type users struct {
	next ports.Users
	hooks
}

func (o users) CreateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.NewUser) (core.UserRecord, error) {
	return get(ctx, o.hooks, Call{"Users", "CreateUser"}, func(ctx context.Context) (core.UserRecord, error) {
		return o.next.CreateUser(ctx, tenant, op, u)
	})
}

func (o users) User(ctx context.Context, tenant core.TenantID, id core.UserID) (core.UserRecord, error) {
	return get(ctx, o.hooks, Call{"Users", "User"}, func(ctx context.Context) (core.UserRecord, error) {
		return o.next.User(ctx, tenant, id)
	})
}

func (o users) UserByRef(ctx context.Context, tenant core.TenantID, refKey string) (core.UserRecord, error) {
	return get(ctx, o.hooks, Call{"Users", "UserByRef"}, func(ctx context.Context) (core.UserRecord, error) {
		return o.next.UserByRef(ctx, tenant, refKey)
	})
}

func (o users) Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error) {
	return get(ctx, o.hooks, Call{"Users", "Users"}, func(ctx context.Context) ([]core.UserRecord, error) {
		return o.next.Users(ctx, tenant, page)
	})
}

func (o users) UpdateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.UserUpdate) (core.UserRecord, error) {
	return get(ctx, o.hooks, Call{"Users", "UpdateUser"}, func(ctx context.Context) (core.UserRecord, error) {
		return o.next.UpdateUser(ctx, tenant, op, u)
	})
}

func (o users) DeleteUser(ctx context.Context, tenant core.TenantID, op core.Op, id core.UserID, event core.Event) error {
	return do(ctx, o.hooks, Call{"Users", "DeleteUser"}, func(ctx context.Context) error {
		return o.next.DeleteUser(ctx, tenant, op, id, event)
	})
}
