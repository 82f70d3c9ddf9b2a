package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// ExportTenant reads what the other ports do not show of a tenant.
func (s *Store) ExportTenant(ctx context.Context, id core.TenantID) (core.TenantImage, error) {
	t, err := keysOf(id)
	if err != nil {
		return core.TenantImage{}, err
	}
	var hash *goredis.MapStringStringCmd
	var seq *goredis.StringCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, t.tenant())
		seq = p.HGet(ctx, t.usage(), "seq")
	})
	if err == nil && len(hash.Val()) == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return core.TenantImage{}, err
	}
	f := fields(hash.Val())
	return core.TenantImage{Record: tenantOf(id, f), EmailKey: f["email"], LastSeq: number(seq.Val())}, nil
}

// FactKeys reads who holds which key.
func (s *Store) FactKeys(ctx context.Context, tenant core.TenantID, user core.UserID) (map[string]core.BlobID, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, err
	}
	var of beside
	var hash *goredis.MapStringStringCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		hash = p.HGetAll(ctx, k.factHolders())
		of = besideUser(ctx, p, k)
	})
	if err == nil && !of.exists() {
		err = core.NotFound()
	}
	if err != nil {
		return nil, err
	}
	keys := map[string]core.BlobID{}
	for name, value := range hash.Val() {
		if key, ok := strings.CutPrefix(name, heldKey); ok {
			keys[key] = core.BlobID(value)
		}
	}
	return keys, nil
}

// What begins the fields of the hash of who holds which key: from the key, and
// from the fact.
const (
	heldKey  = "key/"
	heldFact = "fact/"
)

// BeginTenant puts the tenant on the list of those that may have left something.
func (s *Store) BeginTenant(ctx context.Context, id core.TenantID) error {
	t, err := keysOf(id)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, addMember, []string{registryKey}, string(t.id))
	return err
}

// ImportUser takes in a user. Nobody reads it before its tenant exists, so it is
// written piece by piece, and each piece says the same when it is written again.
func (s *Store) ImportUser(ctx context.Context, tenant core.TenantID, u core.UserImage) error {
	k, err := keysOfUser(tenant, u.Record.ID)
	if err != nil {
		return err
	}
	i := importing{Store: s, userKeys: k, image: u, totals: map[core.ConversationID]*core.Usage{}}
	for _, c := range u.Conversations {
		i.totals[c.ID] = &core.Usage{}
	}
	for _, step := range []func(context.Context) error{i.clear, i.blobs, i.buffer, i.conversations, i.rest} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// importing is one user on its way.
type importing struct {
	*Store
	userKeys
	image  core.UserImage
	totals map[core.ConversationID]*core.Usage // blobs of each
	facts  core.Usage
}

// clear takes away what cannot be written twice.
func (i *importing) clear(ctx context.Context) error {
	return i.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for _, c := range i.image.Conversations {
			if k, err := i.in(c.ID); err == nil {
				p.Unlink(ctx, k.buffer())
			}
		}
		p.Unlink(ctx, i.changes())
	})
}

