package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// secretWord is in all that the tenant keeps, and in nothing that anybody else
// may be answered.
const secretWord = "quetzalcoatlus"

// hostileRequests is how many requests the hostile tenant makes at least;
// RAVEN_TEST_HOSTILE asks for another number.
func hostileRequests() int64 {
	if n, err := strconv.ParseInt(os.Getenv("RAVEN_TEST_HOSTILE"), 10, 64); err == nil {
		return n
	}
	return 3000
}

// TestHostileNeighbourChangesNothing plays one tenant's day twice: alone, and
// beside a tenant that knows its ids, cursors, ETags and Idempotency-Keys and
// tries them all with a key of its own. What the first tenant is answered is
// the same, and nothing it keeps comes out in an answer to the other.
func TestHostileNeighbourChangesNothing(t *testing.T) {
	t.Parallel()
	beside := stores(t)
	for name, env := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const free = "RAVEN_LIMITS_RATE_PER_MINUTE=0"
			want := day(t, start(t, t.TempDir(), append(env, free)...).URL, nil)
			shared := start(t, t.TempDir(), append(beside[name], free)...)
			h := newHostile(t, shared.URL)
			got := day(t, shared.URL, h)
			h.stop()
			if len(want) != len(got) {
				t.Fatalf("%d answers alone, %d beside a neighbour", len(want), len(got))
			}
			for i := range want {
				if want[i] != got[i] {
					t.Errorf("answer %d alone:\n%s\nbeside a neighbour:\n%s", i, want[i], got[i])
				}
			}
			t.Logf("%d answers alike; %d hostile requests, %d leaks, %d answered 5xx", len(want), h.sent.Load(), h.leaks.Load(), h.failed.Load())
			if h.leaks.Load()+h.failed.Load() > 0 {
				t.Error("some leaked, or failed")
			}
		})
	}
}

// day is what a tenant does, and what it was answered, with all that no two
// runs share taken out.
func day(t *testing.T, url string, h *hostile) []string {
	t.Helper()
	c := register(t, url, "victim", object{"batch_size": 4, "max_users": 20})
	v := &visitor{t: t, c: c, hostile: h, names: map[string]string{}}
	users := "/api/v1/users"
	for i := range 12 {
		ref := fmt.Sprintf("ref-%d", i)
		a := v.do("POST", users, object{"external_ref": ref, "display_name": secretWord, "metadata": object{"w": secretWord}}, "Idempotency-Key", "user-"+ref)
		user := users + "/" + a.text("id")
		v.do("GET", user, nil)
		a = v.do("POST", user+"/conversations", object{"external_ref": "talk", "title": secretWord}, "Idempotency-Key", "talk-"+ref)
		memory := user + "/conversations/" + a.text("id") + "/memory"
		for n := range 3 {
			v.do("POST", memory, object{"interactions": []object{
				interaction(fmt.Sprintf("The %s flew over valley %d on day %d.", secretWord, i, n)),
				{"role": "assistant", "content": fmt.Sprintf("Noted: %s, day %d.", secretWord, n)},
			}}, "Idempotency-Key", fmt.Sprintf("memory-%d-%d", i, n))
		}
		v.do("GET", memory+"?limit=2", nil)
		v.do("POST", user+"/facts", object{"text": "Likes the " + secretWord})
		v.do("GET", user+"/facts", nil)
		v.do("POST", user+"/context", object{"query": "Which valley did it fly over?"})
		v.do("POST", user+"/memory/search", object{"query": "valley", "explain": true})
		v.do("GET", user+"/memory", nil)
		v.do("PATCH", user, object{"display_name": secretWord + " again"})
		if i%3 == 2 {
			v.do("DELETE", user, nil)
		}
	}
	v.do("GET", users+"?limit=3", nil)
	v.do("PATCH", "/api/v1/tenant", object{"settings": object{"batch_size": 5}})
	v.do("GET", "/api/v1/tenant", nil)
	v.do("GET", "/api/v1/tenant/usage", nil)
	v.do("GET", "/api/v1/tenant/audit?limit=100", nil)
	return v.answers
}

// visitor keeps what it is answered, and tells the neighbour all it learns.
type visitor struct {
	t       *testing.T
	c       *client
	hostile *hostile
	names   map[string]string // of ids, by order of appearance
	answers []string
}

var (
	anID    = regexp.MustCompile(`\b(ten|key|usr|cnv|int|blob|fact|evt|dlv|req)_[0-9a-z]{26}\b`)
	aTime   = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?`)
	aCursor = regexp.MustCompile(`"next_cursor":"[^"]+"`)
	anEmail = regexp.MustCompile(`victim-\d+@`)
	theRest = regexp.MustCompile(`"(reset|remaining|size_bytes|bytes)":[^,}]+`) // a time is longer or shorter by its last zeros
)

