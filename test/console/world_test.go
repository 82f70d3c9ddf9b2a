package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// What a hostile user may have written.
const (
	scriptTag = `<script>window.pwned=1</script>`
	badImage  = `"><img src=x onerror="window.pwned=1">`
	template  = "${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}"
	overrider = "invoice\u202egnp.exe\u2066"
	shown     = "invoiceU+202Egnp.exeU+2066" // how the console shows overrider
	emoji     = "👩‍👩‍👧‍👦🏳️‍🌈"
	hostile   = scriptTag + " " + badImage + " " + template + " " + emoji
	hostRef   = `../a?b#c&d=<i>"'%2e` + emoji
)

// long is a content of exactly the 64 KiB that the API takes.
var long = strings.Repeat("<svg onload=window.pwned=1> ", 64<<10)[:64<<10]

type object map[string]any

// world is a tenant of its own with a hostile user's memory in it.
type world struct {
	t            *testing.T
	key          string // with all scopes
	tenant, user string
	conversation string
	interactions []string
	currentFact  string
}

var registered atomic.Int64

// newWorld stores what the console is to show: a user of a hostile name with a
// conversation of five interactions, three sealed and two buffered, and facts of
// which one has a history.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	made := w.must("POST", "/tenants", object{
		"name": "Acme " + badImage + overrider, "email": fmt.Sprintf("ada-%d@example.com", registered.Add(1)),
		"settings": object{"batch_size": 3, "max_users": 5000},
	})
	w.key, w.tenant = made.text("api_key", "key"), made.text("tenant", "id")
	w.user = w.must("POST", "/users", object{"external_ref": hostRef, "display_name": "Ada " + hostile[:80] + overrider, "metadata": object{scriptTag: badImage}}).text("id")
	w.conversation = w.must("POST", w.of("conversations"), object{"title": "Trip " + badImage}).text("id")
	w.ingest(
		object{"role": "user", "name": "Ada " + scriptTag, "content": "I moved to Lisbon in May. " + hostile, "occurred_at": "2026-05-03T09:14:00Z"},
		object{"role": "assistant", "content": "Welcome to Lisbon! Is there anything you must not eat?", "occurred_at": "2026-05-03T09:15:00Z"},
		object{"role": "user", "content": "I'm allergic to peanuts. " + overrider, "occurred_at": "2026-05-03T09:16:00Z"},
		object{"role": "tool", "content": long, "metadata": object{badImage: scriptTag}, "occurred_at": "2026-05-04T10:00:00Z"},
		object{"role": "system", "content": "שלום " + emoji + " — and on\nthe next line", "occurred_at": "2026-05-04T10:01:00Z"},
	)
	w.must("POST", w.of("facts"), object{"text": "I live in Porto.", "valid_from": "2024-01-01T00:00:00Z"})
	w.currentFact = w.must("POST", w.of("facts"), object{"text": "I live in Lisbon.", "valid_from": "2026-05-01T00:00:00Z"}).text("id")
	w.must("POST", w.of("facts"), object{"text": "My cat is called " + badImage + "."})
	return w
}

// of is a path below the user.
func (w *world) of(rest ...string) string { return "/users/" + w.user + "/" + strings.Join(rest, "/") }

func (w *world) hash(rest ...string) string {
	return strings.TrimSuffix("#/users/"+w.user+"/"+strings.Join(rest, "/"), "/")
}

func (w *world) ingest(list ...object) {
	w.t.Helper()
	done := w.must("POST", w.of("conversations", w.conversation, "memory"), object{"interactions": list})
	for _, id := range done["interaction_ids"].([]any) {
		w.interactions = append(w.interactions, id.(string))
	}
}

// keyWith makes another key of the tenant.
func (w *world) keyWith(scopes any) string {
	w.t.Helper()
	return w.must("POST", "/tenant/keys", object{"name": "less " + scriptTag, "scopes": scopes}).text("key")
}

// console is the console, signed in with all rights.
func (w *world) console() *page {
	w.t.Helper()
	p := newPage(w.t)
	p.signIn(w.key)
	p.heading("Overview")
	return p
}

// must makes a call of the API that has to succeed.
func (w *world) must(method, path string, body any) object {
	w.t.Helper()
	status, out := w.call(method, path, body)
	if status >= http.StatusMultipleChoices {
		w.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

func (w *world) call(method, path string, body any) (int, object) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	if body == nil {
		raw = nil
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, server.URL+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		req.Header.Set("Authorization", "Bearer "+w.key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, err = io.ReadAll(res.Body); err != nil {
		w.t.Fatal(err)
	}
	var out object
	_ = json.Unmarshal(raw, &out) // some answers are none
	return res.StatusCode, out
}

// text follows names into nested objects.
func (o object) text(names ...string) string {
	var v any = map[string]any(o)
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

func (o object) list(name string) (out []object) {
	items, _ := o[name].([]any)
	for _, item := range items {
		m, _ := item.(map[string]any)
		out = append(out, m)
	}
	return out
}

func escape(s string) string { return url.QueryEscape(s) }
