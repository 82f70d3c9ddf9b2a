package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// WrappingKeys holds the keys that wrap data keys. Its answers to a wrapped
// key that was cut, changed in any bit, or made for another tenant are all
// the same: CodeKeyUnavailable. So is its answer to an id that is neither Valid
// nor core.DeploymentTenant, from both methods that take one.
type WrappingKeys interface {
	// Provider names the provider; it is stored with each wrapped key.
	Provider() string

	// NewDataKey makes a random 32-byte data key for the tenant and returns it
	// with its wrapped form, which opens for that tenant and version only.
	NewDataKey(ctx context.Context, tenant core.TenantID, version uint32) (plain, wrapped []byte, err error)

	// Unwrap opens a wrapped key. CodeKeyUnavailable when the wrapping key is
	// gone or refused; CodeKeyManagement when the provider can't be reached.
	Unwrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) (plain []byte, err error)

	// Rewrap wraps the same data key by the newest version of the wrapping key;
	// what is wrapped so already comes back as it was given. It fails as Unwrap
	// does.
	Rewrap(ctx context.Context, tenant core.TenantID, version uint32, wrapped []byte) ([]byte, error)

	// WrappedBy reads from a wrapped key the version of the wrapping key; 0 for
	// what the provider can't have wrapped. It is not authenticated before the
	// key is unwrapped.
	WrappedBy(wrapped []byte) uint32

	// Health is nil when the provider can do its work.
	Health(ctx context.Context) error
}

// PlatformKeys are wrapping keys of the deployment's own, which may also wrap a
// data key that was made elsewhere. That is how the operator moves from one
// provider to another.
type PlatformKeys interface {
	WrappingKeys

	// Wrap wraps a data key of 32 bytes for the tenant and version, as
	// NewDataKey wraps those it makes.
	Wrap(ctx context.Context, tenant core.TenantID, version uint32, plain []byte) (wrapped []byte, err error)
}

// DataKeys keeps wrapped data keys, and what identifies the deployment.
type DataKeys interface {
	// DataKeys lists the tenant's, by version. CodeNotFound when the tenant
	// does not exist.
	DataKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error)

	// InitDeployment keeps d if the store has none, and returns the one it has.
	// Of concurrent calls one wins and all return the winner's.
	InitDeployment(ctx context.Context, d core.Deployment) (core.Deployment, error)

	// Deployment returns the one the store has; CodeNotFound for none.
	Deployment(ctx context.Context) (core.Deployment, error)

	// AddKeyChecks adds check values of keyring versions; one that is there
	// already stays as it is.
	AddKeyChecks(ctx context.Context, checks map[uint32]string) error
}

// KeyRotation changes which data keys there are. The tenant may be
// core.DeploymentTenant, save in Reseal.
type KeyRotation interface {
	// AddDataKey adds a data key and puts the index key under it, in one step
	// with the events. CodeVersionConflict when there is a key of that version
	// already, or the index key is not what it was.
	AddDataKey(ctx context.Context, tenant core.TenantID, op core.Op, a core.DataKeyAddition) error

	// RewrapDataKey puts another wrapped form in a key's place.
	// CodeVersionConflict when it is not the one it was.
	RewrapDataKey(ctx context.Context, tenant core.TenantID, was, now core.WrappedKey) error

	// DestroyDataKey overwrites and removes a wrapped key, so that no copy of it
	// is left in the store's files that the store can reach. It does nothing
	// when there is none. The index key and the newest are refused:
	// CodeVersionConflict.
	DestroyDataKey(ctx context.Context, tenant core.TenantID, version uint32) error

	// Reseal puts newly sealed bytes in the place of the old, each by itself:
	// nothing else of the record changes, and what was changed or is gone since
	// is passed over. It returns how many were replaced. Kinds: KindUser,
	// KindConversation, KindBlob (whose KeyVersion follows the envelope); for
	// the deployment KindTenant and KindAPIKey.
	Reseal(ctx context.Context, tenant core.TenantID, list []core.Resealed) (done int, err error)

	// Reencryption is how far the re-encryption has come; the zero value when
	// there never was one.
	Reencryption(ctx context.Context, tenant core.TenantID) (core.Reencryption, error)

	// SetReencryption keeps it.
	SetReencryption(ctx context.Context, tenant core.TenantID, r core.Reencryption) error

	// Rotating lists tenants that have more data keys than one to seal with, or
	// an unfinished Reencryption, ascending after the one given, at most limit.
	// It may list others too. Its cost does not grow with tenants that rest.
	Rotating(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)
}
