package redis

import (
	"context"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// Who has something to re-encrypt or to destroy stands on a list of the
// deployment's, which no tenant's step can write to: another slot has it. So an
// owner is listed ahead of the step that gives it something to do, and struck
// off when it is found at rest. A reservation beside the list keeps it from
// being struck off in between.

// listRotating lists who is about to have something to do.
func (s *Store) listRotating(ctx context.Context, owner core.TenantID) error {
	_, err := s.run(ctx, reserveRotation, []string{rotatingKey, reservedKey},
		string(owner), reservation.Milliseconds())
	return err
}

// manyKeys reports whether there are more data keys than one to seal with.
func manyKeys(keys []core.WrappedKey) bool {
	versions := make([]string, 0, len(keys))
	for _, k := range keys {
		versions = append(versions, strconv.FormatUint(uint64(k.Version), 10))
	}
	return manyVersions(versions)
}

func manyVersions(versions []string) bool {
	n := len(versions)
	if slices.Contains(versions, indexVersion) {
		n--
	}
	return n > 1
}

// indexVersion is the index key's as a field.
var indexVersion = strconv.FormatUint(uint64(core.IndexKeyVersion), 10)

// Rotating lists who has something to re-encrypt or to destroy.
func (s *Store) Rotating(ctx context.Context, after core.TenantID, limit int) (list []core.TenantID, err error) {
	for more := true; more && err == nil && len(list) < limit; {
		var owners, busy []core.TenantID
		if owners, err = s.members(ctx, rotatingKey, after); err != nil || len(owners) == 0 {
			break
		}
		busy, err = s.busy(ctx, owners)
		list = append(list, busy...)
		after, more = owners[len(owners)-1], len(owners) == chunk
	}
	if err != nil {
		return nil, err
	}
	return list[:min(len(list), max(limit, 0))], nil
}

// busy is those of the owners that have something to do. The others are struck
// off the list, if nobody is about to give them something.
func (s *Store) busy(ctx context.Context, owners []core.TenantID) ([]core.TenantID, error) {
	checks := make([]func() bool, len(owners))
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, id := range owners {
			checks[i] = checkBusy(ctx, p, id)
		}
	})
	if err != nil {
		return nil, err
	}
	var busy []core.TenantID
	strike := call{script: releaseRotation, keys: []string{rotatingKey, reservedKey}}
	for i, id := range owners {
		if checks[i]() {
			busy = append(busy, id)
		} else {
			strike.args = append(strike.args, string(id))
		}
	}
	if len(strike.args) > 0 {
		_, err = s.repeat(ctx, []call{strike})
	}
	return busy, err
}

// checkBusy reads what tells whether an owner has something to do.
func checkBusy(ctx context.Context, p goredis.Pipeliner, owner core.TenantID) func() bool {
	t, err := keysOfOwner(owner)
	if err != nil {
		return func() bool { return false }
	}
	exists := p.Exists(ctx, t.tenant())
	versions := p.HKeys(ctx, t.dataKeys())
	state := p.HGet(ctx, t.reencryption(), "state")
	return func() bool {
		return exists.Val() == 1 && (manyVersions(versions.Val()) || unfinished(core.ReencryptionState(state.Val())))
	}
}
