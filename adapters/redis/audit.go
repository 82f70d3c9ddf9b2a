package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// timeEvery is how many events apart it is noted where in the log a time is.
const timeEvery = 32

// AppendAudit adds entries to a log.
func (s *Store) AppendAudit(ctx context.Context, tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	if err := inOrder(tenant, entries, head); err != nil {
		return err
	}
	if len(entries) == 0 {
		return s.failed(ctx, ctx.Err())
	}
	if entries[0].Event.Seq == 1 { // ahead of the log, which is in another slot
		if _, err := s.run(ctx, addMember, []string{auditsKey}, string(tenant)); err != nil {
			return err
		}
	}
	a := auditAppend{tenantKeys: t, keys: []string{t.audit(), t.auditHead(), t.auditTimes()}, at: map[string]int{}}
	a.args = []any{entries[0].Event.Seq, len(entries), head.Chain[:], core.JoinHashes(head.Tree), timeEvery}
	for i := range entries {
		if err := a.add(&entries[i]); err != nil {
			return err
		}
	}
	_, err = s.run(ctx, appendAudit, a.keys, a.args...)
	return err
}

// inOrder refuses entries that no log could hold.
func inOrder(tenant core.TenantID, entries []core.AuditEntry, head core.AuditHead) error {
	for i := range entries {
		if seq := entries[i].Event.Seq; seq < 1 || seq != entries[0].Event.Seq+int64(i) {
			return fmt.Errorf("redis: seq %d of the log of %s is out of order: %w", seq, tenant, core.ErrAuditFork)
		}
	}
	if n := len(entries); n > 0 && entries[n-1].Event.Seq != head.Seq {
		return fmt.Errorf("redis: an append through seq %d has a head at %d", entries[n-1].Event.Seq, head.Seq)
	}
	return nil
}

// auditAppend gathers keys and arguments of an append.
type auditAppend struct {
	tenantKeys
	keys []string
	args []any
	at   map[string]int // where in keys a list stands, as Lua counts
}

func (a *auditAppend) add(e *core.AuditEntry) error {
	data, err := core.EncodeAuditData(e.Event.Data)
	if err != nil {
		return err
	}
	a.args = append(a.args, string(e.Event.ID), string(e.Event.Type), ms(e.Event.At), string(e.Event.Actor.Key), data,
		e.Leaf[:], e.Chain[:], ms(e.Added))
	actor := actorOf(e.Event.Actor)
	for _, key := range []string{a.auditOf("", e.Event.Type), a.auditOf(actor, ""), a.auditOf(actor, e.Event.Type)} {
		if a.at[key] == 0 {
			a.keys = append(a.keys, key)
			a.at[key] = len(a.keys)
		}
		a.args = append(a.args, a.at[key])
	}
	return nil
}

// systemActor is what a query calls who has no key.
const systemActor = "system"

func actorOf(a core.Actor) string {
	if a.Key == "" {
		return systemActor
	}
	return string(a.Key)
}

// AuditHead returns the head.
func (s *Store) AuditHead(ctx context.Context, tenant core.TenantID) (core.AuditHead, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return core.AuditHead{}, nil //nolint:nilerr // it never had a log
	}
	var found *goredis.SliceCmd
	names := []string{"seq", "chain", "tree"}
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { found = p.HMGet(ctx, t.auditHead(), names...) }); err != nil {
		return core.AuditHead{}, err
	}
	f := some(found, names...)
	return core.AuditHead{Seq: f.int("seq"), Chain: hashOf(f["chain"]), Tree: core.SplitHashes([]byte(f["tree"]))}, nil
}

// AuditEntries lists what is there.
func (s *Store) AuditEntries(ctx context.Context, tenant core.TenantID, after int64, limit int) (list []core.AuditEntry, err error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	for len(list) < limit {
		var found *goredis.XMessageSliceCmd
		want := min(limit-len(list), 5*chunk)
		err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			found = p.XRangeN(ctx, t.audit(), afterID(after), "+", int64(want))
		})
		if err != nil {
			return nil, err
		}
		for _, m := range found.Val() {
			list = append(list, entryOfLog(tenant, m))
			after = streamNumber(m.ID)
		}
		if len(found.Val()) < want {
			break
		}
	}
	return list, nil
}

// AddCheckpoint keeps a checkpoint. Of several of the same size the last counts.
func (s *Store) AddCheckpoint(ctx context.Context, tenant core.TenantID, c core.Checkpoint) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	kept := slices.Concat(strconv.AppendInt(nil, ms(c.At), 10), []byte(" "), c.Note)
	_, err = s.run(ctx, addCheckpoint, []string{t.auditCheckpoints()}, c.Seq, kept)
	return err
}

// LastCheckpoint returns the one of the largest log.
func (s *Store) LastCheckpoint(ctx context.Context, tenant core.TenantID) (core.Checkpoint, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return core.Checkpoint{}, err
	}
	var found *goredis.ZSliceCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) { found = p.ZRevRangeWithScores(ctx, t.auditCheckpoints(), 0, 0) })
	if err == nil && len(found.Val()) == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return core.Checkpoint{}, err
	}
	kept, _ := found.Val()[0].Member.(string)
	at, note, _ := strings.Cut(kept, " ")
	return core.Checkpoint{Seq: int64(found.Val()[0].Score), Note: []byte(note), At: timeOf(number(at))}, nil
}

// AuditTenants lists who has a log. Who is listed ahead of it has none yet.
func (s *Store) AuditTenants(ctx context.Context, after core.TenantID, limit int) (tenants []core.TenantID, err error) {
	for more := true; more && len(tenants) < limit; {
		listed, err := s.members(ctx, auditsKey, after)
		if err != nil {
			return nil, err
		}
		if len(listed) == 0 {
			return tenants, nil
		}
		logs := make([]*goredis.IntCmd, len(listed))
		err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
			for i, id := range listed {
				if t, err := keysOfOwner(id); err == nil {
					logs[i] = p.Exists(ctx, t.audit(), t.auditHead())
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for i, id := range listed {
			if logs[i] != nil && logs[i].Val() > 0 {
				tenants = append(tenants, id)
			}
		}
		after, more = listed[len(listed)-1], len(listed) == chunk
	}
	return tenants[:min(len(tenants), max(limit, 0))], nil
}

// wholeMS is the first whole millisecond that is not before t.
func wholeMS(t time.Time) int64 { return ms(t.Add(time.Millisecond - 1)) }
