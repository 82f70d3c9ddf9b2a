package redis

import (
	"context"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// What a restore wrote can be taken back, by the images that it wrote. While it
// goes on, and until it is taken back, a mark stands in the store. Each of these
// may be run again, and on what was never written.

// restoreKey holds the mark.
var restoreKey = deployment.operation("restore")

// RestoreMark is what an unfinished restore left; "" for nothing.
func (s *Store) RestoreMark(ctx context.Context) (string, error) {
	var mark *goredis.StringCmd
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { mark = p.Get(ctx, restoreKey) }); err != nil {
		return "", err
	}
	return mark.Val(), nil
}

// SetRestoreMark sets the mark, before anything is restored; "" takes it away.
func (s *Store) SetRestoreMark(ctx context.Context, mark string) error {
	return s.pipe(ctx, func(p goredis.Pipeliner) {
		if mark == "" {
			p.Unlink(ctx, restoreKey)
		} else {
			p.Set(ctx, restoreKey, mark, 0)
		}
	})
}

// UnimportUser removes what ImportUser wrote.
func (s *Store) UnimportUser(ctx context.Context, tenant core.TenantID, u core.UserImage) error {
	k, err := keysOfUser(tenant, u.Record.ID)
	if err != nil {
		return err
	}
	var keys, places []string
	var blobs []string
	for _, c := range u.Conversations {
		if c, err := k.in(c.ID); err == nil {
			keys = append(keys, c.hash(), c.buffer(), c.sealed())
			places = append(places, c.place())
		}
	}
	for _, b := range u.Blobs {
		if key, err := k.blob(b.ID); err == nil {
			keys = append(keys, key)
			blobs = append(blobs, string(k.user)+"/"+string(b.Conversation)+"/"+string(b.ID))
		}
	}
	keys = append(keys, k.hash(), k.changes(), k.buffered(), k.conversations(), k.refs(), k.blobs(), k.blobsByTime(), k.facts(), k.factHolders(), k.cleared())
	if u.Record.RefKey != "" {
		keys = append(keys, k.userByRef(u.Record.RefKey))
	}
	for some := range slices.Chunk(append(keys, k.derivedKeys()...), chunk) {
		if err := s.pipeAlone(ctx, func(p goredis.Pipeliner) { p.Unlink(ctx, some...) }); err != nil {
			return err
		}
	}
	return s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for _, place := range places {
			p.ZRem(ctx, k.idle(), place)
			p.ZRem(ctx, k.expiryBuffers(), place)
		}
		for _, blob := range blobs {
			p.ZRem(ctx, k.expiryBlobs(), blob)
		}
		p.ZRem(ctx, k.users(), string(k.user))
	})
}

// UnimportTenant removes what BeginTenant and FinishTenant wrote, and the
// tenant's outbox; its users are to be gone.
func (s *Store) UnimportTenant(ctx context.Context, image core.TenantImage) error {
	t, err := keysOf(image.Record.ID)
	if err != nil {
		return err
	}
	calls := []call{{deleteEqual, []string{emailKey(image.EmailKey)}, []any{string(t.id)}}}
	for _, k := range image.APIKeys {
		calls = append(calls, call{releaseKeyHash, []string{hashKey(k.Hash)}, []any{string(t.id), string(k.ID)}})
	}
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { p.Unlink(ctx, t.tenant()) }); err != nil { // it has to be gone for its hashes to be released
		return err
	}
	for some := range slices.Chunk(calls, chunk) {
		if _, err := s.repeat(ctx, some); err != nil {
			return err
		}
	}
	if err := s.unlinkOwn(ctx, t); err != nil {
		return err
	}
	return s.pipe(ctx, func(p goredis.Pipeliner) { p.ZRem(ctx, registryKey, string(t.id)) })
}

// UnimportLog removes an audit log that a restore wrote; entries are those of a
// part of it.
func (s *Store) UnimportLog(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	keys := []string{t.audit(), t.auditHead(), t.auditDropped(), t.auditTimes(), t.auditCheckpoints()}
	for _, e := range entries {
		actor, kind := actorOf(e.Event.Actor), e.Event.Type
		keys = append(keys, t.auditOf(actor, ""), t.auditOf("", kind), t.auditOf(actor, kind))
	}
	slices.Sort(keys)
	if err := s.pipeAlone(ctx, func(p goredis.Pipeliner) { p.Unlink(ctx, slices.Compact(keys)...) }); err != nil {
		return err
	}
	if err := s.unlinkOwn(ctx, t); err != nil { // of a tenant that is deleted, events may be there
		return err
	}
	return s.pipe(ctx, func(p goredis.Pipeliner) { p.ZRem(ctx, auditsKey, string(tenant)) })
}

// UnimportDeployment removes what is the deployment's own.
func (s *Store) UnimportDeployment(ctx context.Context) error {
	return s.unlinkOwn(ctx, deployment)
}

// unlinkOwn removes the keys of a tenant that name no user of it and no log, and
// takes it off the deployment's lists.
func (s *Store) unlinkOwn(ctx context.Context, t tenantKeys) error {
	err := s.pipe(ctx, func(p goredis.Pipeliner) {
		p.Unlink(ctx, t.tenant(), t.usage(), t.events(), t.positions(), t.dataKeys(), t.reencryption(), t.apiKeys(), t.users(), t.exhausted(),
			t.idle(), t.expiryBlobs(), t.expiryBuffers(), t.purge(), t.deliveries(), t.deliveriesLog(), t.deliveriesPending(), t.deliveriesEnded())
	})
	if err != nil {
		return err
	}
	return s.pipe(ctx, func(p goredis.Pipeliner) {
		for _, list := range []string{rotatingKey, reservedKey, outboxesKey, outboxesReservedKey, deliveriesKey} {
			p.ZRem(ctx, list, string(t.id))
		}
	})
}
