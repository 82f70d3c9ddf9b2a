package redis

import (
	"context"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

func tenantOf(id core.TenantID, f fields) core.TenantRecord {
	return core.TenantRecord{
		ID: id, Profile: []byte(f["profile"]),
		Settings: core.Settings{
			RetentionDays: f.int("retention_days"), MaxUsers: f.int("max_users"),
			MaxConversationsPerUser: f.int("max_conversations_per_user"), BatchSize: f.int("batch_size"),
			EncryptionMode: core.EncryptionMode(f["encryption_mode"]), RateLimitPerMinute: f.int("rate_limit_per_minute"),
			AuditReads: f["audit_reads"] == "1",
		},
		Version: f.int("version"), CreatedAt: f.time("created_at"), UpdatedAt: f.time("updated_at"),
		SuspendedAt: f.maybeTime("suspended_at"),
	}
}

// tenantFrom reads what the scripts answer: the id, then the hash.
func tenantFrom(answer outcome) (core.TenantRecord, error) {
	if len(answer) == 0 {
		return core.TenantRecord{}, fault("a tenant without an id")
	}
	return tenantOf(core.TenantID(answer[0]), pairs(answer[1:])), nil
}

// flag is how a hash keeps a bool. What is not there is false.
func flag(set bool) string {
	if set {
		return "1"
	}
	return "0"
}

func settingsArgs(s core.Settings) []any {
	return []any{
		s.RetentionDays, s.MaxUsers, s.MaxConversationsPerUser, s.BatchSize,
		string(s.EncryptionMode), s.RateLimitPerMinute, flag(s.AuditReads),
	}
}

// Tenant returns one.
func (s *Store) Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error) {
	t, err := keysOf(id)
	if err != nil {
		return core.TenantRecord{}, err
	}
	var hash *goredis.MapStringStringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) { hash = p.HGetAll(ctx, t.tenant()) })
	if err == nil && len(hash.Val()) == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return core.TenantRecord{}, err
	}
	return tenantOf(id, hash.Val()), nil
}

// UpdateTenant replaces profile, settings and suspension.
func (s *Store) UpdateTenant(ctx context.Context, id core.TenantID, op core.Op, u core.TenantUpdate) (core.TenantRecord, error) {
	t, err := keysOf(id)
	if err != nil {
		return core.TenantRecord{}, err
	}
	event, err := eventArgs(u.Event)
	if err != nil {
		return core.TenantRecord{}, err
	}
	args := slices.Concat(stepArgs(op, string(id), u.Profile), settingsArgs(u.Settings), []any{u.IfVersion, ms(u.At), maybeMS(u.SuspendedAt)}, event)
	if u.Key != nil {
		addition, err := additionArgs(*u.Key)
		if err != nil {
			return core.TenantRecord{}, err
		}
		if err := s.listRotating(ctx, id); err != nil {
			return core.TenantRecord{}, err
		}
		args = append(args, addition...)
	}
	answer, err := s.run(ctx, updateTenant, t.stepKeys(op, t.exhausted(), t.dataKeys(), t.reencryption()), args...)
	if err != nil {
		return core.TenantRecord{}, err
	}
	return tenantFrom(answer)
}

// DeleteTenant makes the tenant unreadable and unreachable. What is left of it
// in the index keys goes before the return or by PurgeTenants, whichever is
// first; none of it leads anywhere.
func (s *Store) DeleteTenant(ctx context.Context, id core.TenantID, op core.Op, event core.Event) error {
	t, err := keysOf(id)
	if err != nil {
		return err
	}
	told, err := eventArgs(event)
	if err != nil {
		return err
	}
	answer, err := s.run(ctx, deleteTenant, t.stepKeys(op, t.dataKeys(), t.reencryption(), t.purge()), append(append(stepArgs(op), told...), event.Webhook)...)
	if err != nil {
		return err
	}
	s.rewriteLog(ctx, t.dataKeys())
	p := purge{Store: s, tenantKeys: t, left: everything}
	if err := p.apiKeys(ctx); err == nil && len(answer) > 0 {
		_ = p.email(ctx, answer[0]) // the step is done; what is left is on the list
	}
	return nil
}

// TenantIDs lists tenants by id. The registry also has those that are being
// made or purged.
func (s *Store) TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	var ids []core.TenantID
	err := s.eachTenant(ctx, after, "", func(batch []core.TenantID) (bool, error) {
		live, err := s.living(ctx, batch)
		if err != nil {
			return false, err
		}
		ids = append(ids, live...)
		return len(ids) < limit, nil
	})
	if err != nil {
		return nil, err
	}
	return ids[:min(len(ids), max(limit, 0))], nil
}

// eachTenant gives the registry's ids in batches, ascending, from after one id
// up to another one; "" is either end. It stops when visit returns false.
func (s *Store) eachTenant(ctx context.Context, after, last core.TenantID, visit func([]core.TenantID) (more bool, err error)) error {
	upTo := "+"
	if last != "" {
		upTo = "[" + string(last)
	}
	for {
		from := "-"
		if after != "" {
			from = "(" + string(after)
		}
		var found *goredis.StringSliceCmd
		err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			found = p.ZRangeByLex(ctx, registryKey, &goredis.ZRangeBy{Min: from, Max: upTo, Count: chunk})
		})
		if err != nil || len(found.Val()) == 0 {
			return err
		}
		batch := make([]core.TenantID, 0, len(found.Val()))
		for _, id := range found.Val() {
			batch = append(batch, core.TenantID(id))
		}
		if more, err := visit(batch); err != nil || !more || len(batch) < chunk {
			return err
		}
		after = batch[len(batch)-1]
	}
}

// everyTenant gives all of the registry in batches, beginning after one id and
// going round, so that who stops early can go on there the next time.
func (s *Store) everyTenant(ctx context.Context, after core.TenantID, visit func([]core.TenantID) (more bool, err error)) error {
	stopped := false
	look := func(batch []core.TenantID) (bool, error) {
		more, err := visit(batch)
		stopped = !more
		return more, err
	}
	err := s.eachTenant(ctx, after, "", look)
	if err != nil || stopped || after == "" {
		return err
	}
	return s.eachTenant(ctx, "", after, look)
}

// living is those of the tenants that exist.
func (s *Store) living(ctx context.Context, ids []core.TenantID) ([]core.TenantID, error) {
	exist := make([]*goredis.IntCmd, len(ids))
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, id := range ids {
			if t, err := keysOf(id); err == nil {
				exist[i] = p.Exists(ctx, t.tenant())
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var live []core.TenantID
	for i, id := range ids {
		if exist[i] != nil && exist[i].Val() == 1 {
			live = append(live, id)
		}
	}
	return live, nil
}

// Usage counts what the tenant has; the counters are kept by the steps.
func (s *Store) Usage(ctx context.Context, id core.TenantID) (core.Usage, error) {
	t, err := keysOf(id)
	if err != nil {
		return core.Usage{}, err
	}
	names := []string{"users", "conversations", "interactions", "buffered", "blobs", "blob_bytes"}
	var exists *goredis.IntCmd
	var counters *goredis.SliceCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		counters = p.HMGet(ctx, t.usage(), names...)
		exists = p.Exists(ctx, t.tenant())
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return core.Usage{}, err
	}
	f := some(counters, names...)
	return core.Usage{
		Users: f.int("users"), Conversations: f.int("conversations"), Interactions: f.int("interactions"),
		Buffered: f.int("buffered"), Blobs: f.int("blobs"), BlobBytes: f.int("blob_bytes"),
	}, nil
}
