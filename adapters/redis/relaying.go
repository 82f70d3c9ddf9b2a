package redis

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// Whose outbox may hold events stands on a list of the deployment's, in the way
// that who has data keys to rotate does: ahead of the step that records, with a
// reservation. A process lists a tenant once for all the steps that it does
// before the reservation runs low.

// announced is who this process has listed, until when.
type announced struct {
	mu    sync.Mutex
	until map[core.TenantID]time.Time
}

// announcement is how long a tenant stays on the list after a step that might have
// recorded, and twice as long as a process lets it do for further steps.
const announcement = 5 * time.Minute

// mostListed bounds what is remembered; beyond, it is forgotten and begun anew.
const mostListed = 100_000

func (a *announced) has(owner core.TenantID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.until[owner])
}

func (a *announced) add(owner core.TenantID, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil || len(a.until) >= mostListed {
		a.until = map[core.TenantID]time.Time{}
	}
	a.until[owner] = until
}

// listOutbox lists who is about to record events.
func (s *Store) listOutbox(ctx context.Context, owner core.TenantID) error {
	now := time.Now()
	if s.announced.has(owner, now) {
		return nil
	}
	_, err := s.run(ctx, reserveOutbox, []string{outboxesKey, outboxesReservedKey}, string(owner), announcement.Milliseconds())
	if err == nil {
		s.announced.add(owner, now.Add(announcement/2))
	}
	return err
}

// ownerOfKey is the tenant whose key it is, or the deployment.
func ownerOfKey(key string) core.TenantID {
	_, rest, _ := strings.Cut(key, "{")
	id, _, _ := strings.Cut(rest, "}")
	return core.TenantID(id)
}

// Outboxes lists who has events to be relayed.
func (s *Store) Outboxes(ctx context.Context, after core.TenantID, limit int) (states []core.OutboxState, err error) {
	for more := true; more && err == nil && len(states) < limit; {
		var owners []core.TenantID
		var some []core.OutboxState
		if owners, err = s.members(ctx, outboxesKey, after); err != nil || len(owners) == 0 {
			break
		}
		some, err = s.outboxStates(ctx, owners)
		states = append(states, some...)
		after, more = owners[len(owners)-1], len(owners) == chunk
	}
	if err != nil {
		return nil, err
	}
	return states[:min(len(states), max(limit, 0))], nil
}

// members reads some of a list of tenants by their text.
func (s *Store) members(ctx context.Context, list string, after core.TenantID) ([]core.TenantID, error) {
	from := "-"
	if after != "" {
		from = "(" + string(after)
	}
	var found *goredis.StringSliceCmd
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		found = p.ZRangeByLex(ctx, list, &goredis.ZRangeBy{Min: from, Max: "+", Count: chunk})
	})
	if err != nil {
		return nil, err
	}
	owners := make([]core.TenantID, 0, len(found.Val()))
	for _, id := range found.Val() {
		owners = append(owners, core.TenantID(id))
	}
	return owners, nil
}

// outboxStates is what the owners' outboxes hold. Who has an empty one is struck
// off, if nobody is about to record an event of it.
func (s *Store) outboxStates(ctx context.Context, owners []core.TenantID) (states []core.OutboxState, err error) {
	first := make([]*goredis.XMessageSliceCmd, len(owners))
	last := make([]*goredis.XMessageSliceCmd, len(owners))
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, id := range owners {
			if t, err := keysOfOwner(id); err == nil {
				first[i] = p.XRangeN(ctx, t.events(), "-", "+", 1)
				last[i] = p.XRevRangeN(ctx, t.events(), "+", "-", 1)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	strike := call{script: releaseRotation, keys: []string{outboxesKey, outboxesReservedKey}}
	for i, id := range owners {
		if first[i] == nil || len(first[i].Val()) == 0 || len(last[i].Val()) == 0 {
			strike.args = append(strike.args, string(id))
			continue
		}
		oldest, newest := first[i].Val()[0], last[i].Val()[0]
		states = append(states, core.OutboxState{
			Tenant: id, First: streamNumber(oldest.ID), Last: streamNumber(newest.ID), OldestAt: textOf(oldest).time("at"),
		})
	}
	if len(strike.args) > 0 {
		_, err = s.repeat(ctx, []call{strike})
	}
	return states, err
}

// Positions is how far each sink is.
func (s *Store) Positions(ctx context.Context, tenant core.TenantID) (map[string]int64, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return nil, err
	}
	var hash *goredis.MapStringStringCmd
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { hash = p.HGetAll(ctx, t.positions()) }); err != nil {
		return nil, err
	}
	positions := make(map[string]int64, len(hash.Val()))
	for sink, seq := range hash.Val() {
		positions[sink] = number(seq)
	}
	return positions, nil
}

// SetPosition notes how far a sink is.
func (s *Store) SetPosition(ctx context.Context, tenant core.TenantID, sink string, seq int64) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, setPosition, []string{t.tenant(), t.events(), t.positions()}, sink, seq)
	return err
}

// TrimEvents removes events that every sink has.
func (s *Store) TrimEvents(ctx context.Context, tenant core.TenantID, through int64) error {
	t, err := keysOfOwner(tenant)
	if err != nil || through < 1 {
		return err
	}
	stays := ""
	if through < math.MaxInt64 {
		stays = streamID(through + 1)
	}
	_, err = s.run(ctx, trimEvents, []string{t.tenant(), t.events(), t.positions()}, stays)
	return err
}
