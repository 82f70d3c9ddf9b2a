package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// RewriteBlob replaces a blob. What it holds is read first: a blob of the same
// version holds the same, and the script makes sure of the version.
func (s *Store) RewriteBlob(ctx context.Context, tenant core.TenantID, op core.Op, r core.BlobRewrite) error {
	event := noEvent
	if r.Event != nil {
		var err error
		if event, err = eventArgs(*r.Event); err != nil {
			return err
		}
	}
	return s.onBlob(ctx, tenant, r.New.User, r.New.ID, rewriteBlob, op, func(old core.BlobRecord) ([]any, error) {
		blob, err := blobArgs(r.New)
		var gone []core.InteractionID
		var numbers []string
		for i, id := range old.Interactions {
			if !slices.Contains(r.New.Interactions, id) {
				gone, numbers = append(gone, id), append(numbers, strconv.FormatInt(old.Numbers[i], 10))
			}
		}
		return slices.Concat(event, []any{r.IfVersion}, blob, []any{join(gone), len(gone), join(numbers)}), err
	})
}

// DeleteBlob removes a blob.
func (s *Store) DeleteBlob(ctx context.Context, tenant core.TenantID, op core.Op, d core.BlobDelete) error {
	event, err := eventArgs(d.Event)
	if err != nil {
		return err
	}
	return s.onBlob(ctx, tenant, d.User, d.ID, deleteBlob, op, func(old core.BlobRecord) ([]any, error) {
		var numbers []string
		for _, n := range old.Numbers {
			numbers = append(numbers, strconv.FormatInt(n, 10))
		}
		return append(event, d.IfVersion, string(d.ID), join(old.Interactions), len(old.Interactions), join(numbers)), nil
	})
}

// onBlob runs a step on a blob that is there. An operation that was done before
// finds its outcome even if the blob is gone, by the conversation that it had.
func (s *Store) onBlob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID, step *script, op core.Op,
	args func(old core.BlobRecord) ([]any, error),
) error {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return err
	}
	key, err := k.blob(id)
	if err != nil {
		return err
	}
	old, err := s.blob(ctx, k, id, false)
	if core.Is(err, core.CodeNotFound) && remembered(op) != "" {
		_, err = s.run(ctx, replayed, k.stepKeys(op), stepArgs(op)...)
	} else if err == nil {
		err = s.runOnBlob(ctx, k, key, old, step, op, args)
	}
	return err
}

func (s *Store) runOnBlob(ctx context.Context, k userKeys, key string, old core.BlobRecord, step *script, op core.Op,
	args func(old core.BlobRecord) ([]any, error),
) error {
	c, err := k.in(old.Conversation)
	if err != nil {
		return err
	}
	more, err := args(old)
	if err != nil {
		return err
	}
	keys := append(c.memoryKeys(op, key), c.derivedKeys()...)
	_, err = s.run(ctx, step, keys, c.memoryArgs(op, more...)...)
	return err
}

// DeleteBuffered removes entries from a buffer.
func (s *Store) DeleteBuffered(ctx context.Context, tenant core.TenantID, op core.Op, d core.BufferDelete) (removed int64, err error) {
	k, err := keysOfConversation(tenant, d.User, d.Conversation)
	if err != nil {
		return 0, err
	}
	event, err := eventArgs(d.Event)
	if err != nil {
		return 0, err
	}
	args := append(k.memoryArgs(op), event...)
	for _, id := range d.IDs {
		args = append(args, string(id))
	}
	answer, err := s.run(ctx, deleteBuffered, k.memoryKeys(op, k.derivedKeys()...), args...)
	if err != nil {
		return 0, err
	}
	return number(answer[0]), nil
}

// ClearMemory removes all memory of a user.
func (s *Store) ClearMemory(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, event core.Event) error {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return err
	}
	told, err := eventArgs(event)
	if err != nil {
		return err
	}
	keys := k.stepKeys(op, k.hash(), k.changes(), k.buffered(), k.blobs(), k.blobsByTime(), k.cleared(), k.purge(),
		k.facts(), k.factHolders(), k.derived(), k.derivedIDs(), k.derivedParts())
	answer, err := s.run(ctx, clearMemory, keys, append(stepArgs(op, string(user)), told...)...)
	return s.clean(ctx, k.tenantKeys, string(user)+"/"+cleared, answer, err)
}

// Expired lists what holds something accepted before a time.
func (s *Store) Expired(ctx context.Context, tenant core.TenantID, before time.Time, limit int) ([]core.ExpiredPlace, error) {
	t, err := keysOf(tenant)
	if err != nil {
		return nil, err
	}
	by := &goredis.ZRangeBy{Min: "-inf", Max: below(before), Count: int64(max(limit, 1))}
	var exists *goredis.IntCmd
	var blobs, buffers *goredis.ZSliceCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		exists = p.Exists(ctx, t.tenant())
		blobs = p.ZRangeByScoreWithScores(ctx, t.expiryBlobs(), by)
		buffers = p.ZRangeByScoreWithScores(ctx, t.expiryBuffers(), by)
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return nil, err
	}
	found := append(blobs.Val(), buffers.Val()...)
	slices.SortStableFunc(found, func(a, b goredis.Z) int { return cmp.Compare(a.Score, b.Score) })
	var members []listed
	for _, z := range found[:min(len(found), max(limit, 0))] {
		if member, ok := z.Member.(string); ok {
			members = append(members, listed{tenant, member})
		}
	}
	held, err := s.held(ctx, members)
	var places []core.ExpiredPlace
	for _, at := range held {
		places = append(places, placeOf(at.member))
	}
	return places, err
}
