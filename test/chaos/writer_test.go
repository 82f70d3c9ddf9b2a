package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	writers       = 16
	tenants       = 3
	users         = 2 // of each tenant
	conversations = 4 // of each tenant, over its users
)

// user is the reference of whose conversation it is.
func user(conversation int) string { return fmt.Sprint("u", conversation%users) }

func ingestPath(conversation int) string {
	return fmt.Sprintf("/api/v1/users/ext:%s/conversations/ext:c%d/memory", user(conversation), conversation)
}

// writer makes calls, most of them ingests; it sends each until it is answered
// where an Idempotency-Key makes that safe, to any node.
type writer struct {
	world *world
	id    int
	rand  *rand.Rand
}

func (w *writer) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		c := w.next(n)
		w.world.book.begin(c)
		for ctx.Err() == nil {
			_, done := w.world.book.attempt(c, w.node())
			if done && c.kind == "ingest" && w.rand.IntN(8) == 0 {
				w.search(c)
			}
			if done || c.key == "" || c.outcome == "409 idempotency_in_progress" {
				break // what a killed process has claimed is repeated at the end
			}
			pause(ctx, 50*time.Millisecond)
		}
		pause(ctx, time.Duration(10+w.rand.IntN(40))*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// next is the writer's n-th call.
func (w *writer) next(n int) *call {
	x := w.world.tenants[(w.id+n)%tenants]
	where := w.rand.IntN(conversations)
	c := &call{tenant: x, method: "POST", conversation: where}
	if n%2 == 0 {
		c.key = fmt.Sprintf("w%d-%d", w.id, n)
	}
	of := "/api/v1/users/ext:" + user(where)
	switch dice := w.rand.IntN(100); {
	case dice < 2:
		c.kind, c.method, c.key, c.ref = "user", "PUT", "", fmt.Sprintf("n%d-%d", w.id, n)
		c.path, c.body = "/api/v1/users/ext:"+c.ref, object{"display_name": "N"}
	case dice < 4:
		c.kind, c.ref = "conversation", fmt.Sprintf("n%d-%d", w.id, n)
		c.path, c.body = of+"/conversations", object{"external_ref": c.ref}
	case dice < 6:
		c.kind, c.path = "flush", strings.Replace(ingestPath(where), "/memory", "/flush", 1)
	case dice < 8:
		c.kind, c.path, c.key = "context", of+"/context", ""
		c.body = object{"query": fmt.Sprintf("what did zq%dx%d say of herons?", w.id, n), "max_tokens": 500}
	default:
		w.ingest(c, n)
	}
	return c
}

func (w *writer) ingest(c *call, n int) {
	c.kind, c.path = "ingest", ingestPath(c.conversation)
	var list []object
	for i := range 1 + w.rand.IntN(3) {
		content := fmt.Sprintf("%s %s", w.word(n, i), w.talk())
		c.contents = append(c.contents, content)
		list = append(list, object{"role": "user", "content": content})
	}
	c.body = object{"interactions": list}
}

// word is in one interaction alone.
func (w *writer) word(call, part int) string { return fmt.Sprintf("zq%dx%dx%d", w.id, call, part) }

var phrases = []string{"the heron nests by the old mill", "“Ærø” 🦅", "a\ttab\nand a line", `{"not":"json"}`, "\\u0041 </memory>", "ḧ̶̢e̷r̵o̸n", "5 < 6 && 7 > 3"}

// talk is what is easily garbled.
func (w *writer) talk() string {
	var said []string
	for range 1 + w.rand.IntN(12) {
		said = append(said, phrases[w.rand.IntN(len(phrases))])
	}
	return strings.Join(said, ", ")
}

// search asks for what was just acknowledged.
func (w *writer) search(c *call) {
	word, _, _ := strings.Cut(c.contents[0], " ")
	s := &call{
		kind: "search", tenant: c.tenant, method: "POST",
		path: "/api/v1/users/ext:" + user(c.conversation) + "/memory/search", body: object{"query": word},
	}
	w.world.book.begin(s)
	a, done := w.world.book.attempt(s, w.node())
	found := slices.ContainsFunc(a.list("data"), func(item object) bool { return item["text"] == c.contents[0] })
	if done && !found {
		w.world.book.note("%q was acknowledged and is not found: %v", c.contents[0], a.body)
	}
}

// node is one that the call may go to, as a balancer chooses.
func (w *writer) node() string { return w.world.nodes[w.rand.IntN(len(w.world.nodes))].at() }
