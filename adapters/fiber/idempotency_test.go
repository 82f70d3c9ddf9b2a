package fiberhttp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

const idem = "Idempotency-Key"

func TestARepeatedRequestGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	for _, path := range []string{conversation + "/memory", "/api/v1/users", "/api/v1/users/ext:u/conversations", conversation + "/flush"} {
		body := ""
		if strings.HasSuffix(path, "/memory") {
			body = said("once")
		}
		first := w.do(key, "POST", path, body, idem, "k1")
		again := w.do(key, "POST", path, body, idem, "k1")
		if first.status >= 300 || first.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: first = %d %s", path, first.status, first.body)
		}
		if again.status != first.status || !bytes.Equal(again.body, first.body) || again.header.Get("Idempotent-Replayed") != "true" ||
			again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Content-Type") != first.header.Get("Content-Type") || again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: again = %d %s, first %d %s", path, again.status, again.body, first.status, first.body)
		}
		if other := w.do(key, "POST", path, body, idem, "k2"); bytes.Equal(other.body, first.body) && !strings.HasSuffix(path, "flush") {
			t.Errorf("%s: another key gets the same answer", path)
		}
	}
	if got := w.must(key, 200, "GET", conversation+"/memory", ""); len(items(got, "data")) != 2 {
		t.Errorf("stored %v", got)
	}
}

func TestAKeyStandsForOneBody(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	w.must(key, 201, "POST", conversation+"/memory", said("a"), idem, "k")
	w.refuses(key, 422, "idempotency_key_reused", "POST", conversation+"/memory", said("b"), idem, "k")
	w.refuses(key, 422, "idempotency_key_reused", "POST", conversation+"/memory", " "+said("a"), idem, "k")
	w.must(key, 201, "POST", "/api/v1/users", `{}`, idem, "k")
}

func TestAKeyBelongsToItsTenant(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, a := w.register("a", "")
	_, b := w.register("b", "")
	first := w.must(a, 201, "POST", "/api/v1/users", `{"external_ref":"x"}`, idem, "k")
	second := w.must(b, 201, "POST", "/api/v1/users", `{"external_ref":"x"}`, idem, "k")
	if first["id"] == second["id"] {
		t.Error("one tenant got the other's answer")
	}
}

