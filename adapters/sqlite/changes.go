package sqlite

import (
	"context"

	"github.com/raven-memory/raven/core"
)

func changeFields(c *core.Change) []any {
	return []any{&c.Version, &c.Kind, &c.Conversation, &c.Blob, &c.First, &c.Last, inJSON{&c.Interactions}}
}

const memoryVersion = `coalesce((SELECT max(version) FROM changes WHERE user = u.id), 0)`

// MemoryVersion is the version of the user's last change.
func (s *Store) MemoryVersion(ctx context.Context, tenant core.TenantID, user core.UserID) (int64, error) {
	return seek(ctx, s, func(q session) (int64, error) {
		return one(q, itself[int64], `SELECT `+memoryVersion+ofTenant+` AND u.user = ?`, tenant, user)
	})
}

// Changes lists what happened after a version.
func (s *Store) Changes(ctx context.Context, tenant core.TenantID, user core.UserID, after int64, limit int) (changes []core.Change, ok bool, err error) {
	changes, err = view(ctx, s, func(q session) ([]core.Change, error) {
		var id, version int64
		err := q.get(`SELECT u.id, `+memoryVersion+ofTenant+` AND u.user = ?`, args{tenant, user}, &id, &version)
		if err != nil {
			return nil, err
		}
		list, err := list(q, changeFields, `SELECT version, kind, conversation, blob, first, last, interactions
			FROM changes WHERE user = ? AND version > ? ORDER BY version LIMIT ?`, id, after, max(limit, 0))
		// Complete when nothing was to come, or what comes is the very next.
		ok = err == nil && (after == version || len(list) > 0 && list[0].Version == after+1)
		return list, err
	})
	if !ok {
		return nil, false, err
	}
	return changes, true, nil
}
