package chaos

import (
	"fmt"
	"math"
	"time"
)

// findings are what is wrong with what is stored; all should be 0.
type findings struct {
	calls, acknowledged, stored, events        int
	lost, doubled, torn, disordered, strangers int
}

// settle repeats what has an Idempotency-Key and no answer, as its client would.
func (w *world) settle() (acknowledged, repeated int) {
	w.t.Helper()
	for _, c := range w.book.calls {
		for end := time.Now().Add(patience); !c.done && c.key != ""; time.Sleep(50 * time.Millisecond) {
			a, done := w.book.attempt(c, w.url())
			if done {
				repeated++
			} else if wrongWith(a) != "" || time.Now().After(end) {
				w.t.Errorf("a repeat under its Idempotency-Key, first sent %v before: %s", time.Since(w.book.began)-c.begin, c.outcome)
				break
			}
		}
		if c.done {
			acknowledged++
		}
	}
	return acknowledged, repeated
}

// place is where an interaction is.
type place struct {
	conversation, at int
	id               string
}

// checkMemory holds a tenant's interactions against the ledger.
func (f *findings) checkMemory(x *tenant, book *ledger) {
	got := map[string][]place{}
	for i := range conversations {
		for at, in := range x.pages(x.world.t, ingestPath(i)) {
			content, _ := in["content"].(string)
			id, _ := in["id"].(string)
			got[content] = append(got[content], place{i, at, id})
			f.stored++
		}
	}
	var order [conversations]map[int]*call
	for i := range order {
		order[i] = map[int]*call{}
	}
	for _, c := range book.of(x, "ingest") {
		f.checkCall(c, got)
		for _, content := range c.contents {
			for _, p := range got[content] {
				order[p.conversation][p.at] = c
			}
			delete(got, content)
		}
	}
	f.strangers += len(got)
	for _, o := range order {
		f.checkOrder(o)
	}
}

// checkCall looks at one call's interactions: all are there, once each, beside
// each other and under the ids that were answered; or none are, where it was not
// acknowledged.
func (f *findings) checkCall(c *call, got map[string][]place) {
	present := 0
	first := place{conversation: c.conversation}
	for i, content := range c.contents {
		places := got[content]
		switch {
		case len(places) > 1:
			f.doubled++
		case len(places) == 0 && c.done:
			f.lost++
		}
		if len(places) == 0 {
			continue
		}
		p := places[0]
		present++
		if i == 0 {
			first = p
		}
		if p.conversation != c.conversation || p.at != first.at+i || c.done && p.id != c.ids[i] {
			f.torn++
		}
	}
	if present != 0 && present != len(c.contents) {
		f.torn++
	}
}

// checkOrder looks at a conversation from its end: nothing stands behind what
// began only after that had been acknowledged.
func (f *findings) checkOrder(at map[int]*call) {
	ended := time.Duration(math.MaxInt64) // the first end of all that stand behind
	for i := len(at) - 1; i >= 0; i-- {
		c := at[i]
		if c == nil {
			continue // a stranger
		}
		if ended < c.begin {
			f.disordered++
		}
		if c.done {
			ended = min(ended, c.end)
		}
	}
}

// checkMade holds what else was created against the ledger, and gives how much
// there is.
func (f *findings) checkMade(x *tenant, book *ledger) (madeUsers, madeConversations int) {
	t := x.world.t
	list := x.pages(t, "/api/v1/users")
	madeUsers = len(list)
	f.compareMade(book.of(x, "user"), list)
	var all []object
	for u := range users {
		all = append(all, x.pages(t, fmt.Sprintf("/api/v1/users/ext:u%d/conversations", u))...)
	}
	f.compareMade(book.of(x, "conversation"), all)
	return madeUsers, len(all)
}

func (f *findings) compareMade(calls []*call, list []object) {
	ids := map[string][]string{}
	for _, one := range list {
		ref, _ := one["external_ref"].(string)
		id, _ := one["id"].(string)
		ids[ref] = append(ids[ref], id)
	}
	for _, c := range calls {
		there := ids[c.ref]
		switch {
		case len(there) > 1:
			f.doubled++
		case c.done && (len(there) == 0 || there[0] != c.ids[0]):
			f.lost++
		}
	}
}

// checkUsage compares a tenant's counters with a recount, and gives how many
// blobs there are and how many interactions are in them.
func (w *world) checkUsage(x *tenant, interactions, madeUsers, madeConversations int) (blobs, sealed int64) {
	w.t.Helper()
	for u := range users {
		for _, b := range x.pages(w.t, fmt.Sprintf("/api/v1/users/ext:u%d/memory", u)) {
			n, _ := b["interaction_count"].(float64)
			blobs, sealed = blobs+1, sealed+int64(n)
		}
	}
	a := x.must(w.t, "GET", "/api/v1/tenant/usage", nil)
	for _, counter := range []struct {
		name string
		got  int64
		want int64
	}{
		{"users", a.number("users", "used"), int64(madeUsers)},
		{"conversations", a.number("conversations", "used"), int64(madeConversations)},
		{"interactions", a.number("interactions", "stored"), int64(interactions)},
		{"buffered", a.number("interactions", "buffered"), int64(interactions) - sealed},
		{"blobs", a.number("blobs", "count"), blobs},
	} {
		if counter.got != counter.want {
			w.t.Errorf("%s: usage counts %d %s, there are %d", x.id, counter.got, counter.name, counter.want)
		}
	}
	return blobs, sealed
}

// checkEvents looks for every change in a tenant's audit log, once, numbered
// without gaps.
func (w *world) checkEvents(x *tenant, want map[string]int64) (events int) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		list := x.pages(w.t, "/api/v1/tenant/audit") // the newest first
		wrong := compareEvents(list, want)
		if wrong == "" {
			return len(list)
		}
		if time.Now().After(end) {
			w.t.Errorf("%s: events: %s", x.id, wrong)
			return len(list)
		}
	}
}

// compareEvents says what is wrong with a list of events; "" for nothing.
func compareEvents(list []object, want map[string]int64) string {
	got := map[string]int64{}
	known := map[string]bool{}
	for i, e := range list {
		id, _ := e["id"].(string)
		kind, _ := e["type"].(string)
		if seq, _ := e["seq"].(float64); int(seq) != len(list)-i || known[id] {
			return fmt.Sprintf("%s has number %v in the place of %d", id, seq, len(list)-i)
		}
		known[id] = true
		got[kind]++
		if data, _ := e["data"].(map[string]any); kind == "memory.flushed" {
			blobs, _ := data["blobs"].(float64)
			interactions, _ := data["interactions"].(float64)
			got["blobs"] += int64(blobs)
			got["sealed"] += int64(interactions)
		}
	}
	for what, n := range want {
		if got[what] != n {
			return fmt.Sprintf("they tell of %d × %s, there are %d", got[what], what, n)
		}
	}
	return ""
}
