package redis

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// claimKeys are the keys of an Idempotency-Key's record: the record, what is
// beside it, and the tenant if it is a tenant's.
func claimKeys(tenant core.TenantID, key [32]byte, beside func(tenantKeys) []string) ([]string, error) {
	if tenant == core.DeploymentTenant {
		return append([]string{deployment.operation(claimName(key))}, beside(deployment)...), nil
	}
	t, err := keysOf(tenant)
	if err != nil {
		return nil, err
	}
	keys := append([]string{t.operation(claimName(key))}, beside(t)...)
	return append(keys, t.tenant()), nil
}

// Begin claims a key, or tells what became of the claim there is. Whether the
// process that holds a claim is still there can't be known: its lease runs out.
func (s *Store) Begin(ctx context.Context, tenant core.TenantID, c core.IdempotencyClaim) (core.IdempotencyState, error) {
	keys, err := claimKeys(tenant, c.Key, func(t tenantKeys) []string { return []string{t.operations()} })
	if err != nil {
		return core.IdempotencyState{}, err
	}
	answer, err := s.run(ctx, beginClaim, keys, claimName(c.Key), c.Fingerprint[:], c.OpID, ms(c.Now), ms(c.LeaseUntil), ms(c.Until))
	if err != nil {
		return core.IdempotencyState{}, err
	}
	state := core.IdempotencyState{OpID: answer[1]}
	switch answer[0] {
	case "claimed":
		state.Outcome = core.IdempotencyClaimed
	case "running":
		state.Outcome = core.IdempotencyRunning
	case "mismatch":
		state.Outcome = core.IdempotencyMismatch
	case "done":
		state.Outcome, state.Response = core.IdempotencyDone, []byte(answer[2])
	default:
		return core.IdempotencyState{}, fault("a claim met %q", answer[0])
	}
	return state, nil
}

// Complete keeps the answer.
func (s *Store) Complete(ctx context.Context, tenant core.TenantID, key [32]byte, opID string, response []byte) error {
	return s.end(ctx, tenant, key, opID, "complete", response)
}

// Release lets the next claim take over.
func (s *Store) Release(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return s.end(ctx, tenant, key, opID, "release", nil)
}

// Abandon forgets a claim that has no answer.
func (s *Store) Abandon(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return s.end(ctx, tenant, key, opID, "abandon", nil)
}

func (s *Store) end(ctx context.Context, tenant core.TenantID, key [32]byte, opID, how string, response []byte) error {
	keys, err := claimKeys(tenant, key, func(tenantKeys) []string { return nil })
	if err != nil {
		return err
	}
	_, err = s.run(ctx, endClaim, keys, opID, how, response)
	return err
}

// SweepOperations forgets outcomes and claims whose time is over. Redis does by
// itself, by its own clock; what is left for this is to forget their names, and
// what is over by the caller's clock only.
func (s *Store) SweepOperations(ctx context.Context, now time.Time, limit int) (done bool, err error) {
	left := int64(max(limit, 1))
	if err := s.sweep(ctx, deployment, now, &left); err != nil {
		return false, err
	}
	err = s.eachTenant(ctx, "", "", func(batch []core.TenantID) (bool, error) {
		past, err := s.havePast(ctx, batch, now)
		for _, t := range past {
			if err == nil {
				err = s.sweep(ctx, t, now, &left)
			}
		}
		return left > 0, err
	})
	return err == nil && left > 0, err
}

// havePast is those tenants that have operations to forget.
func (s *Store) havePast(ctx context.Context, tenants []core.TenantID, now time.Time) ([]tenantKeys, error) {
	counts := make(map[tenantKeys]*goredis.IntCmd, len(tenants))
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for _, id := range tenants {
			if t, err := keysOf(id); err == nil {
				counts[t] = p.ZCount(ctx, t.operations(), "-inf", below(now))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var past []tenantKeys
	for t, count := range counts {
		if count.Val() > 0 {
			past = append(past, t)
		}
	}
	return past, nil
}

// sweep forgets operations of one tenant, and takes as many off left.
func (s *Store) sweep(ctx context.Context, t tenantKeys, now time.Time, left *int64) error {
	for *left > 0 {
		var past *goredis.StringSliceCmd
		err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			past = p.ZRangeByScore(ctx, t.operations(), &goredis.ZRangeBy{
				Min: "-inf", Max: below(now), Count: min(*left, chunk),
			})
		})
		if err != nil || len(past.Val()) == 0 {
			return err
		}
		c := call{script: sweepOperations, keys: []string{t.operations()}, args: []any{ms(now)}}
		for _, name := range past.Val() {
			c.keys = append(c.keys, t.operation(name))
			c.args = append(c.args, name)
		}
		if _, err := s.repeat(ctx, []call{c}); err != nil {
			return err
		}
		*left -= int64(len(past.Val()))
	}
	return nil
}

// below is the upper bound of scores before a time.
func below(t time.Time) string { return fmt.Sprintf("(%d", ms(t)) }
