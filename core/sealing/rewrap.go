package sealing

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// rewrapTenants is how many tenants' ids are asked for at once.
const rewrapTenants = 500

// RewrapAll brings every data key, the deployment's and all tenants', under the
// newest version of its wrapping key, and those that another provider of the
// platform's wrapped under the one that wraps now. progress, which may be nil,
// is told after each of total owners of keys. It goes on past tenants whose keys
// can't be opened and joins their errors, those of an own key that is gone aside:
// what it did not reach stays as it was, and it may be run again at any time.
func (s *Service) RewrapAll(ctx context.Context, progress func(done, total int)) error {
	owners := []core.TenantID{core.DeploymentTenant}
	err := s.eachTenant(ctx, func(id core.TenantID) error {
		owners = append(owners, id)
		return nil
	})
	if err != nil {
		return err
	}
	var failed []error
	for i, id := range owners {
		err := s.rewrap(ctx, id)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil, core.Is(err, core.CodeNotFound):
		default:
			failed = append(failed, fmt.Errorf("rewrap the data keys of %s: %w", id, err))
		}
		if progress != nil {
			progress(i+1, len(owners))
		}
	}
	return errors.Join(failed...)
}

func (s *Service) eachTenant(ctx context.Context, do func(core.TenantID) error) error {
	var after core.TenantID
	for {
		ids, err := s.Tenants.TenantIDs(ctx, after, rewrapTenants)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := do(id); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// rewrap does so for one owner of keys.
func (s *Service) rewrap(ctx context.Context, tenant core.TenantID) error {
	list, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return err
	}
	var failed []error
	changed := false
	for _, was := range list {
		if was.Provider == core.ProviderDataKey {
			continue
		}
		now, err := s.wrapAnew(ctx, tenant, was)
		if err != nil {
			if !s.Providers.own(was.Provider) || !core.Is(err, core.CodeKeyUnavailable) {
				failed = append(failed, err)
			}
			continue
		}
		if now.Provider == was.Provider && bytes.Equal(now.Wrapped, was.Wrapped) {
			continue
		}
		if err := s.Rotation.RewrapDataKey(ctx, tenant, was, now); err != nil {
			if !core.Is(err, core.CodeVersionConflict) { // somebody else was faster
				failed = append(failed, err)
			}
			continue
		}
		changed = true
	}
	if changed {
		s.Forget(tenant)
	}
	return errors.Join(failed...)
}

// wrapAnew wraps a data key by the newest version of the wrapping key that is
// to wrap it.
func (s *Service) wrapAnew(ctx context.Context, tenant core.TenantID, was core.WrappedKey) (core.WrappedKey, error) {
	provider, err := s.Providers.named(was.Provider)
	if err != nil {
		return was, err
	}
	now := was
	if s.wrapsNow(provider) {
		now.Wrapped, err = provider.Rewrap(ctx, tenant, was.Version, was.Wrapped)
		return now, err
	}
	plain, err := provider.Unwrap(ctx, tenant, was.Version, was.Wrapped)
	defer clear(plain)
	if err != nil {
		return was, err
	}
	now.Provider = s.Providers.Platform.Provider()
	now.Wrapped, err = s.Providers.Platform.Wrap(ctx, tenant, was.Version, plain)
	return now, err
}

// wrapsNow reports whether the provider still wraps new data keys.
func (s *Service) wrapsNow(p ports.WrappingKeys) bool {
	return p.Provider() == s.Providers.Platform.Provider() || s.Providers.own(p.Provider())
}
