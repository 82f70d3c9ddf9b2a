package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// BeginAudit begins an empty log behind what was dropped.
func (s *Store) BeginAudit(ctx context.Context, tenant core.TenantID, d core.AuditDrop) error {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return err
	}
	if _, err := s.run(ctx, addMember, []string{auditsKey}, string(tenant)); err != nil { // as AppendAudit does
		return err
	}
	_, err = s.run(ctx, beginAudit, []string{t.audit(), t.auditHead(), t.auditDropped()},
		d.Head.Seq, d.Head.Chain[:], core.JoinHashes(d.Head.Tree), ms(d.At), d.Note)
	return err
}

// AuditDropped returns what stands for entries that were dropped.
func (s *Store) AuditDropped(ctx context.Context, tenant core.TenantID) (d core.AuditDrop, err error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return d, nil //nolint:nilerr // it never had a log
	}
	var found *goredis.SliceCmd
	names := []string{"seq", "chain", "tree", "at", "note"}
	if err := s.pipe(ctx, func(p goredis.Pipeliner) { found = p.HMGet(ctx, t.auditDropped(), names...) }); err != nil {
		return d, err
	}
	f := some(found, names...)
	if f["seq"] == "" {
		return d, nil
	}
	head := core.AuditHead{Seq: f.int("seq"), Chain: hashOf(f["chain"]), Tree: core.SplitHashes([]byte(f["tree"]))}
	return core.AuditDrop{Head: head, At: f.time("at"), Note: []byte(f["note"])}, nil
}
