package redis

import (
	"context"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// entryOf reads an entry of a buffer's stream. Its number is its id there.
func entryOf(conversation core.ConversationID, m goredis.XMessage) core.BufferEntry {
	f := textOf(m)
	return core.BufferEntry{
		ID: core.InteractionID(f["id"]), Conversation: conversation, Number: streamNumber(m.ID),
		Position: f.int("position"), Sealed: []byte(f["sealed"]), AcceptedAt: f.time("accepted_at"),
	}
}

// streamNumber is the number that a stream's id begins with.
func streamNumber(id string) int64 {
	n, _, _ := strings.Cut(id, "-")
	return number(n)
}

// streamID is the id of a number in a stream.
func streamID(n int64) string { return fmt.Sprintf("%d-0", n) }

// afterID is where a stream is read from after a number.
func afterID(n int64) string {
	if n <= 0 {
		return "-"
	}
	return "(" + streamID(n)
}

// Append adds interactions to a buffer.
func (s *Store) Append(ctx context.Context, tenant core.TenantID, op core.Op, a core.Append) (core.Appended, error) {
	k, err := keysOfConversation(tenant, a.User, a.Conversation)
	if err != nil {
		return core.Appended{}, err
	}
	args, err := withEntries(k.memoryArgs(op, ms(a.At)), a.Entries)
	if err != nil {
		return core.Appended{}, err
	}
	answer, err := s.run(ctx, appendEntries, k.bufferKeys(op), args...)
	if err != nil {
		return core.Appended{}, err
	}
	return appendedOf(answer), nil
}

// withEntries adds entries to a script's arguments: how many, and of each id, when
// accepted and sealed bytes.
func withEntries(args []any, entries []core.BufferEntry) ([]any, error) {
	args = append(args, len(entries))
	for _, e := range entries {
		if !e.ID.Valid() {
			return nil, core.NotFound()
		}
		args = append(args, string(e.ID), ms(e.AcceptedAt), e.Sealed)
	}
	return args, nil
}

// appendedOf reads an append's outcome: first number, how many are buffered, and
// the ids of what is new and of the blobs that came with it.
func appendedOf(answer []string) core.Appended {
	out := core.Appended{IDs: make([]core.InteractionID, 0, len(answer)-2), First: number(answer[0]), Buffered: number(answer[1])}
	for _, id := range answer[2:] {
		if blob := core.BlobID(id); blob.Valid() {
			out.Blobs = append(out.Blobs, blob)
		} else {
			out.IDs = append(out.IDs, core.InteractionID(id))
		}
	}
	return out
}

// AppendSealed adds interactions of which the first come in blobs, together with
// what is buffered.
func (s *Store) AppendSealed(ctx context.Context, tenant core.TenantID, op core.Op, a core.AppendSealed) (core.Appended, error) {
	k, err := keysOfConversation(tenant, a.User, a.Conversation)
	if err != nil {
		return core.Appended{}, err
	}
	event, err := eventArgs(a.Event)
	if err != nil {
		return core.Appended{}, err
	}
	args := append(append(k.memoryArgs(op), event...), ms(a.At), len(a.Head))
	for _, id := range a.Head {
		if !id.Valid() {
			return core.Appended{}, core.NotFound()
		}
		args = append(args, string(id))
	}
	numbers := 0
	for _, b := range a.Blobs {
		for _, n := range b.Numbers {
			args = append(args, n)
		}
		numbers += len(b.Numbers)
	}
	if numbers != len(a.Head) {
		return core.Appended{}, versionConflict()
	}
	keys, args, err := k.withBlobs(k.memoryKeys(op), args, a.Blobs)
	if err != nil {
		return core.Appended{}, err
	}
	if args, err = withEntries(args, a.Entries); err != nil {
		return core.Appended{}, err
	}
	answer, err := s.run(ctx, appendSealed, keys, args...)
	if err != nil {
		return core.Appended{}, err
	}
	return appendedOf(answer), nil
}

// Buffered returns the head of a buffer.
func (s *Store) Buffered(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, limit int) ([]core.BufferEntry, error) {
	k, err := keysOfConversation(tenant, user, conversation)
	if err != nil {
		return nil, err
	}
	var of beside
	var found *goredis.XMessageSliceCmd
	var there *goredis.IntCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		of = besideConversation(ctx, p, k) // before: an append makes what was cleared look as if it held
		found = p.XRangeN(ctx, k.buffer(), "-", "+", int64(max(limit, 1)))
		there = k.there(ctx, p)
	})
	if err == nil && (!of.exists() || there.Val() != 3) {
		err = core.NotFound()
	}
	if err != nil || limit <= 0 || !of.holds() {
		return nil, err
	}
	var entries []core.BufferEntry
	for _, m := range found.Val() {
		entries = append(entries, entryOf(conversation, m))
	}
	return entries, nil
}

