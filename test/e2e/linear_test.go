package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/raven-memory/raven/test/backend"
)

// history records what clients of both nodes asked and were answered, and when.
type history struct {
	mu    sync.Mutex
	began time.Time
	ops   []porcupine.Operation
}

func (h *history) record(client int, input any, ask func() any) {
	call := time.Since(h.began).Nanoseconds()
	output := ask()
	back := time.Since(h.began).Nanoseconds()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: input, Call: call, Output: output, Return: back})
}

// linearizable runs clients at once, each on one of the nodes, and checks that
// what they were answered is what one after the other could have been.
func linearizable(t *testing.T, model porcupine.Model, nodes []*client, step func(h *history, id int, node *client, random *rand.Rand)) {
	t.Helper()
	const clients, steps = 8, 40
	h := &history{began: time.Now()}
	seed := uint64(time.Now().UnixNano())
	var wg sync.WaitGroup
	for id := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(id)))
			for range steps {
				step(h, id, nodes[id%len(nodes)], random)
			}
		})
	}
	wg.Wait()
	switch porcupine.CheckOperationsTimeout(model, h.ops, patience) {
	case porcupine.Ok:
		t.Logf("a history of %d operations is linearizable (seed %d)", len(h.ops), seed)
	case porcupine.Illegal:
		t.Errorf("a history of %d operations is not linearizable (seed %d)", len(h.ops), seed)
	case porcupine.Unknown:
		t.Errorf("a history of %d operations was not decided in %v (seed %d)", len(h.ops), patience, seed)
	}
}

// setting is the tenant's batch size with the version it has.
type setting struct {
	version string
	size    int
}

// change asks to set the size if the version is the one given; a size of 0
// reads.
type change struct {
	ifVersion string
	size      int
}

var settingModel = porcupine.Model{
	Init: func() any { return setting{`"v1"`, 10} },
	Step: func(state, input, output any) (bool, any) {
		now, asked, got := state.(setting), input.(change), output.(setting)
		switch {
		case asked.size == 0:
			return got == now, now
		case got.version == "refused":
			return asked.ifVersion != now.version, now
		case asked.size == now.size: // nothing changed, so no new version
			return asked.ifVersion == now.version && got == now, now
		default:
			next := setting{got.version, asked.size}
			return asked.ifVersion == now.version && got.size == asked.size && got.version != now.version, next
		}
	},
}

func TestSettingsWithETagAreLinearizableOverTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, backend.Redis(t).URL(), nil)
	linearizable(t, settingModel, []*client{a, b}, func(h *history, id int, node *client, random *rand.Rand) {
		var seen setting
		h.record(id, change{}, func() any {
			seen = settingOf(t, node.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil))
			return seen
		})
		asked := change{seen.version, 1 + random.IntN(500)}
		h.record(id, asked, func() any {
			got, err := node.do("PATCH", "/api/v1/tenant", object{"settings": object{"batch_size": asked.size}}, "If-Match", asked.ifVersion)
			if err != nil {
				t.Error(err)
				return setting{}
			}
			if got.status == http.StatusPreconditionFailed {
				return setting{version: "refused"}
			}
			return settingOf(t, got)
		})
	})
}

func settingOf(t *testing.T, a answer) setting {
	t.Helper()
	settings, _ := a.body["settings"].(map[string]any)
	size, ok := settings["batch_size"].(float64)
	if a.status != http.StatusOK || !ok {
		t.Errorf("%d: %s", a.status, a.raw)
	}
	return setting{a.header.Get("ETag"), int(size)}
}

// call is the making of what a reference names, a look at it, or its deletion.
type call struct {
	ref string
	how string // a method of HTTP
}

type outcome struct {
	id     string
	status int
}

const rollQuota = 3

// roll is the references of one owner, at most rollQuota of them. Making one
// that is there answers so.
func roll(there int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return map[string]string{} },
		Step: func(state, input, output any) (bool, any) {
			all, asked, got := state.(map[string]string), input.(call), output.(outcome)
			id, found := all[asked.ref]
			switch {
			case asked.how == "GET" && found:
				return got == outcome{id, http.StatusOK}, all
			case asked.how == "GET":
				return got.status == http.StatusNotFound, all
			case asked.how == "DELETE" && found:
				return got.status == http.StatusNoContent, without(all, asked.ref)
			case asked.how == "DELETE":
				return got.status == http.StatusNotFound, all
			case found:
				return got == outcome{id, there}, all
			case len(all) == rollQuota:
				return got.status == http.StatusForbidden, all
			default:
				return got.status == http.StatusCreated, with(all, asked.ref, got.id)
			}
		},
		Equal: func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }, // maps print in order of their keys
	}
}

func with(all map[string]string, ref, id string) map[string]string {
	next := without(all, ref)
	next[ref] = id
	return next
}

func without(all map[string]string, ref string) map[string]string {
	next := map[string]string{}
	for r, id := range all {
		if r != ref {
			next[r] = id
		}
	}
	return next
}

func TestGetOrCreateUnderAQuotaIsLinearizableOverTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, backend.Redis(t).URL(), object{"max_users": rollQuota})
	linearizable(t, roll(http.StatusOK), []*client{a, b}, func(h *history, id int, node *client, random *rand.Rand) {
		asked := call{fmt.Sprint("r", random.IntN(5)), []string{"PUT", "PUT", "DELETE", "GET"}[random.IntN(4)]}
		h.record(id, asked, func() any {
			got, err := node.do(asked.how, "/api/v1/users/ext:"+asked.ref, nil)
			if err != nil {
				t.Error(err)
			}
			return outcome{got.text("id"), got.status}
		})
	})
}

func TestConversationsUnderAQuotaAreLinearizableOverTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, backend.Redis(t).URL(), object{"max_conversations_per_user": rollQuota})
	a.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	const list = "/api/v1/users/ext:u/conversations"
	linearizable(t, roll(http.StatusConflict), []*client{a, b}, func(h *history, id int, node *client, random *rand.Rand) {
		asked := call{fmt.Sprint("r", random.IntN(5)), []string{"POST", "POST", "DELETE", "GET"}[random.IntN(4)]}
		h.record(id, asked, func() any {
			path, body := list+"/ext:"+asked.ref, any(nil)
			if asked.how == "POST" {
				path, body = list, object{"external_ref": asked.ref}
			}
			got, err := node.do(asked.how, path, body)
			if err != nil {
				t.Error(err)
			}
			return outcome{got.text("id") + got.text("existing_id"), got.status}
		})
	})
}
