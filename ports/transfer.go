package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// Exporter reads what the other ports do not show of a tenant, so that it can be
// moved to another store.
type Exporter interface {
	// ExportTenant returns the tenant's Record, EmailKey and LastSeq; the other
	// ports read the rest. CodeNotFound.
	ExportTenant(ctx context.Context, id core.TenantID) (core.TenantImage, error)

	// FactKeys returns which fact of the user's holds which key.
	FactKeys(ctx context.Context, tenant core.TenantID, user core.UserID) (map[string]core.BlobID, error)
}

// Importer takes in what another store holds, as it is: no quota is asked, no
// event and no change recorded. Nobody else may write the tenant meanwhile. Each
// method may be run again, with the same.
type Importer interface {
	// BeginTenant makes room for a tenant, which does not exist before
	// FinishTenant.
	BeginTenant(ctx context.Context, id core.TenantID) error

	// ImportUser takes in a user whole.
	ImportUser(ctx context.Context, tenant core.TenantID, u core.UserImage) error

	// FinishTenant takes in the rest, counts what was imported, and makes the
	// tenant exist. CodeEmailTaken.
	FinishTenant(ctx context.Context, t core.TenantImage) error
}
