package contract

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// AuditLog is the suite of ports.AuditLog. open gives a log that holds nothing,
// and sees to its closing. The log need not know of the tenants.
func AuditLog(t *testing.T, open func(t *testing.T) ports.AuditLog) {
	for _, g := range []struct {
		name string
		hold func(a *auditing)
	}{
		{"a log that was never added to is empty", emptyLogIsEmpty},
		{"entries come back as they were", entriesComeBack},
		{"what is there already is passed over", auditedTwiceIsThereOnce},
		{"another entry under a number is a fork, and adds nothing", otherEntryIsAFork},
		{"a gap is a fork, and adds nothing", gapIsAFork},
		{"entries of all times are kept", entriesOfAllTimes},
		{"logs of tenants are apart", auditLogsAreApart},
		{"entries are read in pages", entriesInPages},
		{"a query selects, newest first", queriesSelect},
		{"a query finds all, also where clocks stepped back", queriesAcrossClockSteps},
		{"the checkpoint of the highest number is the last", lastCheckpoint},
		{"nothing is dropped of a log that was only added to", nothingIsDropped},
		{"a log begins behind what was dropped", logBeginsBehindADrop},
		{"only an empty log can begin behind a drop", onlyAnEmptyLogBegins},
		{"what was dropped can't be added again", droppedIsNotAddedAgain},
		{"tenants with a log are listed in pages", auditTenantsInPages},
		{"the same entries added at once are there once", sameAuditAtOnce},
		{"of different entries added at once one wins", otherAuditAtOnce},
		{"an id that is no tenant's has no log", hostileAudit},
		{"a done context changes nothing", doneContextAudits},
		{"slices are the caller's own", auditKeepsNoSlices},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			g.hold(newAuditing(t, open(t)))
		})
	}
}

// auditing is a log and two tenants of it.
type auditing struct {
	ports.AuditLog
	t             *testing.T
	ctx           context.Context
	ids           *core.IDs
	tenant, other core.TenantID
	now           time.Time
}

func newAuditing(t *testing.T, log ports.AuditLog) *auditing {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	now := time.Now().UTC().Truncate(time.Millisecond)
	var ticks atomic.Int64
	// Ids of one millisecond would be neighbours; what looks like one of these is none.
	ids := core.NewIDs(func() time.Time { return now.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }, crand.Reader)
	return &auditing{AuditLog: log, t: t, ctx: ctx, ids: ids, tenant: ids.Tenant(), other: ids.Tenant(), now: now}
}

// entries makes entries of a tenant, from a number on. Their hashes are of
// nothing that a log could check, and differ.
func (a *auditing) entries(tenant core.TenantID, first int64, n int) []core.AuditEntry {
	list := make([]core.AuditEntry, n)
	for i := range list {
		seq := first + int64(i)
		at := a.now.Add(time.Duration(seq) * time.Second)
		list[i] = core.AuditEntry{
			Event: core.Event{
				ID: a.ids.Event(), Type: core.EventMemoryFlushed, At: at, Tenant: tenant, Seq: seq,
				Actor: core.Actor{Key: a.ids.Key()}, Data: core.EventData{"user_id": string(a.ids.User()), "blobs": int64(i)},
			},
			Leaf: hash("leaf", seq), Chain: hash("chain", seq), Added: at.Add(time.Minute),
		}
	}
	return list
}

func hash(what string, n int64) core.AuditHash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(what), uint64(n)))
}

// headOf is the head after the entries.
func headOf(list []core.AuditEntry) core.AuditHead {
	last := list[len(list)-1]
	head := core.AuditHead{Seq: last.Event.Seq, Chain: last.Chain}
	for i := range bits.OnesCount64(uint64(head.Seq)) {
		head.Tree = append(head.Tree, hash(fmt.Sprint("tree", i), head.Seq))
	}
	return head
}

func (a *auditing) add(tenant core.TenantID, list []core.AuditEntry) error {
	return a.AppendAudit(a.ctx, tenant, list, headOf(list))
}

func (a *auditing) mustAdd(tenant core.TenantID, list []core.AuditEntry) {
	a.t.Helper()
	if err := a.add(tenant, list); err != nil {
		a.t.Fatalf("AppendAudit: %v", err)
	}
}

// holds wants the log to hold these entries and no others, and their head.
func (a *auditing) holds(tenant core.TenantID, want []core.AuditEntry) {
	a.t.Helper()
	got, err := a.AuditEntries(a.ctx, tenant, 0, len(want)+10)
	a.same("AuditEntries", got, want, err)
	head, err := a.AuditHead(a.ctx, tenant)
	if len(want) == 0 {
		a.same("AuditHead", head, core.AuditHead{}, err)
		return
	}
	a.same("AuditHead", head, headOf(want), err)
}

