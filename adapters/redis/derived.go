package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// PutDerived adds and removes derived records in one step.
func (s *Store) PutDerived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID) error {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return err
	}
	if err := core.CheckDerived(kind, add); err != nil {
		if _, gone := s.MemoryVersion(ctx, tenant, user); gone != nil {
			return gone
		}
		return err
	}
	args := stepArgs(core.Op{}, string(kind), len(replaces))
	for _, id := range replaces {
		args = append(args, string(id))
	}
	for i := range add {
		d := &add[i]
		args = append(args, string(d.ID), d.Version, derivedHeader(kind, d), partsText(d.Parts), d.KeyVersion, d.Sealed)
	}
	_, err = s.run(ctx, putDerived, k.stepKeys(core.Op{}, append([]string{k.hash(), k.changes()}, k.derivedKeys()...)...), args...)
	return err
}

// derivedHeader is kind/conversation/first/last/version.
func derivedHeader(kind core.DerivedKind, d *core.DerivedRecord) string {
	return fmt.Sprintf("%s/%s/%d/%d/%d", kind, d.Conversation, d.First, d.Last, d.Version)
}

// partsText is conversation/first/last of each, joined by commas.
func partsText(parts []core.DerivedPart) string {
	list := make([]string, 0, len(parts))
	for _, p := range parts {
		list = append(list, fmt.Sprintf("%s/%d/%d", p.Conversation, p.First, p.Last))
	}
	return strings.Join(list, ",")
}

func partsOf(text string) (parts []core.DerivedPart) {
	for _, part := range split[string](text) {
		f := strings.Split(part, "/")
		if len(f) == 3 {
			parts = append(parts, core.DerivedPart{Conversation: core.ConversationID(f[0]), First: number(f[1]), Last: number(f[2])})
		}
	}
	return parts
}

// Derived lists derived records by Position.
func (s *Store) Derived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, page core.Page, payload bool) ([]core.DerivedRecord, error) {
	k, err := keysOfUser(tenant, user)
	if err != nil {
		return nil, err
	}
	ids := func(after, limit int64) (members []string, last int64, err error) {
		var of beside
		var found *goredis.StringSliceCmd
		err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			found = p.ZRangeByLex(ctx, k.derivedIDs(), &goredis.ZRangeBy{
				Min: fmt.Sprintf("[%s/%016d", kind, max(after, 0)+1), Max: fmt.Sprintf("(%s0", kind), Count: max(limit, 1),
			})
			of = besideUser(ctx, p, k)
		})
		if err == nil && !of.exists() {
			err = core.NotFound()
		}
		if err == nil {
			err = core.CheckDerived(kind, nil)
		}
		if err != nil || limit <= 0 || len(found.Val()) == 0 {
			return nil, after, err
		}
		members = found.Val()
		return members, listedPosition(members[len(members)-1]), nil
	}
	load := func(members []string) ([]core.DerivedRecord, error) {
		return s.loadDerived(ctx, k, kind, members, payload)
	}
	return pages(page.After, page.Limit, ids, load)
}

// listedPosition reads kind/position/id.
func listedPosition(member string) int64 {
	_, rest, _ := strings.Cut(member, "/")
	position, _, _ := strings.Cut(rest, "/")
	return number(strings.TrimLeft(position, "0"))
}

// loadDerived reads those of the listed records that are still there.
func (s *Store) loadDerived(ctx context.Context, k userKeys, kind core.DerivedKind, members []string, payload bool) (list []core.DerivedRecord, err error) {
	fields := func(id string) []string { return []string{id + "/header", id + "/parts", id + "/state"} }
	var found []*goredis.SliceCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for _, member := range members {
			id := member[strings.LastIndex(member, "/")+1:]
			names := fields(id)
			if payload {
				names = append(names, id)
			}
			found = append(found, p.HMGet(ctx, k.derived(), names...))
		}
	})
	for i, cmd := range found {
		if err != nil {
			break
		}
		f := some(cmd, "header", "parts", "state", "sealed")
		h, state := strings.Split(f["header"], "/"), strings.Split(f["state"], "/")
		if len(h) != 5 || len(state) != 3 || core.DerivedKind(h[0]) != kind {
			continue // it is gone
		}
		list = append(list, core.DerivedRecord{
			ID: core.DerivedID(members[i][strings.LastIndex(members[i], "/")+1:]), User: k.user, Kind: kind,
			Conversation: core.ConversationID(h[1]), First: number(h[2]), Last: number(h[3]), Version: number(h[4]),
			Parts: partsOf(f["parts"]), Sealed: []byte(f["sealed"]),
			Position: number(state[0]), KeyVersion: uint32(number(state[1])), Size: number(state[2]), //nolint:gosec // it was one
		})
	}
	return list, err
}

// derived reseals a derived record. What is no envelope is passed over: nobody
// could tell its key.
func (b *resealing) derived(ctx context.Context, r core.Resealed) error {
	version, ok := core.EnvelopeKeyVersion(r.Now)
	kind, rest, _ := strings.Cut(r.Place.Record, "/")
	conversation, id, _ := strings.Cut(rest, "/")
	u, err := b.of(r.Place.User)
	if err != nil || !ok || !core.DerivedID(id).Valid() {
		return nil //nolint:nilerr // it has no place
	}
	keys := b.stepKeys(core.Op{}, slices.Insert(u.derivedKeys(), 0, u.hash())...)
	answer, err := b.run(ctx, resealDerived, keys, stepArgs(core.Op{}, id, kind+"/"+conversation+"/", r.Was, r.Now, version)...)
	if err == nil {
		b.done += int(number(answer[0]))
	}
	return err
}
