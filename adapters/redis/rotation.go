package redis

import (
	"context"
	"encoding/base64"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// keysOfOwner are the keys of who has data keys: a tenant, or the deployment.
func keysOfOwner(id core.TenantID) (tenantKeys, error) {
	if id == core.DeploymentTenant {
		return deployment, nil
	}
	return keysOf(id)
}

// textOfBytes is how bytes stand in a record.
func textOfBytes(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// additionArgs are an addition as the scripts take it: the index key's wrapped
// form as it must be, the index key's record, version and record of the new
// key, the progress, and events up to the end of the arguments.
func additionArgs(a core.DataKeyAddition) ([]any, error) {
	index, err := encodeDataKey(a.Index)
	if err != nil {
		return nil, err
	}
	key, err := encodeDataKey(a.Key)
	if err != nil {
		return nil, err
	}
	args := append([]any{textOfBytes(a.IndexWas), index, a.Key.Version, key}, progressArgs(a.Reencryption)...)
	for _, e := range a.Events {
		event, err := eventArgs(e)
		if err != nil {
			return nil, err
		}
		args = append(args, event...)
	}
	return args, nil
}

func progressArgs(r core.Reencryption) []any {
	return []any{string(r.State), r.Version, r.Done, r.Total, ms(r.StartedAt)}
}

// AddDataKey adds a data key and puts the index key under it.
func (s *Store) AddDataKey(ctx context.Context, tenant core.TenantID, op core.Op, a core.DataKeyAddition) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	args, err := additionArgs(a)
	if err != nil {
		return err
	}
	if err := s.listRotating(ctx, tenant); err != nil {
		return err
	}
	_, err = s.run(ctx, addDataKey, t.stepKeys(op, t.dataKeys(), t.reencryption()), append(stepArgs(op), args...)...)
	return err
}

// RewrapDataKey puts another wrapped form in a key's place.
func (s *Store) RewrapDataKey(ctx context.Context, tenant core.TenantID, was, now core.WrappedKey) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	version := any(was.Version)
	if now.Version != was.Version {
		version = "" // which no key has
	}
	record, err := encodeDataKey(now)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, rewrapDataKey, t.stepKeys(core.Op{}, t.dataKeys()),
		stepArgs(core.Op{}, version, textOfBytes(was.Wrapped), record)...)
	return err
}

// DestroyDataKey removes a wrapped key, and has Redis write its append-only
// file anew without it.
func (s *Store) DestroyDataKey(ctx context.Context, tenant core.TenantID, version uint32) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	answer, err := s.run(ctx, destroyDataKey, t.stepKeys(core.Op{}, t.dataKeys()), stepArgs(core.Op{}, version)...)
	if err == nil && len(answer) > 0 && answer[0] == "1" {
		s.rewriteLog(ctx, t.dataKeys())
	}
	return err
}

// Reencryption is how far the re-encryption has come.
func (s *Store) Reencryption(ctx context.Context, tenant core.TenantID) (core.Reencryption, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return core.Reencryption{}, err
	}
	var exists *goredis.IntCmd
	var hash *goredis.MapStringStringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, t.reencryption())
		exists = p.Exists(ctx, t.tenant())
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil || len(hash.Val()) == 0 {
		return core.Reencryption{}, err
	}
	return reencryptionOf(hash.Val())
}

func reencryptionOf(f fields) (core.Reencryption, error) {
	version, err := strconv.ParseUint(f["version"], 10, 32)
	if err != nil {
		return core.Reencryption{}, fault("a re-encryption to version %q", f["version"])
	}
	return core.Reencryption{
		State: core.ReencryptionState(f["state"]), Version: uint32(version),
		Done: f.int("done"), Total: f.int("total"), StartedAt: f.time("started_at"),
	}, nil
}

// SetReencryption keeps it.
func (s *Store) SetReencryption(ctx context.Context, tenant core.TenantID, r core.Reencryption) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	if unfinished(r.State) {
		if err := s.listRotating(ctx, tenant); err != nil {
			return err
		}
	}
	_, err = s.run(ctx, setReencryption, t.stepKeys(core.Op{}, t.reencryption()), stepArgs(core.Op{}, progressArgs(r)...)...)
	return err
}

func unfinished(s core.ReencryptionState) bool {
	return s == core.ReencryptionRunning || s == core.ReencryptionFailed
}