func (a *auditing) same(what string, got, want any, err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("%s: %v", what, err)
	}
	if g, w := dump(got), dump(want); g != w {
		a.t.Fatalf("%s:%s", what, difference(g, w))
	}
}

func (a *auditing) forked(what string, err error) {
	a.t.Helper()
	if !errors.Is(err, core.ErrAuditFork) {
		a.t.Errorf("%s: %v, want %v", what, err, core.ErrAuditFork)
	}
}

func emptyLogIsEmpty(a *auditing) {
	a.holds(a.tenant, nil)
	if err := a.AppendAudit(a.ctx, a.tenant, nil, core.AuditHead{}); err != nil {
		a.t.Errorf("adding nothing: %v", err)
	}
	a.holds(a.tenant, nil)
	found, err := a.FindAudit(a.ctx, a.tenant, core.AuditQuery{Limit: 10})
	a.same("FindAudit", len(found), 0, err)
	if _, err := a.LastCheckpoint(a.ctx, a.tenant); !core.Is(err, core.CodeNotFound) {
		a.t.Errorf("LastCheckpoint: %v", err)
	}
	tenants, err := a.AuditTenants(a.ctx, "", 10)
	a.same("AuditTenants", len(tenants), 0, err)
}

func entriesComeBack(a *auditing) {
	list := a.entries(a.tenant, 1, 9)
	for i, data := range []core.EventData{
		nil, {}, {"n": int64(0)}, {"most": int64(1<<63 - 1), "least": int64(-1 << 63)},
		{"text": "<a href=\"x\">&amp;</a>\u2028 \x00 é 🜍", "": "no name"},
		{"null": nil, "yes": true, "no": false, "half": 0.5},
		{"list": []any{int64(1), "two", nil, []any{}}, "deep": map[string]any{"a": map[string]any{"b": int64(1)}}},
		{"ids": []any{string(a.ids.Blob()), string(a.ids.Blob())}},
	} {
		list[i].Event.Data = data
	}
	list[0].Event.Actor.Key = ""
	list[1].Event.Type = core.EventAuthFailed
	a.mustAdd(a.tenant, list[:1])
	a.mustAdd(a.tenant, list[1:])
	a.holds(a.tenant, list)
	found, err := a.FindAudit(a.ctx, a.tenant, core.AuditQuery{Limit: 100})
	slices.Reverse(found)
	a.same("FindAudit", found, list, err)
}

func auditedTwiceIsThereOnce(a *auditing) {
	list := a.entries(a.tenant, 1, 10)
	a.mustAdd(a.tenant, list[:4])
	a.mustAdd(a.tenant, list[:4])
	a.mustAdd(a.tenant, list[3:4])
	a.mustAdd(a.tenant, list[2:7]) // some are there, some are not
	a.mustAdd(a.tenant, list[1:3]) // and the head stays where it is
	a.holds(a.tenant, list[:7])
	a.mustAdd(a.tenant, list)
	a.holds(a.tenant, list)
}

func otherEntryIsAFork(a *auditing) {
	list := a.entries(a.tenant, 1, 6)
	a.mustAdd(a.tenant, list[:4])
	for i := range 4 {
		others := slices.Clone(list)
		others[i].Chain = hash("another", int64(i))
		a.forked(fmt.Sprintf("another entry %d, and new ones", i+1), a.add(a.tenant, others))
		a.forked(fmt.Sprintf("another entry %d", i+1), a.add(a.tenant, others[i:i+1]))
		a.holds(a.tenant, list[:4])
	}
	a.mustAdd(a.tenant, list)
	a.holds(a.tenant, list)
}

func gapIsAFork(a *auditing) {
	list := a.entries(a.tenant, 1, 9)
	a.forked("an empty log, from 2", a.add(a.tenant, list[1:3]))
	a.holds(a.tenant, nil)
	a.mustAdd(a.tenant, list[:3])
	a.forked("one left out", a.add(a.tenant, list[4:6]))
	a.forked("one left out of those given", a.add(a.tenant, append(slices.Clone(list[3:5]), list[6])))
	a.forked("in the wrong order", a.add(a.tenant, []core.AuditEntry{list[4], list[3]}))
	a.forked("one twice", a.add(a.tenant, []core.AuditEntry{list[3], list[3]}))
	a.holds(a.tenant, list[:3])
}

