package sealing

import (
	"context"
	"sync"
	"time"

	"github.com/raven-memory/raven/core"
)

// outageLease is the piece of work that recording a tenant's outage is: of
// nodes that meet it within outageNode, one records it.
const (
	outageLease = "key_unavailable"
	outageNode  = 10 * time.Minute
	outageTime  = 5 * time.Second // the longest that recording may hold a refusal up
)

// outages knows which tenants' own keys are gone, and when those that are not
// were last used.
type outages struct {
	mu   sync.Mutex
	gone map[core.TenantID]bool
	used map[core.TenantID]time.Time
}

func newOutages() *outages {
	return &outages{gone: map[core.TenantID]bool{}, used: map[core.TenantID]time.Time{}}
}

// use notes that a key which the tenant's own wraps was used.
func (o *outages) use(tenant core.TenantID, key *dataKey, now time.Time) {
	if !key.own {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used[tenant] = now
}

// begin reports whether the tenant's outage is a new one.
func (o *outages) begin(tenant core.TenantID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.used, tenant)
	if o.gone[tenant] {
		return false
	}
	o.gone[tenant] = true
	return true
}

// end reports whether there was one.
func (o *outages) end(tenant core.TenantID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.gone[tenant]
	delete(o.gone, tenant)
	return was
}

// idle takes out the tenants whose own key was last used before.
func (o *outages) idle(before time.Time) (list []core.TenantID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for tenant, at := range o.used {
		if at.Before(before) {
			list = append(list, tenant)
			delete(o.used, tenant)
		}
	}
	return list
}

// notice sees to what a load of a tenant's key means: its own key is gone, or
// there again.
func (s *Service) notice(ctx context.Context, tenant core.TenantID, l *load, keys []*dataKey, err error) {
	switch {
	case len(keys) > 0:
		s.outages.use(tenant, keys[0], s.Clock.Now())
		if keys[0].own && s.outages.end(tenant) && s.Leases != nil {
			s.report(ctx, "ending an outage", s.Leases.EndLease(ctx, tenant, outageLease, s.Node))
		}
	case core.Is(err, core.CodeKeyUnavailable) && l.set != nil && s.ownKey(l.want, l.set.wrapped):
		s.lost(ctx, tenant)
	}
}

// ownKey reports whether the wanted key is under the tenant's own.
func (s *Service) ownKey(want selector, list []core.WrappedKey) bool {
	w, _ := want.pick(list)
	if w.Provider == core.ProviderDataKey {
		w, _ = underOf("", w, list)
	}
	return s.Providers.own(w.Provider)
}

// lost drops what this process has opened of the tenant, and records once that
// its key is gone.
func (s *Service) lost(ctx context.Context, tenant core.TenantID) {
	if s.Memory != nil {
		s.Memory.Forget(tenant)
	}
	if !s.outages.begin(tenant) || s.Events == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outageTime)
	defer cancel()
	if err := s.recordOutage(ctx, tenant); err != nil {
		s.outages.end(tenant) // the next refusal tries again
		s.report(ctx, "recording that a tenant's key is gone", err)
	}
}

func (s *Service) recordOutage(ctx context.Context, tenant core.TenantID) error {
	if s.Leases != nil {
		now := s.Clock.Now()
		mine, err := s.Leases.Lease(ctx, tenant, outageLease, s.Node, now, now.Add(outageNode))
		if err != nil || !mine {
			return err
		}
	}
	data := core.EventData{"provider": s.Providers.Tenant.Provider()}
	return s.Events.RecordEvents(ctx, tenant, core.Op{}, s.event(tenant, core.Actor{}, core.EventKeyUnavailable, data))
}

// Sweep drops keys that have outlived the cache, and what memory holds opened
// of tenants whose own key was not needed for as long: whether that key is still
// there, nobody asked. Every other call drops keys too; Sweep is for when no
// other call comes.
func (s *Service) Sweep() {
	s.cache.expire()
	if s.Memory == nil {
		return
	}
	for _, tenant := range s.outages.idle(s.Clock.Now().Add(-s.cache.ttl)) {
		s.Memory.Forget(tenant)
	}
}
