package scale

import (
	"fmt"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

// message is what people write: 150 bytes.
func message(n int) map[string]any {
	text := fmt.Sprintf("Parcel %d left the port of Bergen on day %d with %d crates of instruments, and is due in Antwerp. ", n, n%365, n%17)
	return map[string]any{"role": "user", "content": (text + strings.Repeat("They will be unpacked by hand. ", 3))[:150]}
}

// stage makes n records of a kind.
type stage struct {
	kind   string
	events float64 // that each records, in the outbox until they are in the log
	per    int     // records of the kind that each of n makes
	do     func(w *world, i int)
}

var stages = []stage{
	{"user, with its reference", 1, 1, func(w *world, i int) {
		w.call(nil, w.key, "PUT", fmt.Sprintf("/users/ext:user-%d", i), nil)
	}},
	{"conversation, with its reference", 1, 1, func(w *world, i int) {
		w.call(nil, w.key, "POST", fmt.Sprintf("/users/ext:user-%d/conversations", i), map[string]any{"external_ref": "c"})
	}},
	{"interaction of 150 bytes, in the buffer", 0, 9, func(w *world, i int) { w.tell(i, 9) }},
	{"interaction of 150 bytes, sealed in a blob of 10", 1.0 / 10, 10, func(w *world, i int) { w.tell(i, 10) }},
	{"API key", 1, 1, func(w *world, i int) {
		w.call(nil, w.key, "POST", "/tenant/keys", map[string]any{"name": "one more", "scopes": []string{"memory:read"}})
	}},
	{"user with 2 conversations of 15 interactions, which came by two and are sealed", 7, 1, func(w *world, i int) { w.plain(i) }},
}

// plain makes a user as the plan of many has them.
func (w *world) plain(i int) {
	user := fmt.Sprintf("/users/ext:plain-%d", i)
	w.call(nil, w.key, "PUT", user, nil)
	for _, c := range []string{"a", "b"} {
		w.call(nil, w.key, "POST", user+"/conversations", map[string]any{"external_ref": c})
		at := user + "/conversations/ext:" + c
		for n := 0; n < 15; n += 2 {
			w.call(nil, w.key, "POST", at+"/memory", map[string]any{"interactions": messages(i*100+n, min(2, 15-n))})
		}
		w.call(nil, w.key, "POST", at+"/flush", nil)
	}
}

func (w *world) tell(user, n int) {
	w.call(nil, w.key, "POST", fmt.Sprintf("/users/ext:user-%d/conversations/ext:c/memory", user),
		map[string]any{"interactions": messages(user*100, n)})
}

func messages(from, n int) (list []any) {
	for i := range n {
		list = append(list, message(from+i))
	}
	return list
}

// TestBytesOfRecords logs what each kind of record takes, everything that comes
// with it included: indexes, counters, what a reader follows changes by, and the
// entry of its event in the audit log, which a row of its own tells.
func TestBytesOfRecords(t *testing.T) {
	for name, open := range stores {
		for _, n := range sizes(t, 100) {
			t.Run(fmt.Sprint(name, "/", n), func(t *testing.T) {
				w := newWorld(t, open(t))
				w.work()
				event := w.events(n)
				t.Logf("| %s | %d | entry of the audit log | %.0f |", name, n, event)
				for _, s := range stages {
					count := n
					if s.kind == "API key" {
						count = min(n, core.MaxKeysPerTenant/2)
					}
					before := w.store.bytes(t)
					each(count, func(i int) { s.do(w, i) })
					w.work()
					took := float64(w.store.bytes(t)-before)/float64(count*s.per) - s.events*event
					t.Logf("| %s | %d | %s | %.0f |", name, n, s.kind, took)
					if took <= 0 && n >= 1000 {
						t.Errorf("%s takes %.0f bytes", s.kind, took)
					}
				}
				w.tenants(name, n)
			})
		}
	}
}

// events records n events that leave nothing but their entries, and gives the
// bytes of one.
func (w *world) events(n int) float64 {
	w.call(nil, w.key, "PUT", "/users/ext:first", nil)
	w.work()
	before := w.store.bytes(w.T)
	for i := range n {
		w.call(nil, w.key, "PATCH", "/users/ext:first", map[string]any{"display_name": fmt.Sprint("Ada ", i%10)})
	}
	w.work()
	return float64(w.store.bytes(w.T)-before) / float64(n)
}

// tenants makes tenants, which have a data key, an API key and two events.
func (w *world) tenants(name string, n int) {
	n = min(n, 10_000)
	before := w.store.bytes(w.T)
	each(n, func(i int) { w.register(i + 1) })
	w.work()
	took := float64(w.store.bytes(w.T)-before) / float64(n)
	w.Logf("| %s | %d | tenant, with its keys and the beginning of its log | %.0f |", name, n, took)
}