// entriesOfAllTimes also has times that step back.
func entriesOfAllTimes(a *auditing) {
	list := a.entries(a.tenant, 1, 8)
	for i, at := range []time.Time{
		a.now, a.now.AddDate(0, 1, 0), a.now.AddDate(-1, 0, 0), a.now.AddDate(2, 0, 0),
		time.Date(2031, 12, 31, 23, 59, 59, 999e6, time.UTC), time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC),
		time.UnixMilli(0).UTC(), a.now,
	} {
		list[i].Event.At = at
	}
	a.mustAdd(a.tenant, list[:3])
	a.mustAdd(a.tenant, list[3:])
	a.holds(a.tenant, list)
	found, err := a.FindAudit(a.ctx, a.tenant, core.AuditQuery{Since: list[4].Event.At, Until: list[5].Event.At, Limit: 10})
	a.same("FindAudit", found, list[4:5], err)
}

func auditLogsAreApart(a *auditing) {
	tenants := []core.TenantID{a.tenant, a.other, lookAlike(a.tenant), core.DeploymentTenant}
	logs := make([][]core.AuditEntry, len(tenants))
	for i, tenant := range tenants {
		logs[i] = a.entries(tenant, 1, i+1)
		a.mustAdd(tenant, logs[i])
	}
	for i, tenant := range tenants {
		a.holds(tenant, logs[i])
		found, err := a.FindAudit(a.ctx, tenant, core.AuditQuery{Limit: 10})
		slices.Reverse(found)
		a.same("FindAudit", found, logs[i], err)
	}
}

func entriesInPages(a *auditing) {
	list := a.entries(a.tenant, 1, 25)
	a.mustAdd(a.tenant, list)
	for _, c := range []struct {
		after       int64
		limit       int
		first, many int
	}{
		{0, 10, 0, 10}, {10, 10, 10, 10}, {20, 10, 20, 5}, {25, 10, 25, 0}, {24, 1, 24, 1},
		{-5, 3, 0, 3}, {-1 << 63, 3, 0, 3}, {1<<63 - 1, 3, 25, 0},
	} {
		got, err := a.AuditEntries(a.ctx, a.tenant, c.after, c.limit)
		a.same(fmt.Sprintf("%d after %d", c.limit, c.after), len(got), c.many, err)
		a.same(fmt.Sprintf("%d after %d", c.limit, c.after), append([]core.AuditEntry{}, got...),
			append([]core.AuditEntry{}, list[c.first:c.first+c.many]...), err)
	}
}

func lastCheckpoint(a *auditing) {
	at := a.now
	made := func(seq int64) core.Checkpoint {
		return core.Checkpoint{Seq: seq, Note: fmt.Appendf(nil, "origin\n%d\nroot\n\n— name \x00\xff\n", seq), At: at}
	}
	for _, c := range []struct{ add, want int64 }{{3, 3}, {10, 10}, {9, 10}, {200, 200}, {11, 200}} {
		if err := a.AddCheckpoint(a.ctx, a.tenant, made(c.add)); err != nil {
			a.t.Fatal(err)
		}
		got, err := a.LastCheckpoint(a.ctx, a.tenant)
		a.same("LastCheckpoint", got, made(c.want), err)
	}
	if _, err := a.LastCheckpoint(a.ctx, a.other); !core.Is(err, core.CodeNotFound) {
		a.t.Errorf("another tenant: %v", err)
	}
}

func auditTenantsInPages(a *auditing) {
	var want []core.TenantID
	for range 7 {
		tenant := a.ids.Tenant()
		a.mustAdd(tenant, a.entries(tenant, 1, 3))
		want = append(want, tenant)
	}
	a.mustAdd(core.DeploymentTenant, a.entries(core.DeploymentTenant, 1, 1))
	want = append(want, core.DeploymentTenant)
	slices.Sort(want)
	var got []core.TenantID
	for after := core.TenantID(""); len(got) <= len(want); {
		page, err := a.AuditTenants(a.ctx, after, 3)
		if err != nil || len(page) > 3 {
			a.t.Fatalf("a page of %d, %v", len(page), err)
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1]
	}
	a.same("AuditTenants", got, want, nil)
}

