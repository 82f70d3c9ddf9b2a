// Package sealing is Raven's envelope encryption: each tenant has data keys of
// its own, kept wrapped by a provider's key, and everything a person wrote is
// sealed under the newest of them, for its place.
package sealing

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Defaults of Options.
const (
	DefaultCacheTTL  = time.Minute
	DefaultCacheKeys = 10_000
)

// firstSealingKey is the version of the first data key that seals.
const firstSealingKey uint32 = 1

var errNotStarted = errors.New("sealing: used before Start returned")

// Options bound the cache of unwrapped keys. The zero value takes the defaults.
type Options struct {
	// CacheTTL is how long an unwrapped key is used at most, and so how long a
	// tenant's data stays readable after its wrapping key is gone.
	CacheTTL time.Duration
	// CacheKeys is how many unwrapped keys are held at most.
	CacheKeys int
}

// Service seals and opens. Safe for concurrent use once Start has returned.
//
// Keys are copied out of the cache for each use and cleared after it, as they
// are when they leave the cache. The runtime may have made other copies;
// clearing shortens a key's stay in memory and promises no more.
type Service struct {
	wrapping ports.WrappingKeys
	keys     ports.DataKeys
	clock    ports.Clock
	random   io.Reader
	cache    *cache

	deployment string // set by Start, bound into everything sealed
}

// New makes a service that wraps by wrapping and keeps wrapped keys in keys.
// random must be cryptographically secure.
func New(wrapping ports.WrappingKeys, keys ports.DataKeys, clock ports.Clock, random io.Reader, opt Options) *Service {
	if opt.CacheTTL <= 0 {
		opt.CacheTTL = DefaultCacheTTL
	}
	if opt.CacheKeys <= 0 {
		opt.CacheKeys = DefaultCacheKeys
	}
	return &Service{
		wrapping: wrapping, keys: keys, clock: clock, random: random,
		cache: newCache(clock, opt.CacheTTL, opt.CacheKeys),
	}
}

// Seal seals plaintext for its place under the newest data key of its tenant.
// It fails as ports.DataKeys and ports.WrappingKeys do.
func (s *Service) Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error) {
	key, err := s.key(ctx, place.Tenant, newest)
	if err != nil {
		return nil, err
	}
	defer key.clear()
	return core.SealEnvelope(s.random, key.secret[:], key.version, s.deployment, place, plaintext)
}

// Open gives back what was sealed for the place. Bytes that do not open are
// damage, which no caller can mend: an internal error that names the place,
// wraps core.ErrSealed and never tells why. Else it fails as Seal does.
func (s *Service) Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error) {
	version, ok := core.EnvelopeKeyVersion(sealed)
	if !ok || version == core.IndexKeyVersion {
		return nil, damaged(place)
	}
	key, err := s.key(ctx, place.Tenant, versioned(version))
	switch {
	case errors.Is(err, errNoDataKey):
		return nil, damaged(place)
	case err != nil:
		return nil, err
	}
	defer key.clear()
	plaintext, err := core.OpenEnvelope(key.secret[:], s.deployment, place, sealed)
	if err != nil {
		return nil, damaged(place)
	}
	return plaintext, nil
}

func damaged(p core.Place) error {
	return fmt.Errorf("sealing: %s %s, version %d, of tenant %s is damaged: %w", p.Kind, p.Record, p.Version, p.Tenant, core.ErrSealed)
}

// Hash is a keyed hash of the value, by which a store can find it without
// knowing it: the same for the same tenant, domain and value, for as long as
// the tenant lives. It is base64url without padding, 43 characters.
func (s *Service) Hash(ctx context.Context, tenant core.TenantID, domain, value string) (string, error) {
	key, err := s.key(ctx, tenant, versioned(core.IndexKeyVersion))
	if err != nil {
		return "", err
	}
	defer key.clear()
	sum, err := key.hash(domain, value)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// Secret is a secret of the tenant's for one use, 32 bytes, the same for the
// same tenant and domain for as long as the tenant lives.
func (s *Service) Secret(ctx context.Context, tenant core.TenantID, domain string) ([]byte, error) {
	key, err := s.key(ctx, tenant, versioned(core.IndexKeyVersion))
	if err != nil {
		return nil, err
	}
	defer key.clear()
	return key.derive(secretInfo, domain)
}

// NewTenantKeys makes the keys of a new tenant, to be stored with it: its
// index key and its first sealing key.
func (s *Service) NewTenantKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	at := s.clock.Now().UTC().Truncate(time.Millisecond)
	var list []core.WrappedKey
	for _, version := range []uint32{core.IndexKeyVersion, firstSealingKey} {
		plain, wrapped, err := s.wrapping.NewDataKey(ctx, tenant, version)
		clear(plain)
		if err != nil {
			return nil, fmt.Errorf("sealing: make a data key: %w", err)
		}
		list = append(list, core.WrappedKey{
			Version: version, Provider: s.wrapping.Provider(), Wrapped: wrapped, CreatedAt: at,
		})
	}
	return list, nil
}

// Forget drops the tenant's keys from memory at once. What is being loaded
// while it is called is not used either, but loaded anew.
func (s *Service) Forget(tenant core.TenantID) { s.cache.forget(tenant) }

// Sweep drops keys that have outlived the cache. Every other call does so too;
// Sweep is for when no other call comes.
func (s *Service) Sweep() { s.cache.expire() }

// Status is the state of the tenant's encryption. It needs no key, so that it
// can be told while the tenant's key is gone.
func (s *Service) Status(ctx context.Context, tenant core.TenantID, mode core.EncryptionMode) (core.Encryption, error) {
	list, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return core.Encryption{}, err
	}
	key, ok := newest.pick(list)
	if !ok {
		return core.Encryption{}, fmt.Errorf("%w of tenant %s to seal with", errNoDataKey, tenant)
	}
	return core.Encryption{Mode: mode, Provider: key.Provider, KeyVersion: key.Version, KeyCreatedAt: key.CreatedAt}, nil
}

// wrappedKeys lists the tenant's keys as they are stored.
func (s *Service) wrappedKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	if tenant != core.DeploymentTenant {
		return s.keys.DataKeys(ctx, tenant)
	}
	d, err := s.keys.Deployment(ctx)
	return d.DataKeys, err
}

// selector says which of a tenant's keys is wanted.
type selector struct {
	newest  bool
	version uint32 // unless newest
}

// newest wants the key that seals new writes.
var newest = selector{newest: true}

func versioned(version uint32) selector { return selector{version: version} }

func (w selector) pick(list []core.WrappedKey) (best core.WrappedKey, ok bool) {
	if !w.newest {
		i := slices.IndexFunc(list, func(k core.WrappedKey) bool { return k.Version == w.version })
		if i < 0 {
			return core.WrappedKey{}, false
		}
		return list[i], true
	}
	for _, k := range list {
		if k.Version >= firstSealingKey && k.Version > best.Version {
			best, ok = k, true
		}
	}
	return best, ok
}
