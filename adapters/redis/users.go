package redis

import (
	"context"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

func userOf(id core.UserID, f fields) core.UserRecord {
	return core.UserRecord{
		ID: id, RefKey: f["ref"], Sealed: []byte(f["sealed"]), Version: f.int("version"), Position: f.int("position"),
		CreatedAt: f.time("created_at"), UpdatedAt: f.time("updated_at"),
	}
}

// userFrom reads what the scripts answer: the id, then the hash.
func userFrom(answer outcome) (core.UserRecord, error) {
	if len(answer) == 0 {
		return core.UserRecord{}, fault("a user without an id")
	}
	return userOf(core.UserID(answer[0]), pairs(answer[1:])), nil
}

// CreateUser adds a user.
func (s *Store) CreateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.NewUser) (core.UserRecord, error) {
	r := u.Record
	k, err := keysOfUser(tenant, r.ID)
	if err != nil {
		return core.UserRecord{}, err
	}
	event, err := eventArgs(u.Event)
	if err != nil {
		return core.UserRecord{}, err
	}
	full, err := eventArgs(u.Exhausted)
	if err != nil {
		return core.UserRecord{}, err
	}
	args := slices.Concat(stepArgs(op, string(r.ID), r.RefKey, r.Sealed, max(r.Version, 1), ms(r.CreatedAt), ms(r.UpdatedAt)), event, full)
	answer, err := s.run(ctx, createUser, k.stepKeys(op, k.hash(), k.users(), k.userByRef(r.RefKey)), args...)
	if err != nil {
		return core.UserRecord{}, err
	}
	return userFrom(answer)
}

// User returns one.
func (s *Store) User(ctx context.Context, tenant core.TenantID, id core.UserID) (core.UserRecord, error) {
	k, err := keysOfUser(tenant, id)
	if err != nil {
		return core.UserRecord{}, err
	}
	var exists *goredis.IntCmd
	var hash *goredis.MapStringStringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, k.hash())
		exists = p.Exists(ctx, k.tenant())
	})
	if err == nil && (exists.Val() == 0 || len(hash.Val()) == 0) {
		err = core.NotFound()
	}
	if err != nil {
		return core.UserRecord{}, err
	}
	return userOf(id, hash.Val()), nil
}

// UserByRef returns the one with that reference.
func (s *Store) UserByRef(ctx context.Context, tenant core.TenantID, refKey string) (core.UserRecord, error) {
	t, err := keysOf(tenant)
	if err == nil && refKey == "" {
		err = core.NotFound()
	}
	if err != nil {
		return core.UserRecord{}, err
	}
	var id *goredis.StringCmd
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { id = p.Get(ctx, t.userByRef(refKey)) }); err != nil {
		return core.UserRecord{}, err
	}
	r, err := s.User(ctx, tenant, core.UserID(id.Val()))
	if err == nil && r.RefKey != refKey {
		err = core.NotFound()
	}
	if err != nil {
		return core.UserRecord{}, err
	}
	return r, nil
}

// Users lists users by Position.
func (s *Store) Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error) {
	t, err := keysOf(tenant)
	if err != nil {
		return nil, err
	}
	ids := func(after, limit int64) ([]string, int64, error) {
		return s.after(ctx, t.users(), after, limit, func(p goredis.Pipeliner) func() bool {
			exists := p.Exists(ctx, t.tenant())
			return func() bool { return exists.Val() == 1 }
		})
	}
	load := func(ids []string) (list []core.UserRecord, err error) {
		hashes := make([]*goredis.MapStringStringCmd, len(ids))
		err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for i, id := range ids {
				if k, err := t.of(core.UserID(id)); err == nil {
					hashes[i] = p.HGetAll(ctx, k.hash())
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for i, hash := range hashes {
			if hash != nil && len(hash.Val()) > 0 {
				list = append(list, userOf(core.UserID(ids[i]), hash.Val()))
			}
		}
		return list, nil
	}
	return pages(page.After, page.Limit, ids, load)
}

// after reads members of a sorted set after a score, with the last one's score,
// and beside them what says whether their owner exists.
func (s *Store) after(ctx context.Context, key string, after, limit int64, owner func(goredis.Pipeliner) (exists func() bool)) ([]string, int64, error) {
	var exists func() bool
	var found *goredis.ZSliceCmd
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		found = p.ZRangeByScoreWithScores(ctx, key, &goredis.ZRangeBy{
			Min: "(" + strconv.FormatInt(after, 10), Max: "+inf", Count: max(limit, 1),
		})
		exists = owner(p)
	})
	if err == nil && !exists() {
		err = core.NotFound()
	}
	if err != nil || limit <= 0 {
		return nil, after, err
	}
	members := make([]string, 0, len(found.Val()))
	for _, z := range found.Val() {
		if member, ok := z.Member.(string); ok {
			members = append(members, member)
		}
		after = int64(z.Score)
	}
	return members, after, nil
}

// UpdateUser replaces the sealed part.
func (s *Store) UpdateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.UserUpdate) (core.UserRecord, error) {
	k, err := keysOfUser(tenant, u.ID)
	if err != nil {
		return core.UserRecord{}, err
	}
	event, err := eventArgs(u.Event)
	if err != nil {
		return core.UserRecord{}, err
	}
	args := append(stepArgs(op, string(u.ID), u.Sealed, u.IfVersion, ms(u.At)), event...)
	answer, err := s.run(ctx, updateUser, k.stepKeys(op, k.hash()), args...)
	if err != nil {
		return core.UserRecord{}, err
	}
	return userFrom(answer)
}

// DeleteUser removes a user with all it has. The reference, which a user keeps
// for life, is read first: the script has to name its key.
func (s *Store) DeleteUser(ctx context.Context, tenant core.TenantID, op core.Op, id core.UserID, event core.Event) error {
	k, err := keysOfUser(tenant, id)
	if err != nil {
		return err
	}
	told, err := eventArgs(event)
	if err != nil {
		return err
	}
	var ref *goredis.StringCmd
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { ref = p.HGet(ctx, k.hash(), "ref") }); err != nil {
		return err
	}
	keys := k.stepKeys(op, k.hash(), k.users(), k.userByRef(ref.Val()), k.exhausted(), k.purge(),
		k.changes(), k.buffered(), k.blobsByTime(), k.refs(), k.facts(), k.factHolders(), k.derived(), k.derivedIDs(), k.derivedParts())
	answer, err := s.run(ctx, deleteUser, keys, append(stepArgs(op, string(id), ref.Val()), told...)...)
	return s.clean(ctx, k.tenantKeys, string(id), answer, err)
}
