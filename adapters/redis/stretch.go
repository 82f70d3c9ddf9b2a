package redis

import (
	"context"
	"fmt"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// rereads bounds how often a stretch is read anew because what it is in was
// rewritten meanwhile.
const rereads = 20

// Stretch reads a part of a conversation. A script finds, as of one moment, the
// blobs it is in and what is buffered; the blobs are read after, and do not
// change but by a rewrite or a deletion, after which all is read anew.
func (s *Store) Stretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, w core.Window) (core.Stretch, error) {
	k, err := keysOfConversation(tenant, user, conversation)
	if err != nil {
		return core.Stretch{}, err
	}
	back := ""
	if w.Desc {
		back = "1"
	}
	keys := []string{k.tenant(), k.userKeys.hash(), k.hash(), k.sealed(), k.buffer()}
	for range rereads {
		answer, err := s.query(ctx, readStretch, keys, max(w.After, 0), back, max(w.Limit, 0))
		if err != nil {
			return core.Stretch{}, err
		}
		part := partOf(answer)
		blobs, same, err := s.blobsOf(ctx, k, part)
		if err != nil {
			return core.Stretch{}, err
		}
		if same {
			return cut(blobs, part.entries(conversation), w), nil
		}
	}
	return core.Stretch{}, core.Unavailable(fmt.Errorf("redis: a conversation was rewritten %d times while it was read", rereads))
}

// part is what the script found.
type part struct {
	epoch, rewrites string
	blobs           []string
	buffered        []string // number, id, position, when accepted and sealed bytes of each
}

func partOf(answer outcome) part {
	n := int(number(answer[2]))
	return part{epoch: answer[0], rewrites: answer[1], blobs: answer[3 : 3+n], buffered: answer[3+n:]}
}

func (p part) entries(conversation core.ConversationID) (list []core.BufferEntry) {
	for e := range slices.Chunk(p.buffered, 5) {
		list = append(list, core.BufferEntry{
			Number: number(e[0]), ID: core.InteractionID(e[1]), Position: number(e[2]), Conversation: conversation,
			AcceptedAt: timeOf(number(e[3])), Sealed: []byte(e[4]),
		})
	}
	return list
}

// blobsOf reads the blobs; same is false when they are not what they were.
func (s *Store) blobsOf(ctx context.Context, k conversationKeys, found part) (list []core.BlobRecord, same bool, err error) {
	for ids := range slices.Chunk(found.blobs, chunk) {
		var of beside
		var rewrites *goredis.StringCmd
		hashes := make([]*goredis.SliceCmd, len(ids))
		err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for i, id := range ids {
				if key, err := k.blob(core.BlobID(id)); err == nil {
					hashes[i] = p.HMGet(ctx, key, blobFields...)
				}
			}
			rewrites = p.HGet(ctx, k.hash(), "rewrites") // after: if it is the same, so were they
			of = besideConversation(ctx, p, k)
		})
		if err == nil && !of.exists() {
			err = core.NotFound()
		}
		if err != nil {
			return nil, false, err
		}
		if of.epoch() != found.epoch || number(rewrites.Val()) != number(found.rewrites) {
			return nil, false, nil
		}
		for i, id := range ids {
			b, ok, err := blobOf(k.user, core.BlobID(id), found.epoch, hashes[i], true)
			if err != nil || !ok {
				return nil, false, err
			}
			list = append(list, b)
		}
	}
	return list, true, nil
}

// cut leaves away what the window's limit does not need.
func cut(blobs []core.BlobRecord, entries []core.BufferEntry, w core.Window) (out core.Stretch) {
	left := w.Limit
	buffered := func() {
		out.Buffered = entries[:min(len(entries), max(left, 0))]
		left -= len(out.Buffered)
	}
	if w.Desc {
		buffered()
	}
	for _, b := range blobs {
		if left <= 0 {
			break
		}
		out.Blobs = append(out.Blobs, b)
		for _, n := range b.Numbers {
			if w.Holds(n) {
				left--
			}
		}
	}
	if !w.Desc {
		buffered()
	}
	return out
}
