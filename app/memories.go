package app

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/sealing"
)

// memories is what this process keeps in memory of tenants: indexes, opened
// data keys, and who was just authenticated. Services tell it what was forgotten.
type memories struct {
	keys    *keys.Service
	sealing *sealing.Service
	recall  *recall.Service
	purge   chan<- struct{} // asks for what deleted tenants left to be removed
}

// Forget drops all of a deleted tenant.
func (m memories) Forget(tenant core.TenantID) {
	m.keys.Forget(tenant)
	m.sealing.Forget(tenant)
	m.recall.Forget(tenant)
	select {
	case m.purge <- struct{}{}:
	default: // asked for already
	}
}

// ForgetSettings drops what authentication remembers of a tenant's settings.
func (m memories) ForgetSettings(tenant core.TenantID) { m.keys.Forget(tenant) }

// ForgetUser drops a user's index.
func (m memories) ForgetUser(tenant core.TenantID, user core.UserID) {
	m.recall.ForgetUser(tenant, user)
}

// Follow brings a user's index up to date.
func (m memories) Follow(ctx context.Context, tenant core.TenantID, user core.UserID) {
	m.recall.Follow(ctx, tenant, user)
}
