package failpoints

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/raven-memory/raven/app"
)

// batch is the tenants' batch size.
const batch = 3

// operation is one thing that somebody, or Raven itself, does.
type operation struct {
	name string
	// prepare does what has to be there before.
	prepare func(*world)
	// ask is the request, or empty where it is work in the background.
	ask request
	// job is the work in the background.
	job string
	// refusal is how the request is refused when all goes well; 0: it is not.
	refusal int
	// repeated are statuses that it may have when it was done already.
	repeated []int
	// broken are calls that fail each time, until it is repeated.
	broken []string
	// tenants is how many there are after it; 0: not counted.
	tenants int
	// lossy says that it rests on what only the process remembers.
	lossy bool
	// everybody says that it is done for all tenants.
	everybody bool
	// usual has the usual side effects swept too.
	usual bool
	// steps says that on Redis it takes several steps, of several slots.
	steps bool
}

func post(path, body string) request {
	return request{method: "POST", path: path, body: body, once: "once-" + path[strings.LastIndex(path, "/")+1:]}
}

const (
	ada  = "/users/ext:ada"
	talk = ada + "/conversations/ext:one"
)

func said(n int, what string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"role":"user","content":"%s %d in the harbour"}`, what, i))
	}
	return `{"interactions":[` + strings.Join(list, ",") + `]}`
}

func buffered(n int) func(*world) {
	return func(w *world) {
		a := w.must(request{method: "POST", path: talk + "/memory", body: said(n, "buffered")})
		w.made["buffered"] = a.field("interaction_ids", "0")
	}
}

func days(n int) func(*world) {
	return func(w *world) { w.clock.advance(time.Duration(n) * 24 * time.Hour) }
}

func then(steps ...func(*world)) func(*world) {
	return func(w *world) {
		for _, step := range steps {
			step(w)
		}
	}
}

func does(r request) func(*world) { return func(w *world) { w.must(r) } }

func runs(jobs ...string) func(*world) {
	return func(w *world) {
		for _, doing := range jobs {
			if err := w.job(w.Context(), doing); err != nil {
				w.Fatalf("%s: %v", doing, err)
			}
		}
	}
}

var again404 = []int{404}

var rotate = request{method: "POST", path: "/tenant/encryption/rotate", body: `{}`}

// operations are all that change anything.
var operations = []operation{
	{name: "register a tenant", ask: request{method: "POST", path: "/tenants", body: `{"name":"New","email":"new@example.com"}`, key: "nobody", once: "register"}, tenants: 3, steps: true},
	{name: "change the tenant's name", ask: request{method: "PATCH", path: "/tenant", body: `{"name":"Other"}`}},
	{name: "change a setting", steps: true, ask: request{method: "PATCH", path: "/tenant", body: `{"settings":{"retention_days":60,"max_users":50}}`}},
	{name: "delete the tenant", steps: true, prepare: buffered(1), ask: request{method: "DELETE", path: "/tenant?confirm={tenant}"}, repeated: []int{401, 404}},
	{name: "create a key", steps: true, ask: post("/tenant/keys", `{"name":"k","scopes":"read_only"}`)},
	{name: "revoke a key", steps: true, ask: request{method: "DELETE", path: "/tenant/keys/{spare}"}},
	{name: "rotate a key", steps: true, ask: post("/tenant/keys/{spare}/rotate", `{"grace_seconds":60}`)},
	{name: "rotate the data key", ask: post(rotate.path, rotate.body)},
	{name: "make a webhook secret", ask: post("/tenant/webhook/secret", `{}`)},
	{name: "test the webhook", ask: post("/tenant/webhook/test", `{}`)},
	{name: "replay a delivery", steps: true, ask: post("/tenant/webhook/deliveries/{delivery}/replay", `{}`)},

	{name: "create a user", usual: true, ask: post("/users", `{"external_ref":"bea","display_name":"Bea"}`)},
	{name: "get or create a user", usual: true, ask: request{method: "PUT", path: "/users/ext:bea", body: `{"display_name":"Bea"}`}},
	{name: "change a user", ask: request{method: "PATCH", path: ada, body: `{"display_name":"Ada L."}`}},
	{name: "delete a user", prepare: buffered(2), ask: request{method: "DELETE", path: ada}, repeated: again404},
	{name: "run out of users", prepare: does(request{method: "PATCH", path: "/tenant", body: `{"settings":{"max_users":2}}`}), ask: post("/users", `{}`), refusal: 403},
	{name: "start a conversation", ask: post(ada+"/conversations", `{"external_ref":"two"}`)},
	{name: "change a conversation", ask: request{method: "PATCH", path: talk, body: `{"title":"T"}`}},
	{name: "close a conversation", prepare: buffered(2), ask: request{method: "PATCH", path: talk, body: `{"status":"closed"}`}},
	{name: "delete a conversation", prepare: buffered(2), ask: request{method: "DELETE", path: talk}, repeated: again404},

	{name: "ingest", ask: post(talk+"/memory", said(1, "new"))},
	{name: "ingest a full batch", steps: true, prepare: buffered(1), ask: post(talk+"/memory", said(2, "new"))},
	{name: "ingest full batches at once", prepare: does(post(ada+"/conversations", `{"external_ref":"two"}`)), ask: post(ada+"/conversations/ext:two/memory", said(batch+1, "new"))},
	{name: "ingest and ask", ask: post(talk+"/memory", strings.TrimSuffix(said(1, "new"), "}")+`,"context":{"query":"harbour"}}`)},
	{name: "flush", prepare: buffered(2), ask: post(talk+"/flush", "")},
	{name: "forget a buffered interaction", prepare: buffered(2), ask: request{method: "DELETE", path: talk + "/memory/{buffered}"}, repeated: again404},
	{name: "forget a sealed interaction", ask: request{method: "DELETE", path: talk + "/memory/{sealed}"}, repeated: again404},
	{name: "forget a blob", ask: request{method: "DELETE", path: ada + "/memory/{blob}"}, repeated: again404},
	{name: "clear a user's memory", prepare: buffered(2), ask: request{method: "DELETE", path: ada + "/memory"}},
	{name: "state a fact", ask: post(ada+"/facts", `{"text":"I play the violin."}`)},
	{name: "supersede a fact", ask: post(ada+"/facts", `{"text":"I live in Antwerp."}`)},
	{name: "correct a fact", ask: request{method: "PATCH", path: ada + "/facts/{fact}", body: `{"text":"I live in Ghent."}`}},
	{name: "delete a fact", ask: request{method: "DELETE", path: ada + "/facts/{fact}"}, repeated: again404},
	{name: "be refused with a key", ask: post("/users", `{"external_ref":""}`), refusal: 422},
	{name: "fail and let go of a key", ask: post("/users", `{"external_ref":"bea"}`), broken: []string{"Users.CreateUser"}, refusal: 503},

	{name: "seal idle buffers", prepare: then(buffered(2), func(w *world) { w.clock.advance(time.Hour) }), job: "sealing idle buffers"},
	{name: "remove what expired", everybody: true, prepare: then(buffered(1), days(31)), job: "removing expired memory"},
	{name: "forget old operations", steps: true, prepare: then(does(post("/users", `{"external_ref":"cy"}`)), days(2)), job: "forgetting old operations"},
	{name: "remove a deleted tenant", steps: true, prepare: does(request{method: "DELETE", path: "/tenant?confirm={tenant}"}), job: "removing deleted tenants"},
	{name: "note when keys were used", lossy: true, steps: true, prepare: does(request{method: "GET", path: "/tenant", key: "{spare key}"}), job: "noting when keys were used"},
	{name: "re-encrypt", steps: true, prepare: then(buffered(1), does(rotate)), job: "re-encrypting"},
	{name: "destroy old data keys", prepare: then(does(rotate), runs("re-encrypting"), days(1)), job: "re-encrypting"},
	{name: "rewrap data keys", prepare: newKeyringVersion, job: "rewrapping data keys"},
	{name: "replace old data keys", everybody: true, prepare: days(101), job: "replacing old data keys"},
	{name: "learn facts", lossy: true, prepare: does(request{method: "POST", path: talk + "/memory", body: `{"interactions":[{"role":"user","content":"I play the cello."}]}`}), job: "learning facts"},
	{name: "write segments", lossy: true, prepare: manyTurns, job: "writing segments"},
	{name: "hand on events", steps: true, prepare: then(does(request{method: "PUT", path: "/users/ext:cy"}), func(w *world) { w.clock.advance(time.Hour) }), job: "handing on events"},
	{name: "send webhooks", steps: true, prepare: then(does(post("/tenant/webhook/test", `{}`)), runs("handing on events")), job: "sending webhooks"},
	{name: "note refused keys", lossy: true, prepare: refusedKeys, job: "noting refused keys"},
}

// manyTurns is memory enough for a segment of an index, which a search asks for.
func manyTurns(w *world) {
	w.must(request{method: "PATCH", path: "/tenant", body: `{"settings":{"batch_size":100}}`})
	w.must(request{method: "POST", path: talk + "/memory", body: said(256, "turn")})
	w.must(request{method: "POST", path: talk + "/flush"})
	w.must(request{method: "POST", path: ada + "/memory/search", body: `{"query":"harbour"}`})
}

// newKeyringVersion gives the keyring a version that wraps no data key yet.
func newKeyringVersion(w *world) {
	w.stop()
	w.addKeyringVersion()
	w.mustStart(patience)
}

func (w *world) addKeyringVersion() {
	w.Helper()
	cfg, err := w.config(patience)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := app.AddKeyringVersion(cfg); err != nil {
		w.Fatal(err)
	}
}

func refusedKeys(w *world) {
	w.do(request{method: "GET", path: "/tenant", key: strings.Replace(w.made["key"], "rk_live", "rk_test", 1)})
	w.do(request{method: "DELETE", path: "/tenant/keys/{spare}", key: "{spare key}"})
	w.clock.advance(time.Minute)
}

// run does the operation once.
func (o operation) run(ctx context.Context, w *world) (answer, error) {
	if o.job != "" {
		return answer{}, w.job(ctx, o.job)
	}
	return w.do(o.ask), nil
}

// fill registers the tenants of every world; receiver "" gives them no webhook.
func fill(w *world, receiver string) {
	hook := "null"
	if receiver != "" {
		hook = strconv.Quote(receiver)
	}
	tenant := func(name, prefix string) {
		a := w.must(request{method: "POST", path: "/tenants", key: "nobody",
			body: fmt.Sprintf(`{"name":%q,"email":%q,"settings":{"webhook_url":%s}}`, name, name+"@example.com", hook)})
		w.made[prefix+"key"], w.made[prefix+"tenant"] = a.field("api_key", "key"), a.field("tenant", "id")
		as := func(method, path, body string) answer {
			return w.must(request{method: method, path: path, body: body, key: "{" + prefix + "key}"})
		}
		as("POST", "/tenant/webhook/secret", `{}`)
		a = as("POST", "/tenant/keys", `{"name":"spare","scopes":["tenant:read"]}`)
		w.made[prefix+"spare"], w.made[prefix+"spare key"] = a.field("id"), a.field("key")
		for _, ref := range []string{"ada", "ben"} {
			as("PUT", "/users/ext:"+ref, `{"display_name":"`+ref+`","metadata":{"a":1}}`)
			as("POST", "/users/ext:"+ref+"/conversations", `{"external_ref":"one","title":"One"}`)
			as("POST", "/users/ext:"+ref+"/conversations/ext:one/memory", said(4, name))
			as("POST", "/users/ext:"+ref+"/facts", `{"text":"I live in Lisbon."}`)
		}
	}
	tenant("tenant", "")
	tenant("other", "other ")
	w.settle()
	list := func(path string, names ...string) string {
		return w.must(request{method: "GET", path: path}).field(names...)
	}
	w.made["sealed"] = list(talk+"/memory", "data", "0", "id")
	w.made["blob"] = list(ada+"/memory", "data", "0", "id")
	w.made["fact"] = list(ada+"/facts", "data", "0", "id")
	w.made["delivery"] = list("/tenant/webhook/deliveries", "data", "0", "id")
}
