package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// RecordEvents records events that belong to no other step.
func (s *Store) RecordEvents(ctx context.Context, tenant core.TenantID, op core.Op, events ...core.Event) error {
	return actOnKeys(ctx, s, tenant, op, func(t *txn) error { return t.record(events...) })
}