// CommitFlush puts blobs in the place of a buffer's head.
func (s *Store) CommitFlush(ctx context.Context, tenant core.TenantID, op core.Op, f core.Flush) (left int64, err error) {
	k, err := keysOfConversation(tenant, f.User, f.Conversation)
	if err != nil {
		return 0, err
	}
	event, err := eventArgs(f.Event)
	if err != nil {
		return 0, err
	}
	args := append(append(k.memoryArgs(op), event...), len(f.Head))
	for _, id := range f.Head {
		args = append(args, string(id))
	}
	keys, args, err := k.withBlobs(k.memoryKeys(op), args, f.Blobs)
	if err != nil {
		return 0, err
	}
	answer, err := s.run(ctx, commitFlush, keys, args...)
	if err != nil {
		return 0, err
	}
	return number(answer[0]), nil
}

// withBlobs adds new blobs to a script's keys and arguments: how many, and of each
// what blobArgs gives and its version.
func (c conversationKeys) withBlobs(keys []string, args []any, blobs []core.BlobRecord) ([]string, []any, error) {
	args = append(args, len(blobs))
	seen := map[core.BlobID]bool{}
	for _, b := range blobs {
		key, err := c.blob(b.ID)
		if err != nil {
			return nil, nil, err
		}
		if seen[b.ID] {
			return nil, nil, fmt.Errorf("redis: a flush makes the blob %s twice", b.ID)
		}
		seen[b.ID] = true
		blob, err := blobArgs(b)
		if err != nil {
			return nil, nil, err
		}
		keys, args = append(keys, key), append(append(args, blob...), max(b.Version, 1))
	}
	return keys, args, nil
}

// IdleBuffers lists buffers that nothing came into for a while. It begins after
// the tenant whose buffers came last the time before, so that the buffers of
// one tenant, if they can't be sealed, don't stand before those of all others.
func (s *Store) IdleBuffers(ctx context.Context, before time.Time, limit int) ([]core.BufferPlace, error) {
	s.mu.Lock()
	from := s.idleFrom
	s.mu.Unlock()
	var places []core.BufferPlace
	err := s.everyTenant(ctx, from, func(batch []core.TenantID) (bool, error) {
		found, err := s.idleOf(ctx, batch, before, limit-len(places))
		places = append(places, found...)
		return len(places) < limit, err
	})
	if err != nil {
		return nil, err
	}
	places = places[:min(len(places), max(limit, 0))]
	if len(places) > 0 {
		s.mu.Lock()
		s.idleFrom = places[len(places)-1].Tenant
		s.mu.Unlock()
	}
	return places, nil
}

func (s *Store) idleOf(ctx context.Context, tenants []core.TenantID, before time.Time, limit int) ([]core.BufferPlace, error) {
	exist := make([]*goredis.IntCmd, len(tenants))
	idle := make([]*goredis.StringSliceCmd, len(tenants))
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, id := range tenants {
			if t, err := keysOf(id); err == nil {
				exist[i] = p.Exists(ctx, t.tenant())
				idle[i] = p.ZRangeByScore(ctx, t.idle(), &goredis.ZRangeBy{
					Min: "-inf", Max: below(before), Count: int64(max(limit, 1)),
				})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var found []listed
	for i, id := range tenants {
		if exist[i] != nil && exist[i].Val() == 1 {
			for _, member := range idle[i].Val() {
				found = append(found, listed{id, member})
			}
		}
	}
	held, err := s.held(ctx, found)
	places := make([]core.BufferPlace, 0, len(held))
	for _, at := range held {
		p := placeOf(at.member)
		places = append(places, core.BufferPlace{Tenant: at.tenant, User: p.User, Conversation: p.Conversation})
	}
	return places, err
}
