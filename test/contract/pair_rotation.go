package contract

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

func (p *pair) AddDataKey(ctx context.Context, tenant core.TenantID, op core.Op, a core.DataKeyAddition) error {
	return p.both("AddDataKey", func(s Store) error { return s.AddDataKey(ctx, tenant, op, a) })
}

func (p *pair) RewrapDataKey(ctx context.Context, tenant core.TenantID, was, now core.WrappedKey) error {
	return p.both("RewrapDataKey", func(s Store) error { return s.RewrapDataKey(ctx, tenant, was, now) })
}

func (p *pair) DestroyDataKey(ctx context.Context, tenant core.TenantID, version uint32) error {
	return p.both("DestroyDataKey", func(s Store) error { return s.DestroyDataKey(ctx, tenant, version) })
}

func (p *pair) Reseal(ctx context.Context, tenant core.TenantID, list []core.Resealed) (int, error) {
	return twice(p, "Reseal", func(s Store) (int, error) { return s.Reseal(ctx, tenant, list) })
}

func (p *pair) Reencryption(ctx context.Context, tenant core.TenantID) (core.Reencryption, error) {
	return twice(p, "Reencryption", func(s Store) (core.Reencryption, error) { return s.Reencryption(ctx, tenant) })
}

func (p *pair) SetReencryption(ctx context.Context, tenant core.TenantID, r core.Reencryption) error {
	return p.both("SetReencryption", func(s Store) error { return s.SetReencryption(ctx, tenant, r) })
}

// Rotating may list others too; these two do not.
func (p *pair) Rotating(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return twice(p, "Rotating", func(s Store) ([]core.TenantID, error) { return s.Rotating(ctx, after, limit) })
}

func (p *pair) Lease(ctx context.Context, tenant core.TenantID, work, holder string, now, until time.Time) (bool, error) {
	return twice(p, "Lease", func(s Store) (bool, error) { return s.Lease(ctx, tenant, work, holder, now, until) })
}

func (p *pair) EndLease(ctx context.Context, tenant core.TenantID, work, holder string) error {
	return p.both("EndLease", func(s Store) error { return s.EndLease(ctx, tenant, work, holder) })
}
