package contract

import (
	"fmt"

	"github.com/raven-memory/raven/core"
)

// drop stands for the first n entries of a tenant's log.
func (a *auditing) drop(tenant core.TenantID, n int) core.AuditDrop {
	head := headOf(a.entries(tenant, 1, n))
	return core.AuditDrop{Head: head, At: a.now, Note: fmt.Appendf(nil, "origin\n%d\nroot\n\n— name \x00\xff\n", n)}
}

func (a *auditing) dropped(tenant core.TenantID, want core.AuditDrop) {
	a.t.Helper()
	got, err := a.AuditDropped(a.ctx, tenant)
	a.same("AuditDropped", got, want, err)
}

func nothingIsDropped(a *auditing) {
	a.dropped(a.tenant, core.AuditDrop{})
	a.mustAdd(a.tenant, a.entries(a.tenant, 1, 5))
	a.dropped(a.tenant, core.AuditDrop{})
}

func logBeginsBehindADrop(a *auditing) {
	d := a.drop(a.tenant, 7)
	lent := core.AuditDrop{Head: d.Head, At: d.At, Note: append([]byte(nil), d.Note...)}
	lent.Head.Tree = append([]core.AuditHash(nil), d.Head.Tree...)
	if err := a.BeginAudit(a.ctx, a.tenant, lent); err != nil {
		a.t.Fatal(err)
	}
	clear(lent.Note)
	clear(lent.Head.Tree)
	a.dropped(a.tenant, d)
	head, err := a.AuditHead(a.ctx, a.tenant)
	a.same("AuditHead", head, d.Head, err)
	entries, err := a.AuditEntries(a.ctx, a.tenant, 0, 10)
	a.same("AuditEntries", len(entries), 0, err)
	tenants, err := a.AuditTenants(a.ctx, "", 10)
	a.same("AuditTenants", tenants, []core.TenantID{a.tenant}, err)
	list := a.entries(a.tenant, 8, 30)
	a.forked("a gap", a.add(a.tenant, list[1:3]))
	a.mustAdd(a.tenant, list[:4])
	a.mustAdd(a.tenant, list[2:])
	a.holds(a.tenant, list)
	for _, q := range []core.AuditQuery{
		{Limit: 100}, {Limit: 3}, {Before: 9, Limit: 5}, {Since: list[20].Event.At, Limit: 100}, {Until: list[20].Event.At, Limit: 100},
		{Actor: string(list[5].Event.Actor.Key), Limit: 5}, {Type: list[0].Event.Type, Limit: 4},
	} {
		a.finds(q, list)
	}
	a.dropped(a.tenant, d)
	a.dropped(a.other, core.AuditDrop{})
}

func onlyAnEmptyLogBegins(a *auditing) {
	d := a.drop(a.tenant, 7)
	list := a.entries(a.other, 1, 7)
	a.mustAdd(a.other, list)
	a.forked("a log that is not empty", a.BeginAudit(a.ctx, a.other, a.drop(a.other, 7)))
	a.holds(a.other, list)
	a.dropped(a.other, core.AuditDrop{})
	for range 2 {
		if err := a.BeginAudit(a.ctx, a.tenant, d); err != nil {
			a.t.Errorf("the same again: %v", err)
		}
	}
	a.forked("another beginning", a.BeginAudit(a.ctx, a.tenant, a.drop(a.tenant, 9)))
	a.forked("an earlier one", a.BeginAudit(a.ctx, a.tenant, a.drop(a.tenant, 5)))
	other := d
	other.Head.Chain = hash("another", 7)
	a.forked("another chain", a.BeginAudit(a.ctx, a.tenant, other))
	a.mustAdd(a.tenant, a.entries(a.tenant, 8, 2))
	if err := a.BeginAudit(a.ctx, a.tenant, d); err != nil {
		a.t.Errorf("the same on a log that goes on: %v", err)
	}
	a.dropped(a.tenant, d)
}

func droppedIsNotAddedAgain(a *auditing) {
	if err := a.BeginAudit(a.ctx, a.tenant, a.drop(a.tenant, 7)); err != nil {
		a.t.Fatal(err)
	}
	list := a.entries(a.tenant, 1, 9)
	a.forked("the first", a.add(a.tenant, list[:1]))
	a.forked("the last", a.add(a.tenant, list[6:7]))
	a.forked("some, and new ones", a.add(a.tenant, list[4:]))
	a.holdsNothingBehind(7)
	a.mustAdd(a.tenant, list[7:])
	a.forked("all", a.add(a.tenant, list))
	a.holds(a.tenant, list[7:])
}

func (a *auditing) holdsNothingBehind(seq int64) {
	a.t.Helper()
	head, err := a.AuditHead(a.ctx, a.tenant)
	a.same("the last seq", head.Seq, seq, err)
	entries, err := a.AuditEntries(a.ctx, a.tenant, 0, 10)
	a.same("AuditEntries", len(entries), 0, err)
}
