package ports

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// AuditLog keeps the audit log of each tenant: an entry an event, by Seq, without
// gaps, from 1 on or from behind what was dropped. It outlives its tenant. The
// tenant may be core.DeploymentTenant; one that never had an entry has an empty
// log.
type AuditLog interface {
	AuditStatements

	// AppendAudit adds entries, ascending and without gaps, and notes the head
	// after them, in one step. Entries that are there already with the same
	// Chain are passed over. core.ErrAuditFork, and nothing is added, when one
	// is there with another Chain or was dropped, or when there would be a gap.
	AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error

	// AuditHead returns the head; the zero value for an empty log.
	AuditHead(ctx context.Context, tenant core.TenantID) (core.AuditHead, error)

	// FindAudit lists entries that the query selects, newest first.
	FindAudit(ctx context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error)

	// AuditEntries lists what is really there with a Seq after the one given,
	// ascending, at most limit: for who verifies.
	AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.AuditEntry, error)

	// AuditTenants lists tenants that have a log, ascending after the one given,
	// at most limit.
	AuditTenants(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)
}

// AuditStatements keeps what was signed of a log.
type AuditStatements interface {
	// AddCheckpoint keeps a checkpoint.
	AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error

	// LastCheckpoint returns the one with the highest Seq; CodeNotFound for none.
	LastCheckpoint(ctx context.Context, tenant core.TenantID) (core.Checkpoint, error)

	// AuditDropped returns what stands for the entries that were dropped, the
	// zero value when none were.
	AuditDropped(ctx context.Context, tenant core.TenantID) (core.AuditDrop, error)

	// BeginAudit begins an empty log behind entries that were dropped from
	// another copy of it. Once more with the same drop changes nothing;
	// core.ErrAuditFork when the log has other entries or another beginning.
	BeginAudit(ctx context.Context, tenant core.TenantID, d core.AuditDrop) error
}
