package postgres_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// TestEveryColumnOfARowIsToldInItsEntry changes each column, as somebody could
// who owns the tables: the entry has to be another one, and be readable, or who
// verifies could not name it. All but the time of arrival is under a hash.
func TestEveryColumnOfARowIsToldInItsEntry(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	l := open(t, url)
	conn := superuser(t, url)
	exec(t, conn, `SET session_replication_role = replica`)
	mustAdd(t, l, entries(ids.Tenant(), 1, 1, now().AddDate(0, 0, -1))) // on the first of a month, yesterday has no partition yet
	for _, change := range []string{
		`seq = 30`, `event_id = event_id || ' '`, `event_id = ''`, `type = 'key.revoked'`, `type = upper(type)`,
		`at = at + interval '1 microsecond'`, `at = at - interval '1 day'`, `at = at + interval '1 month'`,
		`actor = ''`, `actor = 'system'`, `actor = lower(actor) || ' '`,
		`data = replace(data, '10', '11')`, `data = data || ' '`, `data = replace(data, ':', ': ')`,
		`data = replace(data, '"blobs":1', '"blobs":1.0')`, `data = replace(data, '"blobs":1', '"blobs":1e0')`,
		`data = replace(data, '"blobs"', '"blobs":7,"blobs"')`, `data = replace(data, 'b', '\u0062')`,
		`data = '{}'`, `data = 'null'`, `data = ''`, `data = 'garbage'`, `data = '[1]'`, `data = data || data`,
		`data = replace(data, '"blobs":1', '"blobs":99999999999999999999')`,
		`leaf = sha256(leaf)`, `leaf = ''`, `leaf = leaf || '\x00'`, `chain = sha256(chain)`, `chain = substr(chain, 2)`,
	} {
		list := entries(ids.Tenant(), 1, 3, now())
		tenant := list[0].Event.Tenant
		mustAdd(t, l, list)
		tag, err := conn.Exec(t.Context(), `UPDATE audit_events SET `+change+` WHERE tenant_id = $1 AND seq = 2`, string(tenant))
		if err != nil || tag.RowsAffected() != 1 {
			t.Errorf("%s: %d rows, %v", change, tag.RowsAffected(), err)
			continue
		}
		got, err := l.AuditEntries(t.Context(), tenant, 0, 10)
		if err != nil || len(got) != 3 {
			t.Errorf("%s: %d entries, %v", change, len(got), err)
			continue
		}
		if fmt.Sprintf("%+v", got[1]) == fmt.Sprintf("%+v", list[1]) {
			t.Errorf("%s: nobody would see it", change)
		}
	}
}

func TestWhatWasSlippedInIsReadAndStopsAppends(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	l := open(t, url)
	conn := superuser(t, url)
	exec(t, conn, `SET session_replication_role = replica`)
	const like = `INSERT INTO audit_events SELECT tenant_id, %s, event_id, type, %s, actor, data, leaf, chain, added_at
		FROM audit_events WHERE tenant_id = $1 AND seq = 2`
	for _, c := range []struct {
		name, statement string
		there           []int64
		next            int64 // what an append then begins with; 0: it goes on
	}{
		{"one behind the end", fmt.Sprintf(like, "4", "at"), []int64{1, 2, 3, 4}, 4},
		{"one far behind the end", fmt.Sprintf(like, "40", "at"), []int64{1, 2, 3, 40}, 4},
		{"one before the first", fmt.Sprintf(like, "-1", "at"), []int64{-1, 1, 2, 3}, 0},
		{"one twice", fmt.Sprintf(like, "2", "at + interval '1 second'"), []int64{1, 2, 2, 3}, 2},
		{"one that is gone", `DELETE FROM audit_events WHERE tenant_id = $1 AND seq = 2`, []int64{1, 3}, 2},
		{"the last that is gone", `DELETE FROM audit_events WHERE tenant_id = $1 AND seq = 3`, []int64{1, 2}, 3},
		{"a head set back", `UPDATE audit_heads SET seq = 2 WHERE tenant_id = $1`, []int64{1, 2, 3}, 3},
		{"no head", `DELETE FROM audit_heads WHERE tenant_id = $1`, []int64{1, 2, 3}, 1},
	} {
		list := entries(ids.Tenant(), 1, 5, now())
		tenant := list[0].Event.Tenant
		mustAdd(t, l, list[:3])
		exec(t, conn, c.statement, string(tenant))
		got, err := l.AuditEntries(t.Context(), tenant, -100, 10)
		var there []int64
		for _, e := range got {
			there = append(there, e.Event.Seq)
		}
		if err != nil || fmt.Sprint(there) != fmt.Sprint(c.there) {
			t.Errorf("%s: %v, %v", c.name, there, err)
		}
		if tenants, err := l.AuditTenants(t.Context(), tenant[:len(tenant)-1], 1); err != nil || len(tenants) != 1 || tenants[0] != tenant {
			t.Errorf("%s: tenants %v, %v", c.name, tenants, err)
		}
		if c.next > 0 {
			if err := add(t.Context(), l, list[c.next-1:]); !isFork(err) {
				t.Errorf("%s: an append said %v", c.name, err)
			}
		} else {
			mustAdd(t, l, list[3:])
		}
	}
}

// Who moves a row to another tenant leaves a gap here and a stranger there.
func TestARowMovedToAnotherTenantIsThere(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	l := open(t, url)
	from, to := entries(ids.Tenant(), 1, 3, now()), entries(ids.Tenant(), 1, 2, now())
	mustAdd(t, l, from)
	mustAdd(t, l, to)
	conn := superuser(t, url)
	exec(t, conn, `ALTER TABLE audit_events DISABLE TRIGGER USER`)
	exec(t, conn, `UPDATE audit_events SET tenant_id = $1 WHERE tenant_id = $2 AND seq = 3`,
		string(to[0].Event.Tenant), string(from[0].Event.Tenant))
	mustHold(t, l, from[:2])
	moved := from[2]
	moved.Event.Tenant = to[0].Event.Tenant
	mustHold(t, l, append(to, moved))
}

func isFork(err error) bool { return errors.Is(err, core.ErrAuditFork) }
