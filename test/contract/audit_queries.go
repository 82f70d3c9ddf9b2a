package contract

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
)

func queriesSelect(a *auditing) {
	list := a.entries(a.tenant, 1, 40)
	key := a.ids.Key()
	for i := range list {
		e := &list[i].Event
		e.Type = []core.EventType{core.EventUserCreated, core.EventKeyRevoked, core.EventAuthFailed}[i%3]
		e.Actor.Key = []core.KeyID{key, "", a.ids.Key(), key}[i%4]
	}
	a.mustAdd(a.tenant, list)
	at := func(seq int) time.Time { return list[seq-1].Event.At }
	for _, q := range []core.AuditQuery{
		{}, {Limit: 7}, {Before: 20}, {Before: 1}, {Before: 41, Limit: 3},
		{Since: at(10)}, {Until: at(10)}, {Since: at(10), Until: at(20)}, {Since: at(10).Add(time.Millisecond)},
		{Since: at(20), Until: at(10)}, {Since: at(32)}, {Until: at(32)}, {Until: at(33)}, {Since: at(32), Until: at(33)}, {Type: core.EventKeyRevoked}, {Type: "no.such"}, {Type: "user."},
		{Actor: string(key)}, {Actor: "system"}, {Actor: string(a.ids.Key())}, {Actor: "' OR 1=1 --"},
		{Since: at(3), Until: at(38), Type: core.EventUserCreated, Actor: string(key), Before: 35, Limit: 2},
	} {
		if q.Limit == 0 {
			q.Limit = 100
		}
		a.finds(q, list)
	}
}

// finds wants those of the list that the query selects.
func (a *auditing) finds(q core.AuditQuery, list []core.AuditEntry) {
	a.t.Helper()
	want := []core.AuditEntry{}
	for _, e := range slices.Backward(list) {
		if selects(q, e.Event) && len(want) < q.Limit {
			want = append(want, e)
		}
	}
	got, err := a.FindAudit(a.ctx, a.tenant, q)
	a.same(fmt.Sprintf("FindAudit %+v", q), append([]core.AuditEntry{}, got...), want, err)
}

// queriesAcrossClockSteps has times that mostly rise, and now and then jump
// ahead or back for a while.
func queriesAcrossClockSteps(a *auditing) {
	r := rand.New(rand.NewPCG(uint64(a.now.UnixMilli()), 1))
	list := a.entries(a.tenant, 1, 300)
	at, skew := a.now, time.Duration(0)
	for i := range list {
		if r.IntN(20) == 0 {
			skew = time.Duration(r.IntN(41)-20) * time.Second
		}
		at = at.Add(time.Duration(r.IntN(1500)) * time.Millisecond)
		list[i].Event.At = at.Add(skew)
		list[i].Event.Type = []core.EventType{core.EventUserCreated, core.EventKeyRevoked}[r.IntN(2)]
	}
	for first := 0; first < len(list); {
		next := min(first+1+r.IntN(60), len(list))
		a.mustAdd(a.tenant, list[first:next])
		first = next
	}
	for range 80 {
		q := core.AuditQuery{Limit: 1 + r.IntN(60)}
		some := func() time.Time {
			return list[r.IntN(len(list))].Event.At.Add(time.Duration(r.IntN(3)-1) * time.Microsecond * 500)
		}
		for bit, set := range []func(){
			func() { q.Since = some() }, func() { q.Until = some() },
			func() { q.Type = core.EventKeyRevoked }, func() { q.Before = int64(r.IntN(320)) },
		} {
			if r.IntN(3) > 0 && bit < 2 || r.IntN(3) == 0 {
				set()
			}
		}
		a.finds(q, list)
	}
}

func selects(q core.AuditQuery, e core.Event) bool {
	actor := string(e.Actor.Key)
	if actor == "" {
		actor = "system"
	}
	return !e.At.Before(q.Since) && (q.Until.IsZero() || e.At.Before(q.Until)) &&
		(q.Type == "" || q.Type == e.Type) && (q.Actor == "" || q.Actor == actor) && (q.Before == 0 || e.Seq < q.Before)
}