func sameAuditAtOnce(a *auditing) {
	list := a.entries(a.tenant, 1, 60)
	for _, err := range together(8, func(i int) error {
		for n := 0; n < len(list); n += 10 + i {
			if err := a.add(a.tenant, list[:min(n+10+i, len(list))]); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			a.t.Error(err)
		}
	}
	a.mustAdd(a.tenant, list)
	a.holds(a.tenant, list)
}

func otherAuditAtOnce(a *auditing) {
	var won []core.AuditEntry
	for round := range int64(5) {
		tries := make([][]core.AuditEntry, 8)
		for i := range tries {
			tries[i] = a.entries(a.tenant, 3*round+1, 3)
			for k := range tries[i] {
				tries[i][k].Chain = hash(fmt.Sprint("try", i, k), round)
			}
		}
		winners := 0
		for i, err := range together(len(tries), func(i int) error { return a.add(a.tenant, tries[i]) }) {
			if err == nil {
				winners++
				won = append(won, tries[i]...)
			} else {
				a.forked("one that lost", err)
			}
		}
		if winners != 1 {
			a.t.Fatalf("%d won", winners)
		}
	}
	a.holds(a.tenant, won)
}

func hostileAudit(a *auditing) {
	list := a.entries(a.tenant, 1, 2)
	a.mustAdd(a.tenant, list)
	for _, id := range hostile(string(a.tenant)) {
		tenant := core.TenantID(id)
		what := fmt.Sprintf("%.60q", id)
		a.holds(tenant, nil)
		found, err := a.FindAudit(a.ctx, tenant, core.AuditQuery{Limit: 10})
		a.same(what, len(found), 0, err)
		if _, err := a.LastCheckpoint(a.ctx, tenant); !core.Is(err, core.CodeNotFound) {
			a.t.Errorf("%s: the last checkpoint: %v", what, err)
		}
		dropped, err := a.AuditDropped(a.ctx, tenant)
		a.same(what, dropped, core.AuditDrop{}, err)
		if tenant.Valid() {
			continue // the look-alike
		}
		if err := a.add(tenant, a.entries(tenant, 1, 1)); !core.Is(err, core.CodeNotFound) {
			a.t.Errorf("%s: an entry: %v", what, err)
		}
		if err := a.AddCheckpoint(a.ctx, tenant, core.Checkpoint{Seq: 1, Note: []byte("x"), At: a.now}); !core.Is(err, core.CodeNotFound) {
			a.t.Errorf("%s: a checkpoint: %v", what, err)
		}
		if err := a.BeginAudit(a.ctx, tenant, a.drop(tenant, 3)); !core.Is(err, core.CodeNotFound) {
			a.t.Errorf("%s: a drop: %v", what, err)
		}
	}
	a.holds(a.tenant, list)
}

func doneContextAudits(a *auditing) {
	list := a.entries(a.tenant, 1, 4)
	a.mustAdd(a.tenant, list[:2])
	ctx, cancel := context.WithCancel(a.ctx)
	cancel()
	_, headErr := a.AuditHead(ctx, a.tenant)
	_, entriesErr := a.AuditEntries(ctx, a.tenant, 0, 10)
	_, findErr := a.FindAudit(ctx, a.tenant, core.AuditQuery{Limit: 10})
	_, lastErr := a.LastCheckpoint(ctx, a.tenant)
	_, tenantsErr := a.AuditTenants(ctx, "", 10)
	_, droppedErr := a.AuditDropped(ctx, a.tenant)
	for what, err := range map[string]error{
		"AppendAudit": a.AppendAudit(ctx, a.tenant, list[2:], headOf(list)), "AuditHead": headErr, "AuditEntries": entriesErr,
		"FindAudit": findErr, "LastCheckpoint": lastErr, "AuditTenants": tenantsErr, "AuditDropped": droppedErr,
		"BeginAudit":    a.BeginAudit(ctx, a.other, a.drop(a.other, 3)),
		"AddCheckpoint": a.AddCheckpoint(ctx, a.tenant, core.Checkpoint{Seq: 2, Note: []byte("x"), At: a.now}),
	} {
		if !errors.Is(err, context.Canceled) {
			a.t.Errorf("%s: %v", what, err)
		}
	}
	a.holds(a.tenant, list[:2])
}

func auditKeepsNoSlices(a *auditing) {
	want := a.entries(a.tenant, 1, 3)
	lent := slices.Clone(want)
	head := headOf(lent)
	if err := a.AppendAudit(a.ctx, a.tenant, lent, head); err != nil {
		a.t.Fatal(err)
	}
	a.same("what was handed in", lent, want, nil)
	clear(lent)
	clear(head.Tree)
	note := []byte("a note")
	if err := a.AddCheckpoint(a.ctx, a.tenant, core.Checkpoint{Seq: 3, Note: note, At: a.now}); err != nil {
		a.t.Fatal(err)
	}
	clear(note)
	got, err := a.AuditEntries(a.ctx, a.tenant, 0, 10)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := range got {
		clear(got[i].Event.Data)
	}
	a.holds(a.tenant, want)
	c, err := a.LastCheckpoint(a.ctx, a.tenant)
	if err != nil || !bytes.Equal(c.Note, []byte("a note")) {
		a.t.Errorf("the note is %q, %v", c.Note, err)
	}
}
