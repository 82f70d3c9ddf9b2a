package tenancy

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

// Operator is the service for the deployment's operator: a caller without a key
// stands for the operator, and settings may go up to the hard limits, past what
// tenants may choose themselves. The rate limit keeps its ceiling, which is the
// deployment's own and holds for every tenant.
func (s *Service) Operator() *Service {
	opt := s.opt
	opt.Ceilings = Ceilings{
		MaxUsers: core.MaxQuota, MaxConversationsPerUser: core.MaxQuota, BatchSize: core.MaxBatchSize,
		RateLimitPerMinute: opt.Ceilings.RateLimitPerMinute,
	}
	return &Service{Deps: s.Deps, opt: opt}
}

// TenantIDs lists tenants by id after the one given, at most limit.
func (s *Service) TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return s.Store.TenantIDs(ctx, after, limit)
}

// Suspend refuses every key of the tenant from the return on, on other nodes
// within a second. What it holds is kept, and expires as ever. A tenant that is
// suspended already stays so, since when it was.
func (s *Service) Suspend(ctx context.Context, id core.TenantID) (core.Tenant, error) {
	now := s.Clock.Now()
	return s.setSuspension(ctx, id, &now, core.EventTenantSuspended)
}

// Resume ends a suspension; it does nothing where there is none.
func (s *Service) Resume(ctx context.Context, id core.TenantID) (core.Tenant, error) {
	return s.setSuspension(ctx, id, nil, core.EventTenantResumed)
}

func (s *Service) setSuspension(ctx context.Context, id core.TenantID, since *time.Time, kind core.EventType) (core.Tenant, error) {
	for range maxTries {
		t, err := s.trySetSuspension(ctx, id, since, kind)
		if !core.Is(err, core.CodeVersionConflict) {
			return t, err
		}
	}
	return core.Tenant{}, conflict()
}

func (s *Service) trySetSuspension(ctx context.Context, id core.TenantID, since *time.Time, kind core.EventType) (core.Tenant, error) {
	record, err := s.Store.Tenant(ctx, id)
	if err != nil {
		return core.Tenant{}, err
	}
	p, err := s.openProfile(ctx, record)
	if err != nil || (record.SuspendedAt == nil) == (since == nil) {
		return tenantOf(record, p), err
	}
	sealed, err := s.sealProfile(ctx, id, record.Version+1, p)
	if err != nil {
		return core.Tenant{}, err
	}
	defer s.Forget.ForgetSettings(id) // also after a step whose outcome is unknown
	record, err = s.Store.UpdateTenant(ctx, id, core.Op{}, core.TenantUpdate{
		Profile: sealed, Settings: record.Settings, SuspendedAt: since, IfVersion: record.Version, At: s.Clock.Now(),
		Event: s.event(id, core.Actor{}, kind, core.EventData{"tenant_id": string(id)}),
	})
	if err != nil {
		return core.Tenant{}, err
	}
	return s.openTenant(ctx, record)
}
