package redis

import (
	"context"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// FindAudit lists entries, newest first: those of a type or an actor by the list
// that there is of them, and of a time by where in the log that can be.
func (s *Store) FindAudit(ctx context.Context, tenant core.TenantID, q core.AuditQuery) ([]core.AuditEntry, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return nil, nil //nolint:nilerr // it never had a log
	}
	f := finding{Store: s, tenantKeys: t, query: q, before: q.Before}
	if err := f.bound(ctx); err != nil {
		return nil, err
	}
	for len(f.found) < q.Limit {
		more, err := f.read(ctx)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	return f.found[:min(len(f.found), max(q.Limit, 0))], nil
}

// finding is one query: what is left of the log is after one number and before
// another, 0 for its end.
type finding struct {
	*Store
	tenantKeys
	query         core.AuditQuery
	after, before int64
	found         []core.AuditEntry
}

// bound notes where events of the query's times can be. No event is earlier by
// more than behind than any event before it.
func (f *finding) bound(ctx context.Context) error {
	q := f.query
	if q.Since.IsZero() && q.Until.IsZero() {
		return nil
	}
	var since, until *goredis.StringSliceCmd
	var behind *goredis.StringCmd
	err := f.pipe(ctx, func(p goredis.Pipeliner) {
		behind = p.HGet(ctx, f.auditHead(), "behind")
		since = p.ZRevRangeByScore(ctx, f.auditTimes(), &goredis.ZRangeBy{
			Min: "-inf", Max: "(" + strconv.FormatInt(wholeMS(q.Since), 10), Count: 1,
		})
	})
	if err != nil {
		return err
	}
	if len(since.Val()) > 0 && !q.Since.IsZero() {
		f.after = number(since.Val()[0])
	}
	if q.Until.IsZero() {
		return nil
	}
	err = f.pipe(ctx, func(p goredis.Pipeliner) {
		until = p.ZRangeByScore(ctx, f.auditTimes(), &goredis.ZRangeBy{
			Min: strconv.FormatInt(wholeMS(q.Until)+number(behind.Val()), 10), Max: "+inf", Count: 1,
		})
	})
	if err == nil && len(until.Val()) > 0 {
		if last := number(until.Val()[0]); f.before == 0 || last < f.before {
			f.before = last // which itself is too late
		}
	}
	return err
}

// read takes the next ones that may be selected.
func (f *finding) read(ctx context.Context) (more bool, err error) {
	newest, oldest := "+", afterID(f.after)
	if f.before < 0 || f.before == 1 {
		return false, nil
	}
	if f.before > 0 {
		newest = "(" + streamID(f.before)
	}
	list := f.auditOf(f.query.Actor, f.query.Type)
	want := int64(max(min(f.query.Limit-len(f.found), chunk), timeEvery))
	var found *goredis.XMessageSliceCmd
	if err := f.pipeAlone(ctx, func(p goredis.Pipeliner) { found = p.XRevRangeN(ctx, list, newest, oldest, want) }); err != nil {
		return false, err
	}
	messages := found.Val()
	if len(messages) == 0 {
		return false, nil
	}
	f.before = streamNumber(messages[len(messages)-1].ID)
	if list != f.audit() {
		if messages, err = f.entries(ctx, messages); err != nil {
			return false, err
		}
	}
	for _, m := range messages {
		if e := entryOfLog(f.id, m); f.selects(e.Event) {
			f.found = append(f.found, e)
		}
	}
	return int64(len(found.Val())) == want, nil
}

// entries reads what a list names.
func (f *finding) entries(ctx context.Context, named []goredis.XMessage) (entries []goredis.XMessage, err error) {
	found := make([]*goredis.XMessageSliceCmd, len(named))
	err = f.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, m := range named {
			found[i] = p.XRange(ctx, f.audit(), m.ID, m.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	for _, cmd := range found {
		entries = append(entries, cmd.Val()...)
	}
	return entries, nil
}

// selects reports whether the entry is of the query's times; the rest is seen to.
func (f *finding) selects(e core.Event) bool {
	return !e.At.Before(f.query.Since) && (f.query.Until.IsZero() || e.At.Before(f.query.Until))
}