func (i *importing) blobs(ctx context.Context) error {
	for some := range slices.Chunk(i.image.Blobs, chunk) {
		err := i.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for _, b := range some {
				i.blobOf(ctx, p, b)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *importing) blobOf(ctx context.Context, p goredis.Pipeliner, b core.BlobRecord) {
	key, err := i.userKeys.blob(b.ID)
	header, bad := json.Marshal(headerOf(b))
	if err != nil || bad != nil {
		return // what another store gave as a blob has a valid id
	}
	first, last := reach(b)
	p.HSet(ctx, key, "conversation", string(b.Conversation), "epoch", 0, "header", header, "sealed", b.Sealed,
		"size", len(b.Sealed), "version", b.Version, "position", b.Position, "last", last, "held", len(b.Numbers))
	place := string(b.Conversation) + "/" + string(b.ID)
	taken := float64(ms(b.FirstTakenAt))
	p.ZAdd(ctx, i.userKeys.blobs(), goredis.Z{Score: float64(b.Position), Member: place})
	p.ZAdd(ctx, i.expiryBlobs(), goredis.Z{Score: taken, Member: string(i.user) + "/" + place})
	total := &i.facts
	if b.Conversation == "" {
		p.ZAdd(ctx, i.userKeys.facts(), goredis.Z{Score: taken, Member: string(b.ID)})
	} else if c, err := i.in(b.Conversation); err == nil {
		p.ZAdd(ctx, i.blobsByTime(), goredis.Z{Score: taken, Member: string(b.ID)})
		p.ZAdd(ctx, c.sealed(), goredis.Z{Score: float64(first), Member: fmt.Sprintf("%s/%d/%d", b.ID, last, len(b.Numbers))})
		total = i.totals[b.Conversation]
	}
	total.Blobs++
	total.BlobBytes += int64(len(b.Sealed))
}

func (i *importing) buffer(ctx context.Context) error {
	entries := slices.Clone(i.image.Buffer)
	slices.SortStableFunc(entries, func(a, b core.BufferEntry) int { return int(a.Number - b.Number) }) // as a stream wants its ids
	for some := range slices.Chunk(entries, chunk) {
		err := i.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for _, e := range some {
				c, err := i.in(e.Conversation)
				if err != nil {
					continue
				}
				p.XAdd(ctx, &goredis.XAddArgs{Stream: c.buffer(), ID: streamID(e.Number), Values: []any{
					"id", string(e.ID), "position", e.Position, "accepted_at", ms(e.AcceptedAt), "sealed", e.Sealed,
				}})
				p.ZAdd(ctx, i.buffered(), goredis.Z{Score: float64(e.Position), Member: fmt.Sprintf("%s/%d", e.Conversation, e.Number)})
				p.ZAddLT(ctx, i.expiryBuffers(), goredis.Z{Score: float64(ms(e.AcceptedAt)), Member: c.place()})
				p.ZAddGT(ctx, i.idle(), goredis.Z{Score: float64(ms(e.AcceptedAt)), Member: c.place()})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *importing) conversations(ctx context.Context) error {
	for some := range slices.Chunk(i.image.Conversations, chunk) {
		err := i.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for _, c := range some {
				k, err := i.in(c.ID)
				if err != nil {
					continue
				}
				total := i.totals[c.ID]
				p.HSet(ctx, k.hash(), "ref", c.RefKey, "sealed", c.Sealed, "version", c.Version, "created_at", ms(c.CreatedAt),
					"updated_at", ms(c.UpdatedAt), "position", c.Position, "next_number", c.NextNumber, "epoch", 0,
					"interactions", c.Interactions, "buffered", c.Buffered, "blobs", total.Blobs, "blob_bytes", total.BlobBytes)
				if c.ClosedAt != nil {
					p.HSet(ctx, k.hash(), "closed_at", ms(*c.ClosedAt))
				}
				p.ZAdd(ctx, i.userKeys.conversations(), goredis.Z{Score: float64(c.Position), Member: string(c.ID)})
				if c.RefKey != "" {
					p.HSet(ctx, i.refs(), c.RefKey, string(c.ID))
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rest writes the user itself, whose numbers go on after those that it has.
func (i *importing) rest(ctx context.Context) error {
	u, total := i.image, i.total()
	return i.pipeAlone(ctx, func(p goredis.Pipeliner) {
		p.HSet(ctx, i.userKeys.hash(), "ref", u.Record.RefKey, "sealed", u.Record.Sealed, "version", u.Record.Version,
			"created_at", ms(u.Record.CreatedAt), "updated_at", ms(u.Record.UpdatedAt), "position", u.Record.Position, "epoch", 0,
			"conversations", len(u.Conversations), "interactions", total.Interactions, "buffered", total.Buffered,
			"blobs", total.Blobs, "blob_bytes", total.BlobBytes, "memory_version", u.MemoryVersion,
			"last_position", i.lastPosition(), "last_conversation", lastOf(u.Conversations, func(c core.ConversationRecord) int64 { return c.Position }))
		p.ZAdd(ctx, i.users(), goredis.Z{Score: float64(u.Record.Position), Member: string(i.user)})
		if u.Record.RefKey != "" {
			p.Set(ctx, i.userByRef(u.Record.RefKey), string(i.user), 0)
		}
		for key, blob := range u.FactKeys {
			p.HSet(ctx, i.factHolders(), heldKey+key, string(blob), heldFact+string(blob), key)
		}
	})
}

func (i *importing) lastPosition() int64 {
	return max(lastOf(i.image.Blobs, func(b core.BlobRecord) int64 { return b.Position }),
		lastOf(i.image.Buffer, func(e core.BufferEntry) int64 { return e.Position }))
}

func lastOf[T any](list []T, position func(T) int64) (last int64) {
	for _, item := range list {
		last = max(last, position(item))
	}
	return last
}

func (i *importing) total() core.Usage {
	total := i.facts
	for _, c := range i.totals {
		total.Blobs += c.Blobs
		total.BlobBytes += c.BlobBytes
	}
	for _, c := range i.image.Conversations {
		total.Interactions += c.Interactions
		total.Buffered += c.Buffered
	}
	return total
}

// FinishTenant takes in the rest, and the tenant's own hash as the last.
func (s *Store) FinishTenant(ctx context.Context, image core.TenantImage) error {
	t, err := keysOf(image.Record.ID)
	if err != nil {
		return err
	}
	if err := s.reserveEmail(ctx, core.Op{}, t, image.EmailKey); err != nil {
		return err
	}
	if err := s.importKeys(ctx, t, image); err != nil {
		return err
	}
	if err := s.importEvents(ctx, t, image.Events); err != nil {
		return err
	}
	if err := s.recount(ctx, t, image); err != nil {
		return err
	}
	if len(image.APIKeys) == 0 {
		return fault("a tenant without a key")
	}
	r := image.Record
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		p.HSet(ctx, t.tenant(), "email", image.EmailKey, "profile", r.Profile, "retention_days", r.Settings.RetentionDays,
			"max_users", r.Settings.MaxUsers, "max_conversations_per_user", r.Settings.MaxConversationsPerUser,
			"batch_size", r.Settings.BatchSize, "encryption_mode", string(r.Settings.EncryptionMode),
			"rate_limit_per_minute", r.Settings.RateLimitPerMinute, "audit_reads", flag(r.Settings.AuditReads), "version", r.Version, "created_at", ms(r.CreatedAt),
			"updated_at", ms(r.UpdatedAt), "suspended_at", maybeMS(r.SuspendedAt), "unconfirmed", 1)
	})
	if err != nil {
		return err
	}
	return s.confirmLate(ctx, t)
}

func (s *Store) importKeys(ctx context.Context, t tenantKeys, image core.TenantImage) error {
	for _, k := range image.APIKeys {
		if err := s.reserveHash(ctx, t, k); err != nil {
			return err
		}
	}
	if manyKeys(image.DataKeys) || unfinished(image.Reencryption.State) {
		if err := s.listRotating(ctx, t.id); err != nil {
			return err
		}
	}
	return s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for _, k := range image.DataKeys {
			if text, err := encodeDataKey(k); err == nil {
				p.HSet(ctx, t.dataKeys(), k.Version, text)
			}
		}
		for _, k := range image.APIKeys {
			if text, err := encodePlacedKey(k); err == nil {
				p.HSet(ctx, t.apiKeys(), string(k.ID), text)
			}
		}
		if r := image.Reencryption; r.State != "" {
			p.HSet(ctx, t.reencryption(), "state", string(r.State), "version", r.Version, "done", r.Done, "total", r.Total, "started_at", ms(r.StartedAt))
		}
	})
}

// encodePlacedKey keeps the position that a key has.
func encodePlacedKey(k core.KeyRecord) ([]byte, error) {
	text, err := encodeKey(k)
	if err != nil {
		return nil, err
	}
	var a apiKey
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, err
	}
	a.Position = k.Position
	return json.Marshal(a)
}

func (s *Store) importEvents(ctx context.Context, t tenantKeys, events []core.Event) error {
	if err := s.listOutbox(ctx, t.id); err != nil {
		return err
	}
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { p.Unlink(ctx, t.events()) }); err != nil {
		return err
	}
	for some := range slices.Chunk(events, chunk) {
		err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for _, e := range some {
				data, err := encodeData(e.Data)
				if err != nil {
					continue // it was decoded from JSON
				}
				p.XAdd(ctx, &goredis.XAddArgs{Stream: t.events(), ID: streamID(e.Seq), Values: []any{
					"id", string(e.ID), "type", string(e.Type), "at", ms(e.At), "actor", string(e.Actor.Key), "data", data,
				}})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recount writes the tenant's counters from what its users have.
func (s *Store) recount(ctx context.Context, t tenantKeys, image core.TenantImage) error {
	names := []string{"conversations", "interactions", "buffered", "blobs", "blob_bytes"}
	sums := make([]int64, len(names))
	users, last := int64(0), lastOf(image.APIKeys, func(k core.KeyRecord) int64 { return k.Position })
	for after := int64(0); ; {
		ids, next, err := s.after(ctx, t.users(), after, chunk, ownedByNobody)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		counts := make([]*goredis.SliceCmd, len(ids))
		err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for i, id := range ids {
				if u, err := t.of(core.UserID(id)); err == nil {
					counts[i] = p.HMGet(ctx, u.hash(), names...)
				}
			}
		})
		if err != nil {
			return err
		}
		for _, c := range counts {
			f := some(c, names...)
			for i, name := range names {
				sums[i] += f.int(name)
			}
		}
		users, after, last = users+int64(len(ids)), next, max(last, next)
	}
	admin := adminKeys(image.APIKeys)
	return s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		p.HSet(ctx, t.usage(), "users", users, "seq", image.LastSeq, "last_position", last, "admin_keys", admin)
		for i, name := range names {
			p.HSet(ctx, t.usage(), name, sums[i])
		}
	})
}

// adminKeys counts the keys with which the tenant can be administered for ever.
func adminKeys(keys []core.KeyRecord) (admin int64) {
	for _, k := range keys {
		if k.Permanent() && k.Scopes&core.ScopeTenantAdmin != 0 {
			admin++
		}
	}
	return admin
}
