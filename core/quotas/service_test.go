package quotas_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/quotas"
)

// spent is a limiter that lets nothing more through, and notes what was charged.
type spent struct{ keys []string }

func (s *spent) Take(_ context.Context, _ time.Time, rates ...core.Rate) ([]core.RateDecision, error) {
	s.keys = append(s.keys, rates[0].Key)
	return []core.RateDecision{{RetryAfter: time.Second}}, nil
}

type clock struct{}

func (clock) Now() time.Time { return time.UnixMilli(1) }

func TestTheLowerOfTwoRatesHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ own, operator, want int64 }{
		{0, 0, 0}, {0, 600, 600}, {60, 0, 60}, {60, 600, 60}, {6000, 600, 600}, {600, 600, 600},
	} {
		s := quotas.New(&spent{}, &spent{}, clock{}, quotas.Options{PerTenant: c.operator})
		if got := s.Limit(core.Caller{Settings: core.Settings{RateLimitPerMinute: c.own}}); got != c.want {
			t.Errorf("a tenant's own %d and the operator's %d: %d, want %d", c.own, c.operator, got, c.want)
		}
	}
}

func TestOneClientsIPv6NetworkSharesABucket(t *testing.T) {
	t.Parallel()
	addresses := &spent{}
	s := quotas.New(&spent{}, addresses, clock{}, quotas.Options{Unauthenticated: 60})
	for _, addr := range []string{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "fe80::1%eth0"} {
		if _, err := s.ChargeAddress(t.Context(), netip.MustParseAddr(addr)); !core.Is(err, core.CodeRateLimited) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	k := addresses.keys
	if k[0] != k[1] || k[0] == k[2] {
		t.Errorf("a /64 has the buckets %v", k[:3])
	}
	if k[3] != k[4] || k[3] == k[5] {
		t.Errorf("IPv4 addresses have the buckets %v", k[3:6])
	}
}

func TestNoLimitAsksNobody(t *testing.T) {
	t.Parallel()
	tenants, addresses := &spent{}, &spent{}
	s := quotas.New(tenants, addresses, clock{}, quotas.Options{})
	if d, err := s.Tenant(t.Context(), core.Caller{Tenant: "ten_1"}); err != nil || d.Limited {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := s.CheckAddress(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Error(err)
	}
	if len(tenants.keys)+len(addresses.keys) > 0 {
		t.Errorf("%v and %v were charged", tenants.keys, addresses.keys)
	}
}
