package redis

import (
	"context"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// Blobs lists the user's blobs by Position.
func (s *Store) Blobs(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page, payload bool) ([]core.BlobRecord, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, err
	}
	ids := func(after, limit int64) ([]string, int64, error) {
		return s.after(ctx, k.blobs(), after, limit, ownedBy(ctx, k))
	}
	load := func(members []string) ([]core.BlobRecord, error) {
		ids := make([]core.BlobID, 0, len(members))
		for _, member := range members {
			_, id, _ := strings.Cut(member, "/")
			ids = append(ids, core.BlobID(id))
		}
		return s.loadBlobs(ctx, k, members, ids, payload)
	}
	return pages(page.After, page.Limit, ids, load)
}

// loadBlobs reads those blobs that are there, of conversations that are there;
// what begins each of in, up to a slash, is their conversation. Blobs without
// their payload come when payload is not set.
func (s *Store) loadBlobs(ctx context.Context, k userKeys, in []string, ids []core.BlobID, payload bool) ([]core.BlobRecord, error) {
	var of beside
	hashes := make([]*goredis.SliceCmd, len(ids))
	conversations := map[core.ConversationID]*goredis.IntCmd{}
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		of = besideUser(ctx, p, k)
		for i, id := range ids {
			if key, err := k.blob(id); err == nil {
				hashes[i] = p.HMGet(ctx, key, blobFieldsOf(payload)...)
			}
		}
		for _, member := range in {
			id, _, _ := strings.Cut(member, "/")
			c, err := k.in(core.ConversationID(id))
			if _, asked := conversations[c.conversation]; err == nil && !asked {
				conversations[c.conversation] = p.Exists(ctx, c.hash())
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var list []core.BlobRecord
	for i, cmd := range hashes {
		if cmd == nil {
			continue
		}
		b, ok, err := blobOf(k.user, ids[i], of.epoch(), cmd, payload)
		if err != nil {
			return nil, err
		}
		there := conversations[b.Conversation]
		if ok && (b.Conversation == "" || there != nil && there.Val() == 1) {
			list = append(list, b)
		}
	}
	return list, nil
}

// Blob returns one with its payload.
func (s *Store) Blob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID) (core.BlobRecord, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return core.BlobRecord{}, err
	}
	return s.blob(ctx, k, id, true)
}

// blob reads a blob, then whether its conversation is still there: the blob may
// be about to be purged.
func (s *Store) blob(ctx context.Context, k userKeys, id core.BlobID, payload bool) (core.BlobRecord, error) {
	key, err := k.blob(id)
	if err != nil {
		return core.BlobRecord{}, err
	}
	var of beside
	var hash *goredis.SliceCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		of = besideUser(ctx, p, k)
		hash = p.HMGet(ctx, key, blobFieldsOf(payload)...)
	})
	if err != nil {
		return core.BlobRecord{}, err
	}
	b, ok, err := blobOf(k.user, id, of.epoch(), hash, payload)
	if err == nil && (!ok || !of.exists()) {
		err = core.NotFound()
	}
	if err != nil {
		return core.BlobRecord{}, err
	}
	if b.Conversation == "" { // a fact
		return b, nil
	}
	c, err := k.in(b.Conversation)
	if err != nil {
		return core.BlobRecord{}, err
	}
	var there *goredis.IntCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) { there = c.there(ctx, p) })
	if err == nil && there.Val() != 3 {
		err = core.NotFound()
	}
	if err != nil {
		return core.BlobRecord{}, err
	}
	return b, nil
}

// ConversationBlobs lists the headers of a conversation's blobs.
func (s *Store) ConversationBlobs(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) ([]core.BlobRecord, error) {
	k, err := keysOfConversation(tenant, user, conversation)
	if err != nil {
		return nil, err
	}
	var of beside
	var found *goredis.StringSliceCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		of = besideConversation(ctx, p, k)
		found = p.ZRange(ctx, k.sealed(), 0, -1)
	})
	if err == nil && !of.exists() {
		err = core.NotFound()
	}
	if err != nil || !of.holds() {
		return nil, err
	}
	var list []core.BlobRecord
	for members := range slices.Chunk(found.Val(), chunk) {
		ids := make([]core.BlobID, 0, len(members))
		for _, member := range members {
			id, _, _ := strings.Cut(member, "/")
			ids = append(ids, core.BlobID(id))
		}
		blobs, err := s.loadBlobs(ctx, k.userKeys, []string{string(conversation)}, ids, false)
		if err != nil {
			return nil, err
		}
		list = append(list, blobs...)
	}
	return list, nil
}

// UserBuffer lists what is buffered of all the user's conversations.
func (s *Store) UserBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, err
	}
	places := func(after, limit int64) ([]string, int64, error) {
		return s.after(ctx, k.buffered(), after, limit, ownedBy(ctx, k))
	}
	load := func(places []string) (list []core.BufferEntry, err error) {
		entries := make([]*goredis.XMessageSliceCmd, len(places))
		err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for i, place := range places {
				conversation, n, _ := strings.Cut(place, "/")
				if c, err := k.in(core.ConversationID(conversation)); err == nil {
					entries[i] = p.XRange(ctx, c.buffer(), n, n)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for i, cmd := range entries {
			if cmd != nil && len(cmd.Val()) == 1 {
				conversation, _, _ := strings.Cut(places[i], "/")
				list = append(list, entryOf(core.ConversationID(conversation), cmd.Val()[0]))
			}
		}
		return list, nil
	}
	return pages(page.After, page.Limit, places, load)
}
