// Package quotas decides whether a request may be served now. Hard capacities
// (users, conversations) are not here: they are part of the step that uses
// them up, so that no race can exceed them.
package quotas

import (
	"context"
	"net/netip"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Options are the operator's limits, in requests a minute with a burst of one
// minute's worth; 0 is none.
type Options struct {
	PerTenant       int64 // a tenant may only lower it for itself
	Unauthenticated int64 // per client address, for requests without a valid key
}

// Service is safe for concurrent use.
type Service struct {
	tenants   ports.Limiter
	addresses ports.Limiter
	clock     ports.Clock
	opt       Options
}

// New makes the service. Tenants are limited over all processes that share
// tenants' limiter. Addresses are limited by each process for itself, so that a
// flood of bad keys, and a good key, cost no round trip for it.
func New(tenants, addresses ports.Limiter, clock ports.Clock, opt Options) *Service {
	return &Service{tenants: tenants, addresses: addresses, clock: clock, opt: opt}
}

// Decision is the state of a rate limit after a request. Limited is false
// where there is none, and then the rest is zero.
type Decision struct {
	Limited bool
	Policy  string // the policy's name
	Limit   int64  // a minute
	core.RateDecision
}

// Tenant charges one request to the caller's tenant. It fails with
// CodeRateLimited, with the decision beside it.
func (s *Service) Tenant(ctx context.Context, caller core.Caller) (Decision, error) {
	return s.take(ctx, s.tenants, "tenant", "tenant:"+string(caller.Tenant), s.Limit(caller), 1)
}

// Look is the state of the caller's limit without charging it.
func (s *Service) Look(ctx context.Context, caller core.Caller) (Decision, error) {
	return s.take(ctx, s.tenants, "tenant", "tenant:"+string(caller.Tenant), s.Limit(caller), 0)
}

// Limit is what holds for the caller: the lower of its own setting and the
// operator's limit, where 0 is none.
func (s *Service) Limit(caller core.Caller) int64 {
	own := caller.Settings.RateLimitPerMinute
	if own == 0 || s.opt.PerTenant != 0 && s.opt.PerTenant < own {
		return s.opt.PerTenant
	}
	return own
}

// ChargeAddress charges a request without a valid key to its client address.
// It fails with CodeRateLimited, with the decision beside it.
func (s *Service) ChargeAddress(ctx context.Context, addr netip.Addr) (Decision, error) {
	return s.take(ctx, s.addresses, "address", addressKey(addr), s.opt.Unauthenticated, 1)
}

// CheckAddress fails with CodeRateLimited when ChargeAddress would. It is asked
// before a key is looked up, so that guessing keys costs the store nothing.
func (s *Service) CheckAddress(ctx context.Context, addr netip.Addr) (Decision, error) {
	d, err := s.take(ctx, s.addresses, "address", addressKey(addr), s.opt.Unauthenticated, 0)
	if err == nil && d.Limited && d.Remaining == 0 {
		d.Allowed, d.RetryAfter = false, max(time.Minute/time.Duration(d.Limit), time.Millisecond)
		return d, tooMany(d.Limit, d.RetryAfter)
	}
	return d, err
}

// addressKey lets IPv6 addresses share a bucket by /64, which is what one
// client usually has.
func addressKey(addr netip.Addr) string {
	addr = addr.WithZone("").Unmap()
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			addr = prefix.Addr()
		}
	}
	return "address:" + addr.String()
}

func (s *Service) take(ctx context.Context, limiter ports.Limiter, policy, key string, perMinute, cost int64) (Decision, error) {
	if perMinute == 0 {
		return Decision{}, nil
	}
	decisions, err := limiter.Take(ctx, s.clock.Now(), core.Rate{Key: key, PerMinute: perMinute, Burst: perMinute, Cost: cost})
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Limited: true, Policy: policy, Limit: perMinute, RateDecision: decisions[0]}
	if !d.Allowed {
		return d, tooMany(perMinute, d.RetryAfter)
	}
	return d, nil
}

func tooMany(perMinute int64, retryAfter time.Duration) error {
	e := core.NewError(core.CodeRateLimited, "Too many requests: at most %d a minute.", perMinute)
	e.RetryAfter = retryAfter
	return e
}
