package e2e

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// faultTrials are the kinds of histories with faults.
func faultTrials() []faultTrial {
	return []faultTrial{
		{name: "settings with ETags", model: versionedModel, ask: askSettings},
		{name: "users under a quota", settings: object{"max_users": rollQuota}, model: frailRoll(http.StatusOK), ask: askUsers},
		{
			name: "conversations under a quota", settings: object{"max_conversations_per_user": rollQuota},
			prepare: prepareUser, model: frailRoll(http.StatusConflict), ask: askConversations,
		},
		{name: "the order of a conversation", settings: object{"batch_size": 3}, prepare: prepareConversation, model: logModel, ask: askLog, complete: placed},
		{name: "revocation", prepare: prepareKeys, model: revocationModel, ask: askRevocation, complete: revokedElsewhere},
	}
}

func prepareUser(t *testing.T, c *client) []string {
	t.Helper()
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	return nil
}

func prepareConversation(t *testing.T, c *client) []string {
	t.Helper()
	prepareUser(t, c)
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	return nil
}

// versioned is a batch size with its version, which every change counts up.
type versioned struct{ version, size int }

var versionedModel = porcupine.Model{
	Init: func() any { return versioned{1, 10} },
	Step: func(state, input, output any) (bool, any) {
		now, asked := state.(versioned), input.(versioned) // a size of 0 reads; else the version is If-Match
		if asked.size == 0 {
			return output == now, now
		}
		next := now
		if asked.version == now.version && asked.size != now.size {
			next = versioned{now.version + 1, asked.size}
		}
		switch output {
		case unknown{}:
			return true, next
		case "refused":
			return asked.version != now.version, now
		default:
			return asked.version == now.version && output == next, next
		}
	},
}

func askSettings(x turn) {
	seen, ok := x.do(versioned{}, attempt{method: "GET", path: "/api/v1/tenant", read: versionedOf}).(versioned)
	if !ok {
		return
	}
	asked := versioned{seen.version, 1 + x.random.IntN(500)}
	x.do(asked, attempt{
		method: "PATCH", path: "/api/v1/tenant", body: object{"settings": object{"batch_size": asked.size}},
		headers: []string{"If-Match", fmt.Sprintf(`"v%d"`, asked.version)}, read: versionedOf,
	})
}

func versionedOf(a answer) any {
	if a.status == http.StatusPreconditionFailed {
		return "refused"
	}
	settings, _ := a.body["settings"].(map[string]any)
	size, _ := settings["batch_size"].(float64)
	tag := strings.TrimSuffix(strings.TrimPrefix(a.header.Get("ETag"), `"v`), `"`)
	version, _ := strconv.Atoi(tag)
	return versioned{version, int(size)}
}

// unseen is an id that nobody was told.
const unseen = "?"

// frailRoll is roll, where what was made unheard has an id that the first to see
// it learns.
func frailRoll(there int) porcupine.Model {
	sound := roll(there)
	return porcupine.Model{
		Init:  sound.Init,
		Equal: sound.Equal,
		Step: func(state, input, output any) (bool, any) {
			all, asked := state.(map[string]string), input.(call)
			if output == (unknown{}) {
				return true, unheard(all, asked)
			}
			got := output.(outcome)
			if all[asked.ref] == unseen && got.id != "" {
				all = with(all, asked.ref, got.id)
			}
			return sound.Step(all, input, output)
		},
	}
}

// unheard is what a call does that nobody heard the answer of.
func unheard(all map[string]string, asked call) map[string]string {
	_, found := all[asked.ref]
	switch {
	case asked.how == "DELETE":
		return without(all, asked.ref)
	case asked.how != "GET" && !found && len(all) < rollQuota:
		return with(all, asked.ref, unseen)
	}
	return all
}

func outcomeOf(a answer) any { return outcome{a.text("id") + a.text("existing_id"), a.status} }

func askUsers(x turn) {
	asked := call{fmt.Sprint("r", x.random.IntN(5)), []string{"PUT", "PUT", "DELETE", "GET"}[x.random.IntN(4)]}
	x.do(asked, attempt{method: asked.how, path: "/api/v1/users/ext:" + asked.ref, read: outcomeOf})
}

func askConversations(x turn) {
	const list = "/api/v1/users/ext:u/conversations"
	asked := call{fmt.Sprint("r", x.random.IntN(5)), []string{"POST", "POST", "DELETE", "GET"}[x.random.IntN(4)]}
	if asked.how == "POST" {
		x.do(asked, attempt{method: "POST", path: list, body: object{"external_ref": asked.ref}, read: outcomeOf})
		return
	}
	x.do(asked, attempt{method: asked.how, path: list + "/ext:" + asked.ref, read: outcomeOf})
}