func TestRefusedRequestsAreNotRemembered(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"max_users":0}`)
	w.refuses(key, 400, "bad_request", "POST", "/api/v1/users", `{`, idem, "k")
	w.refuses(key, 422, "validation_failed", "POST", "/api/v1/users", `{"display_name":""}`, idem, "k")
	w.refuses(key, 403, "quota_exhausted", "POST", "/api/v1/users", `{"display_name":"Ada"}`, idem, "k")
	w.must(key, 200, "PATCH", "/api/v1/tenant", `{"settings":{"max_users":9}}`)
	w.must(key, 201, "POST", "/api/v1/users", `{"display_name":"Bea"}`, idem, "k")
}

func TestRefusalsThatWillNotChangeAreRemembered(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	w.must(key, 201, "PUT", "/api/v1/users/ext:u", "")
	first := w.do(key, "POST", "/api/v1/users", `{"external_ref":"u"}`, idem, "k")
	expectProblem(t, first, 409, "external_ref_taken")
	w.must(key, 204, "DELETE", "/api/v1/users/ext:u", "")
	again := w.do(key, "POST", "/api/v1/users", `{"external_ref":"u"}`, idem, "k")
	if again.status != 409 || !bytes.Equal(again.body, first.body) || again.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("again = %d %s", again.status, again.body)
	}
}

func TestSecretsAreNotKeptForAReplay(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	registration := `{"name":"A","email":"a@example.com"}`
	first := w.must("", 201, "POST", "/api/v1/tenants", registration, idem, "k")
	again := w.must("", 201, "POST", "/api/v1/tenants", registration, idem, "k")
	if text(again, "tenant", "id") != text(first, "tenant", "id") || text(again, "api_key", "id") != text(first, "api_key", "id") {
		t.Errorf("again %v", again)
	}
	if _, ok := at(again, "api_key").(map[string]any)["key"]; ok {
		t.Error("a replayed registration shows the key")
	}
	admin := text(first, "api_key", "key")
	for _, call := range []struct{ path, body string }{
		{"/api/v1/tenant/keys", `{"name":"k","scopes":"read_only"}`},
		{"/api/v1/tenant/keys/" + text(w.must(admin, 201, "POST", "/api/v1/tenant/keys", `{"name":"r","scopes":"read_only"}`), "id") + "/rotate", ""},
	} {
		first, again := w.must(admin, 201, "POST", call.path, call.body, idem, "k"), w.do(admin, "POST", call.path, call.body, idem, "k")
		expectMembers(t, again.json(t), "id name prefix scopes environment created_at last_used_at expires_at revoked_at")
		if again.json(t)["id"] != first["id"] || text(first, "key") == "" {
			t.Errorf("%s: again %s", call.path, again.body)
		}
	}
	if list := w.must(admin, 200, "GET", "/api/v1/tenant/keys", ""); len(items(list, "data")) != 4 {
		t.Errorf("keys %v", list)
	}
}

func TestRecalledMemoryIsNotKeptForAReplay(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	out := w.must(key, 201, "POST", conversation+"/memory", said("The zebra is called Zoe."))
	for path, body := range map[string]string{"context": `{"query":"zebra"}`, "memory/search": `{"query":"zebra"}`} {
		if r := w.do(key, "POST", "/api/v1/users/ext:u/"+path, body, idem, "s"); !strings.Contains(string(r.body), "Zoe") {
			t.Errorf("%s = %s", path, r.body)
		}
	}
	w.must(key, 204, "DELETE", conversation+"/memory/"+text(out, "interaction_ids", 0), "")
	for path, body := range map[string]string{"context": `{"query":"zebra"}`, "memory/search": `{"query":"zebra"}`} {
		r := w.do(key, "POST", "/api/v1/users/ext:u/"+path, body, idem, "s")
		if r.status != 200 || strings.Contains(string(r.body), "Zoe") || r.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("after it was forgotten, %s = %d %v %s\n%s", path, r.status, r.header, r.body, w.logs.String())
		}
		w.refuses(key, 422, "idempotency_key_reused", "POST", "/api/v1/users/ext:u/"+path, `{"query":"horse"}`, idem, "s")
	}
}

func TestAReplayedIngestHasItsContextAnew(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	const body = `{"interactions":[{"role":"user","content":"The zebra is called Zoe."}],"context":{"query":"zebra"}}`
	first := w.must(key, 201, "POST", conversation+"/memory", body, idem, "k")
	replayed := func(members string) map[string]any {
		t.Helper()
		r := w.do(key, "POST", conversation+"/memory", body, idem, "k")
		again := r.json(t)
		expectMembers(t, again, members)
		if r.status != 201 || r.header.Get("Idempotent-Replayed") != "true" || toJSON(again["interaction_ids"]) != toJSON(first["interaction_ids"]) {
			t.Errorf("replayed %d %v %s", r.status, r.header, r.body)
		}
		return again
	}
	block := text(first, "context", "context")
	if again := replayed("interaction_ids buffered flushed_blob_ids context"); !strings.Contains(block, "Zoe") || text(again, "context", "context") != block {
		t.Errorf("the context is %v, replayed %v", first, again)
	}
	writer := w.key(key, `["memory:write"]`)
	w.refuses(writer, 403, "insufficient_scope", "POST", conversation+"/memory", body, idem, "k")
	w.must(key, 204, "DELETE", conversation+"/memory/"+text(first, "interaction_ids", 0), "")
	if again := replayed("interaction_ids buffered flushed_blob_ids context"); strings.Contains(toJSON(again), "Zoe") {
		t.Errorf("after it was forgotten, replayed %v", again)
	}
	w.must(key, 204, "DELETE", "/api/v1/users/ext:u", "")
	replayed("interaction_ids buffered flushed_blob_ids") // there is nobody to make it of
}

func TestManyAtOnceWithOneKeyAreOneRequest(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				r := w.do(key, "POST", conversation+"/memory", said("once"), idem, "k")
				if r.status == 409 {
					expectProblem(t, r, 409, "idempotency_in_progress")
					if r.header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
					time.Sleep(time.Millisecond)
					continue
				}
				if r.status != 201 {
					t.Errorf("status = %d %s", r.status, r.body)
				}
				return
			}
		})
	}
	wg.Wait()
	if got := w.must(key, 200, "GET", conversation+"/memory", ""); len(items(got, "data")) != 1 {
		t.Errorf("stored %v", got)
	}
}

func TestAKeyIsForgottenAfterADay(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	first := w.must(key, 201, "POST", "/api/v1/users", "{}", idem, "k")
	w.clock.advance(core.IdempotencyLife + time.Second)
	if again := w.must(key, 201, "POST", "/api/v1/users", "{}", idem, "k"); again["id"] == first["id"] {
		t.Error("the key is remembered for more than a day")
	}
}

func TestBadKeysAreRefusedAndOtherMethodsHaveNone(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	for _, bad := range []string{"", " ", "a b", "ä", strings.Repeat("x", 256)} {
		p := w.refuses(key, 422, "validation_failed", "POST", "/api/v1/users", "{}", idem, bad)
		if text(p, "errors", 0, "location") != "header.Idempotency-Key" {
			t.Errorf("%q: %v", bad, p)
		}
	}
	w.refuses(key, 422, "validation_failed", "POST", "/api/v1/users", "{}", idem, "a", idem, "b")
	w.must(key, 201, "POST", "/api/v1/users", "{}", idem, strings.Repeat("~", 255))
	w.must(key, 201, "POST", "/api/v1/users", "{}", idem, `"quoted"`)
	w.must(key, 200, "GET", "/api/v1/users", "", idem, strings.Repeat("x", 256))
	for i, want := range []int{201, 200} {
		w.must(key, want, "PUT", "/api/v1/users/ext:p", "", idem, fmt.Sprint("p", i/2))
	}
}

func TestWhatMayHaveHappenedIsTakenOverNotForgotten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{errors.New("a bug"), true}, {core.Unavailable(nil), true}, {core.NewError(core.CodeKeyUnavailable, ""), true},
		{core.NewError(core.CodeVersionConflict, ""), true}, {core.NewError(core.CodeValidation, ""), false},
		{core.NewError(core.CodeInsufficientScope, ""), false}, {core.NewError(core.CodeQuotaExhausted, ""), false},
	} {
		if got := mayHaveHappened(tt.err); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestWhatIsKeptHoldsNoRecalledMemory(t *testing.T) {
	t.Parallel()
	for _, rt := range routes() {
		plain, err := keep(&rt, nil, answer{status: 200, body: foundJSON{Data: []itemJSON{{Text: "content"}}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var kept keptAnswer
		if err := json.Unmarshal(plain, &kept); err != nil {
			t.Fatal(err)
		}
		if rt.reads && len(kept.Body) > 0 {
			t.Errorf("%s keeps %s", rt.name, kept.Body)
		}
	}
}

// writing are the requests whose answers show what a person wrote, "Zoe" in each.
// change is a merge patch of what was made.
var writing = []struct{ path, body, change string }{
	{"/api/v1/users", `{"external_ref":"zoe","display_name":"Zoe","metadata":{"pet":"Zoe"}}`, `{"display_name":"Zoe B."}`},
	{"/api/v1/users/ext:u/conversations", `{"title":"Of Zoe","metadata":{"pet":"Zoe"}}`, `{"title":"Of Zoe B."}`},
	{"/api/v1/users/ext:u/facts", `{"text":"I am fond of Zoe.","valid_from":"2024-01-01T00:00:00.1234567Z"}`, `{"text":"I am fond of Zoe B."}`},
}

func TestAReplayShowsWhatWasWrittenAsItIsNow(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, _ := w.talk("")
	for _, c := range writing {
		first := w.do(key, "POST", c.path, c.body, idem, "k")
		same := w.do(key, "POST", c.path, c.body, idem, "k")
		if first.status != 201 || same.status != 201 || !bytes.Equal(same.body, first.body) {
			t.Errorf("%s: %d %s, replayed %d %s", c.path, first.status, first.body, same.status, same.body)
		}
		place := first.header.Get("Location")
		changed := w.do(key, "PATCH", place, c.change)
		again := w.do(key, "POST", c.path, c.body, idem, "k")
		if changed.status != 200 || bytes.Equal(changed.body, first.body) || again.status != 201 || !bytes.Equal(again.body, changed.body) {
			t.Errorf("%s: changed to %d %s, replayed %d %s", c.path, changed.status, changed.body, again.status, again.body)
		}
		for _, r := range []reply{same, again} {
			if r.header.Get("Idempotent-Replayed") != "true" || place == "" || r.header.Get("Location") != place || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: headers of a replay %v", c.path, r.header)
			}
		}
		if same.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("ETag") != changed.header.Get("ETag") {
			t.Errorf("%s: ETags %v, %v, %v, %v", c.path, first.header, same.header, changed.header, again.header)
		}
	}
}

func TestNoReplayShowsWhatWasDeleted(t *testing.T) {
	t.Parallel()
	for _, c := range writing {
		for _, with := range []string{"itself", "its user"} {
			w := newFullWorld(t, Config{}, generous)
			key, _ := w.talk("")
			made := w.do(key, "POST", c.path, c.body, idem, "k")
			gone := made.header.Get("Location")
			if with == "its user" {
				gone, _, _ = strings.Cut(strings.TrimPrefix(gone, "/api/v1/users/"), "/")
				gone = "/api/v1/users/" + gone
			}
			w.must(key, 204, "DELETE", gone, "")
			for range 2 { // its user is not there; then another has its reference
				again := w.do(key, "POST", c.path, c.body, idem, "k")
				expectProblem(t, again, 404, "not_found")
				if again.header.Get("Idempotent-Replayed") != "" || strings.Contains(string(again.body), "Zoe") || again.header.Get("Location") != "" {
					t.Errorf("%s, deleted with %s: %v %s", c.path, with, again.header, again.body)
				}
				w.do(key, "PUT", "/api/v1/users/ext:u", "")
			}
		}
	}
}

// keptFor gives the claim that a request makes on its key, and where its answer is kept.
func keptFor(tenant, path, body, key string) (core.IdempotencyClaim, core.Place) {
	now := time.Now()
	c := core.IdempotencyClaim{
		Key: digest("POST", path, key), Fingerprint: digest("", body), OpID: "op_test",
		Now: now, LeaseUntil: now.Add(time.Minute), Until: now.Add(core.IdempotencyLife),
	}
	record := tenant + "/" + hex.EncodeToString(c.Key[:])
	return c, core.Place{Tenant: core.TenantID(tenant), Kind: core.KindReplay, Version: 1, Record: record}
}

func TestNothingThatAPersonWroteIsKeptForAReplay(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	tenant, key := w.register("acme", "")
	w.must(key, 201, "PUT", "/api/v1/users/ext:u", "")
	w.must(key, 201, "POST", "/api/v1/users/ext:u/conversations", `{"external_ref":"c"}`)
	const memory = "/api/v1/users/ext:u/conversations/ext:c/memory"
	for _, c := range append(writing, struct{ path, body, change string }{path: memory, body: said("Zoe")}) {
		w.must(key, 201, "POST", c.path, c.body, idem, "k")
		claim, place := keptFor(tenant, c.path, c.body, "k")
		state, err := w.store.Begin(t.Context(), core.TenantID(tenant), claim)
		if err != nil || state.Outcome != core.IdempotencyDone {
			t.Fatalf("%s: %+v, %v", c.path, state, err)
		}
		plain, err := w.seal.Open(t.Context(), place, state.Response)
		var kept keptAnswer
		if err := errors.Join(err, json.Unmarshal(plain, &kept)); err != nil {
			t.Fatal(err)
		}
		if len(kept.Body) == 0 || strings.Contains(strings.ToLower(string(kept.Body)+string(plain)), "zoe") {
			t.Errorf("%s keeps %s %s", c.path, plain, kept.Body)
		}
	}
}

// A Raven of before kept answers whole.
func TestAnAnswerThatWasKeptWholeIsReadAnew(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	tenant, key := w.register("acme", "")
	w.must(key, 201, "PUT", "/api/v1/users/ext:u", "")
	for _, c := range writing {
		made := w.do(key, "POST", c.path, c.body)
		place := made.header.Get("Location")
		claim, at := keptFor(tenant, c.path, c.body, "old")
		plain, err := json.Marshal(keptAnswer{Status: 201, ETag: `"v1"`, Location: place, Mime: mimeJSON, Body: made.body})
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := w.seal.Seal(t.Context(), at, plain)
		if err == nil {
			_, err = w.store.Begin(t.Context(), core.TenantID(tenant), claim)
		}
		if err == nil {
			err = w.store.Complete(t.Context(), core.TenantID(tenant), claim.Key, claim.OpID, sealed)
		}
		if err != nil {
			t.Fatal(err)
		}
		again := w.do(key, "POST", c.path, c.body, idem, "old")
		if again.status != 201 || !bytes.Equal(again.body, made.body) || again.header.Get("Idempotent-Replayed") != "true" || again.header.Get("Location") != place {
			t.Errorf("%s: %d %v %s, first %s", c.path, again.status, again.header, again.body, made.body)
		}
		w.must(key, 204, "DELETE", place, "")
		w.refuses(key, 404, "not_found", "POST", c.path, c.body, idem, "old")
	}
}
