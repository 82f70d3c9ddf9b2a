package redis

import (
	"context"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// rows empties a sorted set in bounded steps, with what remove does for each
// member in the same step.
func (p *purge) rows(ctx context.Context, key string, remove func(pipe goredis.Pipeliner, member string)) error {
	for p.left > 0 {
		var found *goredis.StringSliceCmd
		err := p.pipeAlone(ctx, func(pipe goredis.Pipeliner) { found = pipe.ZRange(ctx, key, 0, min(p.left, chunk)-1) })
		if err != nil || len(found.Val()) == 0 {
			return err
		}
		err = p.pipeAlone(ctx, func(pipe goredis.Pipeliner) {
			for _, member := range found.Val() {
				remove(pipe, member)
				pipe.ZRem(ctx, key, member)
			}
		})
		if err != nil {
			return err
		}
		p.left -= int64(len(found.Val()))
	}
	return nil
}

// user removes what a deleted user left.
func (p *purge) user(ctx context.Context, u userKeys) error {
	err := p.rows(ctx, u.conversations(), func(pipe goredis.Pipeliner, member string) {
		if c, err := u.in(core.ConversationID(member)); err == nil {
			pipe.Unlink(ctx, c.hash(), c.buffer(), c.sealed())
			pipe.ZRem(ctx, p.idle(), c.place())
			pipe.ZRem(ctx, p.expiryBuffers(), c.place())
		}
	})
	for _, list := range []string{u.blobs(), u.cleared()} {
		if err == nil {
			err = p.blobs(ctx, u, list)
		}
	}
	return err
}

// blobs removes the blobs that a list of a user's names.
func (p *purge) blobs(ctx context.Context, u userKeys, list string) error {
	return p.rows(ctx, list, func(pipe goredis.Pipeliner, member string) {
		if key, err := u.blob(core.BlobID(member[strings.Index(member, "/")+1:])); err == nil {
			pipe.Unlink(ctx, key)
			pipe.ZRem(ctx, p.expiryBlobs(), string(u.user)+"/"+member)
		}
	})
}

// conversation removes what a deleted conversation left.
func (p *purge) conversation(ctx context.Context, c conversationKeys) error {
	err := p.rows(ctx, c.sealed(), func(pipe goredis.Pipeliner, member string) {
		id, _, _ := strings.Cut(member, "/")
		if key, err := c.blob(core.BlobID(id)); err == nil {
			pipe.Unlink(ctx, key)
			pipe.ZRem(ctx, c.blobs(), string(c.conversation)+"/"+id)
			pipe.ZRem(ctx, c.blobsByTime(), id)
			pipe.ZRem(ctx, p.expiryBlobs(), c.place()+"/"+id)
		}
	})
	if err != nil || p.left <= 0 {
		return err
	}
	for cursor := uint64(0); ; {
		var found *goredis.ScanCmd
		err := p.pipeAlone(ctx, func(pipe goredis.Pipeliner) {
			found = pipe.ZScan(ctx, c.buffered(), cursor, string(c.conversation)+"/*", 1000)
		})
		if err != nil {
			return err
		}
		var members []any
		list, next := found.Val()
		for i := 0; i < len(list); i += 2 { // each with its score
			members = append(members, list[i])
		}
		if len(members) > 0 {
			if err := p.pipeAlone(ctx, func(pipe goredis.Pipeliner) { pipe.ZRem(ctx, c.buffered(), members...) }); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// cleared removes what was cleared of a user's memory: the blobs on a list, and
// the buffers of those conversations that nothing came into since.
func (p *purge) cleared(ctx context.Context, u userKeys) error {
	if err := p.blobs(ctx, u, u.cleared()); err != nil || p.left <= 0 {
		return err
	}
	for after := int64(0); ; {
		ids, last, err := p.after(ctx, u.conversations(), after, chunk, ownedByNobody)
		if err != nil || len(ids) == 0 {
			return err
		}
		calls := make([]call, 0, len(ids))
		for _, id := range ids {
			if c, err := u.in(core.ConversationID(id)); err == nil {
				calls = append(calls, call{settle, c.memoryKeys(core.Op{}), c.memoryArgs(core.Op{})})
			}
		}
		if _, err := p.repeat(ctx, calls); err != nil {
			return err
		}
		after = last
	}
}

func ownedByNobody(goredis.Pipeliner) func() bool { return func() bool { return true } }

// whole removes what a deleted tenant left, all but its events, how far they are
// relayed, its audit log and the outcomes that are to stay.
func (p *purge) whole(ctx context.Context, list []string) error {
	if err := p.apiKeys(ctx); err != nil {
		return err
	}
	if err := p.everyUser(ctx); err != nil || p.left <= 0 {
		return err
	}
	err := p.rows(ctx, p.operations(), func(pipe goredis.Pipeliner, name string) {
		if !slices.Contains(list, ofOperation+name) {
			pipe.Unlink(ctx, p.operation(name))
		}
	})
	if err != nil || p.left <= 0 {
		return err
	}
	err = p.pipe(ctx, func(pipe goredis.Pipeliner) {
		pipe.Unlink(ctx, p.usage(), p.dataKeys(), p.reencryption(), p.exhausted(), p.idle(), p.expiryBlobs(), p.expiryBuffers(), p.purge(),
			p.deliveries(), p.deliveriesLog(), p.deliveriesPending(), p.deliveriesEnded())
		pipe.ZRem(ctx, deliveriesKey, string(p.id))
		pipe.HDel(ctx, deliveryTurnsKey, string(p.id))
	})
	if err != nil {
		return err
	}
	p.left--
	return p.pipe(ctx, func(pipe goredis.Pipeliner) { pipe.ZRem(ctx, registryKey, string(p.id)) })
}

func (p *purge) everyUser(ctx context.Context) error {
	for p.left > 0 {
		var found *goredis.StringSliceCmd
		err := p.pipe(ctx, func(pipe goredis.Pipeliner) { found = pipe.ZRange(ctx, p.users(), 0, 0) })
		if err != nil || len(found.Val()) == 0 {
			return err
		}
		if err := p.liveUser(ctx, found.Val()[0]); err != nil {
			return err
		}
	}
	return nil
}

// liveUser removes a user that was there when its tenant was deleted.
func (p *purge) liveUser(ctx context.Context, id string) error {
	u, err := p.of(core.UserID(id))
	if err != nil {
		return err
	}
	if err := p.user(ctx, u); err != nil || p.left <= 0 {
		return err
	}
	var ref *goredis.StringCmd
	if err := p.pipe(ctx, func(pipe goredis.Pipeliner) { ref = pipe.HGet(ctx, u.hash(), "ref") }); err != nil {
		return err
	}
	p.left--
	return p.pipe(ctx, func(pipe goredis.Pipeliner) {
		pipe.Unlink(ctx, u.hash(), u.changes(), u.buffered(), u.blobsByTime(), u.facts(), u.factHolders(), u.refs(), u.userByRef(ref.Val()))
		pipe.Unlink(ctx, u.derivedKeys()...)
		pipe.ZRem(ctx, p.users(), id)
	})
}
