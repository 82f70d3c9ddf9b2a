// Package localkeys wraps data keys by a keyring of the operator's own: a few
// versioned master keys in a file, which a passphrase may protect, or in a
// variable, from which a wrapping key is derived for each tenant.
package localkeys

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

const (
	wrapInfo  = "raven/kek/v1"
	checkInfo = "raven/kcv/v1"
)

var _ ports.PlatformKeys = (*Keyring)(nil)

// Keyring implements ports.PlatformKeys. Its active master key wraps, all of
// them open. Safe for concurrent use. It never prints.
type Keyring struct {
	active  uint32
	masters map[uint32][]byte
}

// Provider names the provider: "local".
func (*Keyring) Provider() string { return "local" }

// Health is nil: all that is needed is in memory.
func (*Keyring) Health(ctx context.Context) error { return ctx.Err() }

// NewDataKey makes a data key and wraps it by the active master key.
func (k *Keyring) NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	plain = make([]byte, core.EnvelopeKeySize)
	_, _ = rand.Read(plain) // it never fails
	if wrapped, err = k.Wrap(ctx, tenant, version, plain); err != nil {
		return nil, nil, err
	}
	return plain, wrapped, nil
}

// Wrap wraps a data key by the active master key.
func (k *Keyring) Wrap(ctx context.Context, tenant core.TenantID, version uint32, plain []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, err := k.wrappingKey(k.active, tenant)
	if err != nil {
		return nil, unavailable(err)
	}
	defer clear(key)
	wrapped, err := core.SealEnvelope(rand.Reader, key, k.active, "", place(tenant, version), plain)
	if err != nil {
		return nil, unavailable(err)
	}
	return wrapped, nil
}

// Rewrap wraps by the active master key what another one wrapped.
func (k *Keyring) Rewrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	plain, err := k.Unwrap(ctx, tenant, version, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if k.WrappedBy(wrapped) == k.active {
		return bytes.Clone(wrapped), nil
	}
	return k.Wrap(ctx, tenant, version, plain)
}

// WrappedBy is the version of the master key that wrapped.
func (*Keyring) WrappedBy(wrapped []byte) uint32 {
	version, _ := core.EnvelopeKeyVersion(wrapped)
	return version
}

// Unwrap opens what NewDataKey wrapped, by the master key it was wrapped with.
func (k *Keyring) Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	master, ok := core.EnvelopeKeyVersion(wrapped)
	if !ok {
		return nil, unavailable(core.ErrSealed)
	}
	key, err := k.wrappingKey(master, tenant)
	if err != nil {
		return nil, unavailable(core.ErrSealed)
	}
	defer clear(key)
	plain, err := core.OpenEnvelope(key, "", place(tenant, version), wrapped)
	if err != nil {
		return nil, unavailable(err)
	}
	return plain, nil
}

// Versions lists the versions: the active one, then the others, newest first.
func (k *Keyring) Versions() []uint32 {
	list := slices.SortedFunc(maps.Keys(k.masters), func(a, b uint32) int { return cmp.Compare(b, a) })
	i := slices.Index(list, k.active)
	return slices.Insert(slices.Delete(list, i, i+1), 0, k.active)
}

// Checks gives a check value for each master key, by which two keyrings are
// told apart and nothing else can be learnt: the first 8 bytes of an
// HMAC-SHA-256, as hex.
func (k *Keyring) Checks() map[uint32]string {
	checks := make(map[uint32]string, len(k.masters))
	for version, master := range k.masters {
		mac := hmac.New(sha256.New, master)
		mac.Write([]byte(checkInfo))
		checks[version] = hex.EncodeToString(mac.Sum(nil)[:8])
	}
	return checks
}

// Format implements fmt.Formatter; it keeps the keys out of logs.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[keyring]") }

// MarshalText keeps the keys out of encoders.
func (k *Keyring) MarshalText() ([]byte, error) { return []byte("[keyring]"), nil }

// wrappingKey derives a tenant's wrapping key from a master key (HKDF-SHA-256,
// RFC 5869). What is no tenant's id gets none.
func (k *Keyring) wrappingKey(version uint32, tenant core.TenantID) ([]byte, error) {
	master, ok := k.masters[version]
	if !ok {
		return nil, fmt.Errorf("localkeys: the keyring has no version %d", version)
	}
	if !tenant.Valid() && tenant != core.DeploymentTenant {
		return nil, fmt.Errorf("localkeys: %.40q is not a tenant's id", string(tenant))
	}
	return hkdf.Key(sha256.New, master, []byte(tenant), wrapInfo, core.EnvelopeKeySize)
}

// place is where a wrapped key belongs. The deployment is not part of it,
// because its id is read only after its own keys are proven.
func place(tenant core.TenantID, version uint32) core.Place {
	return core.Place{
		Tenant: tenant, Kind: core.KindDataKey,
		Record: strconv.FormatUint(uint64(version), 10), Version: int64(version),
	}
}
