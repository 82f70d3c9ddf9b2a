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
	// tenant's data stays readable after its wrapping key is gone. Less than 0:
	// a key is unwrapped for each use.
	CacheTTL time.Duration
	// CacheKeys is how many unwrapped keys are held at most.
	CacheKeys int
}

// tenants is what rotation needs to know of tenants.
type tenants interface {
	Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error)
	TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)
	Usage(ctx context.Context, id core.TenantID) (core.Usage, error)
}

// forgetter drops what this process holds opened of a tenant.
type forgetter interface{ Forget(tenant core.TenantID) }

// Deps are what the service works with. Those after Random may be left out by
// who rotates nothing and has no tenants with keys of their own.
type Deps struct {
	Providers Providers
	Keys      ports.DataKeys
	Clock     ports.Clock
	Random    io.Reader // cryptographically secure

	Rotation ports.KeyRotation
	Tenants  tenants
	IDs      *core.IDs
	Events   ports.Recorder
	Leases   ports.Leases
	Node     string    // names this process among those that take leases
	Memory   forgetter // told when a tenant's own key is gone
	Wake     func()    // called when there is something to re-encrypt

	// Report is told of failures that no caller hears of.
	Report func(ctx context.Context, doing string, err error)
}

// Service seals and opens. Safe for concurrent use once Start has returned.
//
// Keys are copied out of the cache for each use and cleared after it, as they
// are when they leave the cache. The runtime may have made other copies;
// clearing shortens a key's stay in memory and promises no more.
type Service struct {
	Deps
	cache   *cache
	outages *outages

	deployment string // set by Start, bound into everything sealed
}

// New makes a service.
func New(deps Deps, opt Options) *Service {
	if opt.CacheTTL == 0 {
		opt.CacheTTL = DefaultCacheTTL
	}
	if opt.CacheKeys <= 0 {
		opt.CacheKeys = DefaultCacheKeys
	}
	return &Service{Deps: deps, cache: newCache(deps.Clock, opt.CacheTTL, opt.CacheKeys), outages: newOutages()}
}

// Seal seals plaintext for its place under the newest data key of its tenant.
// What is kept for a while only, an answer (KindReplay) or a webhook (KindWebhook),
// is sealed under a key that stays when the data keys rotate, and is as unreadable
// as they are when they do not unwrap.
// Seal fails as ports.DataKeys and ports.WrappingKeys do.
func (s *Service) Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error) {
	want := newest
	if isBrief(place.Kind) {
		want = versioned(core.IndexKeyVersion)
	}
	key, err := s.sealingKey(ctx, place, want)
	if err != nil {
		return nil, err
	}
	defer key.clear()
	return core.SealEnvelope(s.Random, key.secret[:], key.version, s.deployment, place, plaintext)
}

// isBrief reports whether a kind is kept for a while only, and not sealed anew when
// data keys rotate.
func isBrief(kind core.Kind) bool { return kind == core.KindReplay || kind == core.KindWebhook }

// sealingKey is the one wanted, or, of the index key, what is derived from it.
func (s *Service) sealingKey(ctx context.Context, place core.Place, want selector) (*dataKey, error) {
	key, err := s.key(ctx, place.Tenant, want)
	if err != nil || key.version != core.IndexKeyVersion {
		return key, err
	}
	defer key.clear()
	sub, err := key.derive(replayInfo, "")
	defer clear(sub)
	if err != nil {
		return nil, err
	}
	return newDataKey(place.Tenant, core.IndexKeyVersion, sub, key.own)
}

// Open gives back what was sealed for the place. Bytes that do not open are
// damage, which no caller can mend: an internal error that names the place,
// wraps core.ErrSealed and never tells why. Else it fails as Seal does.
func (s *Service) Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error) {
	version, ok := core.EnvelopeKeyVersion(sealed)
	if !ok || version == core.IndexKeyVersion && !isBrief(place.Kind) {
		return nil, damaged(place)
	}
	key, err := s.sealingKey(ctx, place, versioned(version))
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

// Available is nil when the tenant's data can be opened now, or could be less
// than the cache's life ago. Else it fails as ports.WrappingKeys does.
func (s *Service) Available(ctx context.Context, tenant core.TenantID) error {
	key, err := s.key(ctx, tenant, newest)
	if err == nil {
		key.clear()
	}
	return err
}

// NewTenantKeys makes the keys of a new tenant, to be stored with it: its
// first sealing key, wrapped as the mode says, and the index key under it.
// CodeKeyUnavailable when the tenant's own key is not there.
func (s *Service) NewTenantKeys(ctx context.Context, tenant core.TenantID, mode core.EncryptionMode) ([]core.WrappedKey, error) {
	return s.newKeys(ctx, s.deployment, tenant, mode)
}

func (s *Service) newKeys(ctx context.Context, deployment string, tenant core.TenantID, mode core.EncryptionMode) ([]core.WrappedKey, error) {
	provider, err := s.Providers.of(mode)
	if err != nil {
		return nil, err
	}
	first, wrapped, err := s.makeKey(ctx, provider, tenant, firstSealingKey)
	if err != nil {
		return nil, err
	}
	defer first.clear()
	index := &dataKey{version: core.IndexKeyVersion}
	defer index.clear()
	if _, err := io.ReadFull(s.Random, index.secret[:]); err != nil {
		return nil, fmt.Errorf("sealing: randomness for an index key: %w", err)
	}
	sealed, err := s.sealIndex(deployment, tenant, index, first)
	return []core.WrappedKey{sealed, wrapped}, err
}

// Forget drops the tenant's keys from memory at once. What is being loaded
// while it is called is not used either, but loaded anew.
func (s *Service) Forget(tenant core.TenantID) { s.cache.forget(tenant) }

func (s *Service) now() time.Time { return s.Clock.Now().UTC().Truncate(time.Millisecond) }

func (s *Service) event(tenant core.TenantID, actor core.Actor, kind core.EventType, data core.EventData) core.Event {
	return core.Event{ID: s.IDs.Event(), Type: kind, At: s.now(), Tenant: tenant, Actor: actor, Data: data}
}

func (s *Service) report(ctx context.Context, doing string, err error) {
	if err != nil && s.Report != nil {
		s.Report(ctx, doing, err)
	}
}

// wrappedKeys lists the tenant's keys as they are stored.
func (s *Service) wrappedKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	if tenant != core.DeploymentTenant {
		return s.Keys.DataKeys(ctx, tenant)
	}
	d, err := s.Keys.Deployment(ctx)
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