// said is what was said, or is to be, with its place in all that was said in the
// end; -1 where it is not there.
type said struct {
	text string
	at   int
}

// logModel is a conversation, as how much of what was said in the end is there.
// Appending adds what is asked at once and in order, flushing changes nothing that
// anybody sees, and a reader sees all of it. That places are known beforehand
// keeps the search short: there are thousands of orders of appends otherwise.
var logModel = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, input, output any) (bool, any) {
		there := state.(int)
		switch asked := input.(type) {
		case said:
			return asked.at == there, there + len(asked.text)
		case string: // read, or flush
			seen, read := output.(string)
			return asked == "flush" || read && len(seen) == there, there
		}
		return false, there
	},
}

const talk = "/api/v1/users/ext:u/conversations/ext:c"

func contents(a answer) any {
	var all strings.Builder
	for _, in := range a.list("data") {
		fmt.Fprint(&all, in["content"], " ")
	}
	return all.String()
}

// placed says of each append where it is in the end, drops those of unknown outcome
// that are nowhere, and what was read that is no beginning of that is lost.
func placed(t *testing.T, c *client, list []porcupine.Operation) (out []porcupine.Operation) {
	t.Helper()
	end, _ := contents(c.must(t, http.StatusOK, "GET", talk+"/memory?limit=100", nil)).(string)
	for _, op := range list {
		if u, ok := op.Input.(said); ok {
			u.at = strings.Index(" "+end, " "+u.text)
			if op.Input = u; u.at < 0 && op.Output == (unknown{}) {
				continue
			}
		}
		if seen, ok := op.Output.(string); ok && op.Input == "read" && !strings.HasPrefix(end, seen) {
			t.Errorf("%q was read, and in the end there is %q", seen, end)
		}
		out = append(out, op)
	}
	return out
}

func askLog(x turn) {
	switch x.random.IntN(4) {
	case 0:
		x.do("read", attempt{method: "GET", path: talk + "/memory?limit=100", read: contents})
	case 1:
		x.do("flush", attempt{method: "POST", path: talk + "/flush", read: func(answer) any { return "done" }})
	default:
		var all strings.Builder
		var list []object
		for i := range 1 + x.random.IntN(2) { // 6 clients of 12 steps say less than a page
			text := fmt.Sprintf("%d-%d-%d", x.id, x.step, i)
			list = append(list, interaction(text))
			fmt.Fprint(&all, text, " ")
		}
		x.do(said{text: all.String()}, attempt{method: "POST", path: talk + "/memory", body: object{"interactions": list}, read: func(a answer) any { return a.status }})
	}
}

// use is of a key on a node, or its revocation there.
type use struct {
	key    string
	node   int
	revoke bool
}

// revocationModel is one key on one node. That another node still takes it for a
// second is in the time that its revocation there is given.
var revocationModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[string][]porcupine.Operation{}
		for _, op := range history {
			u := op.Input.(use)
			at := fmt.Sprint(u.key, u.node)
			parts[at] = append(parts[at], op)
		}
		return slices.Collect(maps.Values(parts))
	},
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		revoked := state.(bool)
		if input.(use).revoke {
			return true, true
		}
		return output == revoked, revoked // whether it was refused
	},
}

// revocationLife is how long a node that did not revoke a key may take it.
const revocationLife = time.Second

const revocable = 3

// prepareKeys makes keys, and gives the id and the secret of each.
func prepareKeys(t *testing.T, c *client) (stage []string) {
	t.Helper()
	for range revocable {
		a := c.must(t, http.StatusCreated, "POST", "/api/v1/tenant/keys", object{"name": "short-lived", "scopes": "read_only"})
		stage = append(stage, a.text("id"), a.text("key"))
	}
	return stage
}

// askRevocation uses a key; the first clients revoke one each, half way.
func askRevocation(x turn) {
	if x.step == faultSteps/2 && x.id < revocable {
		id := x.stage[2*x.id]
		x.do(use{id, x.node, true}, attempt{method: "DELETE", path: "/api/v1/tenant/keys/" + id, read: func(a answer) any { return a.status }})
		return
	}
	n := x.random.IntN(revocable)
	x.do(use{x.stage[2*n], x.node, false}, attempt{
		method: "GET", path: "/api/v1/tenant/keys/current", key: x.stage[2*n+1],
		read: func(a answer) any { return a.status == http.StatusUnauthorized },
	})
}

// revokedElsewhere adds each revocation on the node that did not take it.
func revokedElsewhere(_ *testing.T, _ *client, list []porcupine.Operation) []porcupine.Operation {
	for _, op := range list {
		if u := op.Input.(use); u.revoke {
			u.node = 1 - u.node
			op.Input = u
			if op.Return < math.MaxInt64 {
				op.Return += revocationLife.Nanoseconds()
			}
			list = append(list, op)
		}
	}
	return list
}
