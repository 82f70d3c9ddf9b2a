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

	// Health is nil when the provider can do its work.
	Health(ctx context.Context) error
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
