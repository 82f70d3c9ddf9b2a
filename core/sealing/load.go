package sealing

import (
	"context"
	"fmt"

	"github.com/raven-memory/raven/core"
)

// key gives a copy of one of the tenant's keys, for the caller to clear. Of
// callers who miss the cache, one a tenant loads and the others wait for it.
func (s *Service) key(ctx context.Context, tenant core.TenantID, want selector) (*dataKey, error) {
	if s.deployment == "" {
		return nil, errNotStarted
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		key, l, mine := s.cache.find(tenant, want)
		switch {
		case key != nil:
			s.outages.use(tenant, key, s.Clock.Now())
			return key, nil
		case !mine:
			if err := l.wait(ctx, want); err != nil {
				return nil, err
			}
		default:
			if key, err := s.lead(ctx, tenant, l); key != nil || err != nil {
				return key, err
			}
		}
	}
}

// lead runs a load. It gives neither key nor error when the tenant was
// forgotten meanwhile.
func (s *Service) lead(ctx context.Context, tenant core.TenantID, l *load) (key *dataKey, err error) {
	var keys []*dataKey
	defer func() {
		if ctx.Err() == nil {
			l.err = err
		}
		kept := s.cache.finish(tenant, l, keys...)
		for i, k := range keys {
			if i > 0 || !kept {
				k.clear()
			}
		}
		switch {
		case !kept:
			key, err = nil, nil
		case len(keys) > 0:
			key = keys[0]
		}
	}()
	known := l.set != nil
	keys, err = s.load(ctx, tenant, l)
	if known && core.Is(err, core.CodeKeyUnavailable) { // another node may have had it rewrapped
		l.set = nil
		keys, err = s.load(ctx, tenant, l)
	}
	s.notice(ctx, tenant, l, keys, err)
	return nil, err
}

// load gives the key that is wanted, and after it one that had to be opened for it.
func (s *Service) load(ctx context.Context, tenant core.TenantID, l *load) ([]*dataKey, error) {
	if l.set == nil {
		set, err := s.fetch(ctx, tenant)
		if err != nil {
			return nil, err
		}
		l.set = set
	}
	w, ok := l.want.pick(l.set.wrapped)
	if !ok {
		return nil, fmt.Errorf("%w of tenant %s with that version", errNoDataKey, tenant)
	}
	if w.Provider != core.ProviderDataKey {
		key, err := s.unwrap(ctx, tenant, w)
		if err != nil {
			return nil, err
		}
		return []*dataKey{key}, nil
	}
	return s.loadIndex(ctx, tenant, l.set, w)
}

func (s *Service) loadIndex(ctx context.Context, tenant core.TenantID, set *keySet, w core.WrappedKey) ([]*dataKey, error) {
	wrapped, err := underOf(tenant, w, set.wrapped)
	if err != nil {
		return nil, err
	}
	under := s.cache.peek(set, wrapped.Version)
	if under == nil {
		if under, err = s.unwrap(ctx, tenant, wrapped); err != nil {
			return nil, err
		}
	}
	index, err := openIndex(s.deployment, tenant, w, under)
	if err != nil {
		under.clear()
		return nil, err
	}
	return []*dataKey{index, under}, nil
}

// fetch asks the store. The set's age counts from before the question.
func (s *Service) fetch(ctx context.Context, tenant core.TenantID) (*keySet, error) {
	at := s.Clock.Now()
	wrapped, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return &keySet{tenant: tenant, at: at, wrapped: wrapped, keys: map[uint32]*dataKey{}}, nil
}
