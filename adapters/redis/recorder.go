package redis

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// RecordEvents records events that belong to no other step.
func (s *Store) RecordEvents(ctx context.Context, tenant core.TenantID, op core.Op, events ...core.Event) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	args := stepArgs(op)
	for _, e := range events {
		event, err := eventArgs(e)
		if err != nil {
			return err
		}
		args = append(args, event...)
	}
	_, err = s.run(ctx, recordEvents, t.stepKeys(op), args...)
	return err
}