func (v *visitor) do(method, path string, body any, headers ...string) answer {
	v.t.Helper()
	a, err := v.c.do(method, path, body, headers...)
	if err != nil || a.status >= 300 {
		v.t.Fatalf("%s %s: %d %s, %v", method, path, a.status, a.raw, err)
	}
	text := fmt.Sprintf("%s %d %s", method, a.status, a.raw)
	text = anID.ReplaceAllStringFunc(text, func(id string) string {
		if v.names[id] == "" {
			v.names[id] = fmt.Sprintf("%.3s#%d", id, len(v.names))
		}
		return v.names[id]
	})
	text = aTime.ReplaceAllString(text, "T")
	text = aCursor.ReplaceAllString(text, `"next_cursor":"C"`)
	text = anEmail.ReplaceAllString(text, "victim@")
	v.answers = append(v.answers, theRest.ReplaceAllString(text, "R"))
	if v.hostile != nil {
		v.hostile.learn(a, headers)
	}
	return a
}

// hostile is a tenant that tries what it knows of another.
type hostile struct {
	c      *client
	own    belongings
	routes []operation

	mu      sync.Mutex
	ids     map[string][]string // by the names of path parameters
	cursors []string
	etags   []string
	keys    []string

	sent, leaks, failed atomic.Int64
	enough              chan struct{}
	wait                sync.WaitGroup
}

func newHostile(t *testing.T, url string) *hostile {
	t.Helper()
	c := register(t, url, "hostile", object{"batch_size": 2})
	h := &hostile{c: c, own: settleIn(t, c, "mine"), routes: operations(t, c), ids: map[string][]string{}, enough: make(chan struct{})}
	h.routes = slices.DeleteFunc(h.routes, func(o operation) bool {
		// These end its own means, or make other tenants.
		return o.path == "/api/v1/tenants" || o.method == "DELETE" && o.path == "/api/v1/tenant" || o.path == "/api/v1/tenant/keys/{key_id}"
	})
	for seed := range uint64(4) {
		h.wait.Go(func() { h.attack(rand.New(rand.NewPCG(seed, 1))) })
	}
	t.Cleanup(h.stop)
	return h
}

// stop lets it make as many requests as there are to be, and ends it.
func (h *hostile) stop() {
	h.mu.Lock()
	select {
	case <-h.enough:
	default:
		close(h.enough)
	}
	h.mu.Unlock()
	h.wait.Wait()
}

var parameters = map[string]string{
	"usr": "user_id", "cnv": "conversation_id", "blob": "blob_id", "int": "interaction_id",
	"fact": "fact_id", "key": "key_id", "dlv": "delivery_id",
}

// learn takes all ids, cursors and ETags from an answer to the other tenant.
func (h *hostile) learn(a answer, headers []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range anID.FindAllStringSubmatch(string(a.raw), -1) {
		if name := parameters[m[1]]; name != "" {
			h.ids[name] = append(h.ids[name], m[0])
		}
	}
	if next := a.text("next_cursor"); next != "" {
		h.cursors = append(h.cursors, next)
	}
	if tag := a.header.Get("ETag"); tag != "" {
		h.etags = append(h.etags, tag)
	}
	if len(headers) == 2 {
		h.keys = append(h.keys, headers[1])
	}
}

func (h *hostile) attack(random *rand.Rand) {
	for {
		select {
		case <-h.enough:
			if h.sent.Load() >= hostileRequests() {
				return
			}
		default:
		}
		o, ids, headers := h.plan(random)
		path := o.at(ids)
		if cursor := h.cursor(random); cursor != "" && o.method == "GET" && random.IntN(2) == 0 {
			path += "?cursor=" + cursor
		}
		a, err := h.c.do(o.method, path, o.body(), headers...)
		h.sent.Add(1)
		if err != nil || a.status >= http.StatusInternalServerError {
			h.failed.Add(1)
		}
		if bytes.Contains(bytes.ToLower(a.raw), []byte(secretWord)) {
			h.leaks.Add(1)
		}
	}
}

// plan draws a route, ids of which some are the other tenant's, and headers.
func (h *hostile) plan(random *rand.Rand) (operation, belongings, []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.routes[random.IntN(len(h.routes))]
	ids := maps.Clone(h.own)
	ids["external_ref"] = fmt.Sprintf("ref-%d", random.IntN(12))
	for name, known := range h.ids {
		if random.IntN(3) > 0 {
			ids[name] = known[random.IntN(len(known))]
		}
	}
	var headers []string
	if len(h.keys) > 0 && o.method == "POST" {
		headers = append(headers, "Idempotency-Key", h.keys[random.IntN(len(h.keys))])
	}
	if len(h.etags) > 0 && random.IntN(2) == 0 {
		headers = append(headers, "If-Match", h.etags[random.IntN(len(h.etags))])
	}
	return o, ids, headers
}

// cursor draws one of the other tenant's; "" while none is known.
func (h *hostile) cursor(random *rand.Rand) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.cursors) == 0 {
		return ""
	}
	return h.cursors[random.IntN(len(h.cursors))]
}
