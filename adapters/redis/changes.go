package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

func changeOf(m goredis.XMessage) core.Change {
	f := textOf(m)
	return core.Change{
		Version: streamNumber(m.ID), Kind: core.ChangeKind(f["kind"]), Conversation: core.ConversationID(f["conversation"]),
		Blob: core.BlobID(f["blob"]), First: f.int("first"), Last: f.int("last"),
		Interactions: split[core.InteractionID](f["interactions"]),
	}
}

// MemoryVersion is the version of the user's last change.
func (s *Store) MemoryVersion(ctx context.Context, tenant core.TenantID, user core.UserID) (int64, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return 0, err
	}
	var of beside
	var version *goredis.StringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		version = p.HGet(ctx, k.hash(), "memory_version")
		of = besideUser(ctx, p, k)
	})
	if err == nil && !of.exists() {
		err = core.NotFound()
	}
	if err != nil {
		return 0, err
	}
	return number(version.Val()), nil
}

// Changes lists what happened after a version.
func (s *Store) Changes(ctx context.Context, tenant core.TenantID, user core.UserID, after int64, limit int) (changes []core.Change, ok bool, err error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, false, err
	}
	var of beside
	var version *goredis.StringCmd
	var found *goredis.XMessageSliceCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		of = besideUser(ctx, p, k)
		version = p.HGet(ctx, k.hash(), "memory_version")
		found = p.XRangeN(ctx, k.changes(), streamID(max(after, 0)+1), "+", int64(max(limit, 1)))
	})
	if err == nil && !of.exists() {
		err = core.NotFound()
	}
	if err != nil {
		return nil, false, err
	}
	for _, m := range found.Val()[:min(len(found.Val()), max(limit, 0))] {
		changes = append(changes, changeOf(m))
	}
	// Complete when nothing was to come, or what comes is the very next.
	if after == number(version.Val()) || len(changes) > 0 && changes[0].Version == after+1 {
		return changes, true, nil
	}
	return nil, false, nil
}
