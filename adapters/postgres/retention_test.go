package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// dropOf stands for the entries through the last.
func dropOf(list []core.AuditEntry) core.AuditDrop {
	return core.AuditDrop{Head: headOf(list), At: now(), Note: []byte("signed")}
}

// overTwoMonths adds entries of February and March 2020 to a new log: the first n
// are of February, save that late is too.
func overTwoMonths(t *testing.T, l *postgres.Log, n int, late ...int) []core.AuditEntry {
	t.Helper()
	list := entries(ids.Tenant(), 1, 10, time.Date(2020, 2, 20, 0, 0, 0, 0, time.UTC))
	for i := range list {
		if i >= n && !slices.Contains(late, i) {
			list[i].Event.At = list[i].Event.At.AddDate(0, 1, 0) // March
		}
	}
	mustAdd(t, l, list)
	return list
}

var march2020 = time.Date(2020, 3, 15, 12, 0, 0, 0, time.UTC)

func TestMonthsAreDroppedAndWhatIsBehindThemStays(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	l := open(t, url)
	plain, mixed, none := overTwoMonths(t, l, 6), overTwoMonths(t, l, 4, 6), overTwoMonths(t, l, 0, 3)
	unsealed := overTwoMonths(t, l, 5)
	ends, err := l.Droppable(t.Context(), march2020)
	if err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[core.TenantID]int64{
		plain[0].Event.Tenant: 6, mixed[0].Event.Tenant: 4, none[0].Event.Tenant: 0, unsealed[0].Event.Tenant: 5,
	} {
		if ends[tenant] != want {
			t.Errorf("%d entries may go, want %d", ends[tenant], want)
		}
	}
	drops := map[core.TenantID]core.AuditDrop{plain[0].Event.Tenant: dropOf(plain[:6]), mixed[0].Event.Tenant: dropOf(mixed[:4])}
	if err := l.DropMonths(t.Context(), march2020, drops); err != nil {
		t.Fatal(err)
	}
	mustHold(t, l, plain[6:])
	mustHold(t, l, mixed[4:])
	mustHold(t, l, none)
	mustHold(t, l, unsealed)
	for tenant, want := range drops {
		if got, err := l.AuditDropped(t.Context(), tenant); err != nil || got.Head.Seq != want.Head.Seq || got.Head.Chain != want.Head.Chain {
			t.Errorf("noted is %+v, %v", got, err)
		}
	}
	for _, list := range [][]core.AuditEntry{plain, mixed, none, unsealed} { // an event of the month comes late
		next := entries(list[0].Event.Tenant, 11, 1, list[0].Event.At)
		if err := add(t.Context(), l, next); err != nil {
			mustBeUnavailable(t, "the first after the drop", err)
			mustAdd(t, l, next)
		}
	}
	conn := superuser(t, url)
	if _, err := conn.Exec(t.Context(), `TRUNCATE audit_events_2020_02`); err == nil {
		t.Error("what is left of a month can be cut")
	}
}

func TestNothingIsDroppedOfALogThatIsNotWhatWasSealed(t *testing.T) {
	t.Parallel()
	l := open(t, backend.SharedPostgres(t))
	list, other := overTwoMonths(t, l, 6), overTwoMonths(t, l, 6)
	changed := dropOf(list[:6])
	changed.Head.Chain[0] ^= 1
	err := l.DropMonths(t.Context(), march2020, map[core.TenantID]core.AuditDrop{
		list[0].Event.Tenant: changed, other[0].Event.Tenant: dropOf(other[:6]),
	})
	if !errors.Is(err, core.ErrAuditFork) {
		t.Errorf("got %v", err)
	}
	mustHold(t, l, list)
	mustHold(t, l, other)
	if d, err := l.AuditDropped(t.Context(), other[0].Event.Tenant); err != nil || d.Head.Seq != 0 {
		t.Errorf("noted is %+v, %v", d, err)
	}
}

func TestASecondDropGoesOnWhereTheFirstEnded(t *testing.T) {
	t.Parallel()
	l := open(t, backend.SharedPostgres(t))
	list := overTwoMonths(t, l, 4, 6) // with one of February behind March's
	tenant := list[0].Event.Tenant
	for _, c := range []struct {
		before time.Time
		gone   int
	}{{march2020, 4}, {march2020.AddDate(0, 1, 0), 10}} {
		ends, err := l.Droppable(t.Context(), c.before)
		if err != nil || ends[tenant] != int64(c.gone) {
			t.Fatalf("%d entries may go, want %d (%v)", ends[tenant], c.gone, err)
		}
		if err := l.DropMonths(t.Context(), c.before, map[core.TenantID]core.AuditDrop{tenant: dropOf(list[:c.gone])}); err != nil {
			t.Fatal(err)
		}
		if got, err := l.AuditEntries(t.Context(), tenant, 0, 20); err != nil || len(got) != 10-c.gone {
			t.Errorf("%d are left, want %d (%v)", len(got), 10-c.gone, err)
		}
	}
	if d, err := l.AuditDropped(t.Context(), tenant); err != nil || d.Head.Seq != 10 {
		t.Errorf("noted is %+v, %v", d, err)
	}
	if tenants, err := l.AuditTenants(t.Context(), "", 10); err != nil || !slices.Contains(tenants, tenant) {
		t.Errorf("tenants %v, %v", tenants, err)
	}
	mustAdd(t, l, entries(tenant, 11, 2, now()))
}
