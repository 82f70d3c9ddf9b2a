package sealing

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Providers are who wraps data keys. What is stored names the one that opens
// it, so that keys of all of them may lie side by side.
type Providers struct {
	// Platform wraps for the deployment and for tenants in mode "platform".
	Platform ports.PlatformKeys
	// Tenant wraps for tenants in mode "tenant"; nil where there can be none.
	Tenant ports.WrappingKeys
	// Others only open what they wrapped once.
	Others []ports.WrappingKeys
}

// keyNamer is a provider that has a name for a tenant's wrapping key, by which
// the tenant finds it.
type keyNamer interface {
	KeyName(tenant core.TenantID) string
}

// of is the provider that wraps new data keys in a mode.
func (p Providers) of(mode core.EncryptionMode) (ports.WrappingKeys, error) {
	switch {
	case mode != core.EncryptionTenant:
		return p.Platform, nil
	case p.Tenant == nil:
		return nil, notHere("for keys of tenants' own")
	default:
		return p.Tenant, nil
	}
}

// named is the provider of that name.
func (p Providers) named(name string) (ports.WrappingKeys, error) {
	switch {
	case p.Platform.Provider() == name:
		return p.Platform, nil
	case p.own(name):
		return p.Tenant, nil
	}
	for _, other := range p.Others {
		if other.Provider() == name {
			return other, nil
		}
	}
	return nil, notHere(strconv.Quote(name))
}

// own reports whether the provider of that name holds tenants' own keys.
func (p Providers) own(name string) bool { return p.Tenant != nil && p.Tenant.Provider() == name }

func notHere(which string) error {
	return &core.Error{
		Code:    core.CodeKeyManagement,
		Message: "The service that holds the key of this data is not configured here.",
		Cause:   fmt.Errorf("sealing: this server has no provider %s", which),
	}
}

// unwrap opens a key that a provider wrapped.
func (s *Service) unwrap(ctx context.Context, tenant core.TenantID, w core.WrappedKey) (*dataKey, error) {
	provider, err := s.Providers.named(w.Provider)
	if err != nil {
		return nil, err
	}
	plain, err := provider.Unwrap(ctx, tenant, w.Version, w.Wrapped)
	defer clear(plain)
	if err != nil {
		return nil, s.explain(err, provider, tenant)
	}
	return newDataKey(tenant, w.Version, plain, s.Providers.own(w.Provider))
}

// explain names, in a refusal of the tenant's own key, the key.
func (s *Service) explain(err error, provider ports.WrappingKeys, tenant core.TenantID) error {
	namer, ok := provider.(keyNamer)
	if !ok || !core.Is(err, core.CodeKeyUnavailable) || !s.Providers.own(provider.Provider()) {
		return err
	}
	return &core.Error{
		Code: core.CodeKeyUnavailable, Cause: err,
		Message: fmt.Sprintf("The tenant's own key %q is missing, disabled or refused.", namer.KeyName(tenant)),
	}
}

// makeKey has a data key made. One that the tenant's own key wraps is opened
// once before it is relied on: a policy may allow the one and not the other.
func (s *Service) makeKey(ctx context.Context, provider ports.WrappingKeys, tenant core.TenantID, version uint32) (*dataKey, core.WrappedKey, error) {
	plain, wrapped, err := provider.NewDataKey(ctx, tenant, version)
	defer clear(plain)
	if err != nil {
		return nil, core.WrappedKey{}, fmt.Errorf("sealing: make a data key: %w", s.explain(err, provider, tenant))
	}
	w := core.WrappedKey{Version: version, Provider: provider.Provider(), Wrapped: wrapped, CreatedAt: s.now()}
	key, err := newDataKey(tenant, version, plain, s.Providers.own(w.Provider))
	if err != nil || !key.own {
		return key, w, err
	}
	again, err := s.unwrap(ctx, tenant, w)
	if err != nil {
		key.clear()
		return nil, w, err
	}
	defer again.clear()
	if subtle.ConstantTimeCompare(key.secret[:], again.secret[:]) != 1 {
		key.clear()
		return nil, w, errors.New("sealing: a new data key does not open as what it was made as")
	}
	return key, w, nil
}

// indexPlace is where a tenant's index key belongs when a data key seals it.
func indexPlace(tenant core.TenantID) core.Place {
	return core.Place{
		Tenant: tenant, Kind: core.KindDataKey, Record: strconv.Itoa(int(core.IndexKeyVersion)), Version: 1,
	}
}

// sealIndex puts the index key under a data key.
func (s *Service) sealIndex(deployment string, tenant core.TenantID, index, under *dataKey) (core.WrappedKey, error) {
	sealed, err := core.SealEnvelope(s.Random, under.secret[:], under.version, deployment, indexPlace(tenant), index.secret[:])
	return core.WrappedKey{
		Version: core.IndexKeyVersion, Provider: core.ProviderDataKey, Wrapped: sealed, CreatedAt: s.now(),
	}, err
}

// openIndex opens an index key that a data key sealed.
func openIndex(deployment string, tenant core.TenantID, w core.WrappedKey, under *dataKey) (*dataKey, error) {
	plain, err := core.OpenEnvelope(under.secret[:], deployment, indexPlace(tenant), w.Wrapped)
	defer clear(plain)
	if err != nil {
		return nil, damaged(indexPlace(tenant))
	}
	return newDataKey(tenant, core.IndexKeyVersion, plain, under.own)
}

// underOf finds the key that seals the index key, among the tenant's.
func underOf(tenant core.TenantID, index core.WrappedKey, list []core.WrappedKey) (core.WrappedKey, error) {
	version, ok := core.EnvelopeKeyVersion(index.Wrapped)
	under, found := versioned(version).pick(list)
	if !ok || !found || under.Provider == core.ProviderDataKey {
		return core.WrappedKey{}, damaged(indexPlace(tenant))
	}
	return under, nil
}

// openStored opens one of the keys as they are stored, without the cache.
func (s *Service) openStored(ctx context.Context, deployment string, tenant core.TenantID, w core.WrappedKey, list []core.WrappedKey) (*dataKey, error) {
	if w.Provider != core.ProviderDataKey {
		return s.unwrap(ctx, tenant, w)
	}
	wrapped, err := underOf(tenant, w, list)
	if err != nil {
		return nil, err
	}
	under, err := s.unwrap(ctx, tenant, wrapped)
	if err != nil {
		return nil, err
	}
	defer under.clear()
	return openIndex(deployment, tenant, w, under)
}
