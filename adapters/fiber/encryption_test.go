package fiberhttp

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

const encryptionPath = "/api/v1/tenant/encryption"

type flushNow struct{ w *fullWorld }

func (f flushNow) FlushBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, c core.ConversationID) error {
	record, err := f.w.store.Tenant(ctx, tenant)
	if err == nil {
		_, err = f.w.memory.Flush(ctx, core.Caller{Tenant: tenant, Settings: record.Settings}, core.Op{}, user, c)
	}
	return err
}

// reencrypt runs the background work once.
func (w *fullWorld) reencrypt() {
	w.t.Helper()
	if err := sealing.NewReencryptor(w.seal, w.store, flushNow{w}, time.Second).Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func noOwnKey(core.TenantID) error { return core.NewError(core.CodeKeyUnavailable, "gone") }

func ownKeyDown(core.TenantID) error {
	e := core.NewError(core.CodeKeyManagement, "The key service can't be reached.")
	e.RetryAfter = 2 * time.Second
	return e
}

func TestRotationAnswersWithTheStateAndRunsToItsEnd(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	w.must(key, 201, "PUT", "/api/v1/users/ext:ada", "")
	w.must(key, 201, "POST", "/api/v1/users/ext:ada/conversations", `{"external_ref":"c"}`)
	w.must(key, 201, "POST", "/api/v1/users/ext:ada/conversations/ext:c/memory", `{"interactions":[{"role":"user","content":"The ferry leaves at nine."}]}`)
	reader := w.key(key, `"read_only"`)
	w.refuses(reader, 403, "insufficient_scope", "POST", encryptionPath+"/rotate", "")

	out := w.must(key, 202, "POST", encryptionPath+"/rotate", "", "Idempotency-Key", "r1")
	if at(out, "key_version") != 2.0 || toJSON(out["re_encryption"]) != `{"done":0,"state":"running","total":2}` {
		t.Errorf("rotated: %v", out)
	}
	if again := w.must(key, 202, "POST", encryptionPath+"/rotate", "", "Idempotency-Key", "r1"); toJSON(again) != toJSON(out) {
		t.Errorf("the same request again: %v", again)
	}
	if again := w.must(key, 202, "POST", encryptionPath+"/rotate", `{}`); at(again, "key_version") != 2.0 {
		t.Errorf("another rotation while one runs: %v", again)
	}
	w.reencrypt()
	out = w.must(key, 200, "GET", encryptionPath, "")
	if at(out, "re_encryption", "state") != "idle" || at(out, "re_encryption", "done") != at(out, "re_encryption", "total") {
		t.Errorf("at the end: %v", out)
	}
	found := w.must(key, 200, "POST", "/api/v1/users/ext:ada/memory/search", `{"query":"When does the ferry leave?"}`)
	if !strings.Contains(toJSON(found), "at nine") {
		t.Errorf("found %v", found)
	}
	if out := w.must(key, 202, "POST", encryptionPath+"/rotate", ""); at(out, "key_version") != 3.0 {
		t.Errorf("a rotation after it: %v", out)
	}
}

func TestTenantWhoseOwnKeyIsGoneIsLockedUnderUsersOnly(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	_, other := w.register("other", `{"encryption_mode":"tenant"}`)
	w.must(key, 201, "PUT", "/api/v1/users/ext:ada", "")
	w.must(other, 201, "PUT", "/api/v1/users/ext:bob", "")
	w.own.set(noOwnKey)
	p := w.refuses(key, 423, "key_unavailable", "PATCH", "/api/v1/tenant", `{"settings":{"encryption_mode":"tenant"}}`)
	if !strings.Contains(text(p, "detail"), `"raven-ten_`) {
		t.Errorf("the detail does not name the key: %v", p)
	}
	w.own.set(ownKeyDown)
	w.refuses(key, 503, "key_management_unavailable", "PATCH", "/api/v1/tenant", `{"settings":{"encryption_mode":"tenant"}}`)
	if out := w.must(key, 200, "GET", encryptionPath, ""); at(out, "mode") != "platform" || at(out, "key_version") != 1.0 {
		t.Errorf("a refused change changed %v", out)
	}
	w.own.set(nil)
	w.must(key, 200, "PATCH", "/api/v1/tenant", `{"settings":{"encryption_mode":"tenant"}}`)
	if out := w.must(key, 200, "GET", encryptionPath, ""); at(out, "mode") != "tenant" || at(out, "provider") != "vault" || at(out, "key_version") != 2.0 {
		t.Errorf("changed to %v", out)
	}
	w.reencrypt()
	w.must(key, 200, "GET", "/api/v1/users/ext:ada", "")

	w.own.set(func(id core.TenantID) error {
		if strings.HasSuffix(text(p, "detail"), string(id)) || strings.Contains(text(p, "detail"), string(id)) {
			return noOwnKey(id)
		}
		return nil
	})
	w.clock.advance(sealing.DefaultCacheTTL)
	for _, rt := range routes() {
		if rt.underUsers() {
			path := strings.NewReplacer("{external_ref}", "x", "{user_id}", "ext:ada", "{conversation_id}", "ext:c", "{blob_id}", "b", "{interaction_id}", "i").Replace(rt.path)
			w.refuses(key, 423, "key_unavailable", rt.method, path, "")
		}
	}
	w.must(key, 200, "GET", "/api/v1/tenant", "")
	w.must(key, 200, "GET", encryptionPath, "")
	w.must(key, 200, "PATCH", "/api/v1/tenant", `{"name":"Acme 2"}`)
	w.must(key, 201, "POST", "/api/v1/tenant/keys", `{"name":"k","scopes":"read_only"}`)
	w.refuses(key, 423, "key_unavailable", "POST", encryptionPath+"/rotate", "")
	w.must(other, 200, "GET", "/api/v1/users/ext:bob", "")

	w.own.set(ownKeyDown)
	w.clock.advance(time.Second)
	r := w.do(key, "GET", "/api/v1/users/ext:ada", "")
	expectProblem(t, r, 503, "key_management_unavailable")
	if r.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	w.own.set(nil)
	w.clock.advance(time.Second)
	w.must(key, 200, "GET", "/api/v1/users/ext:ada", "")
	w.must(key, 200, "PATCH", "/api/v1/tenant", `{"settings":{"encryption_mode":null}}`)
	w.own.set(noOwnKey)
	w.refuses("", 422, "validation_failed", "POST", "/api/v1/tenants", `{"name":"C","email":"c@example.com","settings":{"encryption_mode":"tenant"}}`)
	w.own.set(nil)
	w.register("c", "") // nothing of it was left
}

// What is kept for a repeated request goes with the tenant's key too.
func TestKeptAnswersAreLockedWithTheTenantsKey(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	id, key := w.register("acme", `{"encryption_mode":"tenant"}`)
	body := `{"display_name":"Ada Lovelace"}`
	w.must(key, 201, "POST", "/api/v1/users", body, "Idempotency-Key", "k")
	w.must(key, 202, "POST", encryptionPath+"/rotate", "")
	w.reencrypt()
	w.clock.advance(10 * time.Minute)
	w.reencrypt()
	list, err := w.store.DataKeys(t.Context(), core.TenantID(id))
	if err != nil || slices.ContainsFunc(list, func(k core.WrappedKey) bool { return k.Version == 1 }) {
		t.Fatalf("keys %+v, %v", list, err)
	}
	if r := w.do(key, "POST", "/api/v1/users", body, "Idempotency-Key", "k"); r.status != 201 || r.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeated after a rotation: %d %s", r.status, r.body)
	}
	w.own.set(noOwnKey)
	w.clock.advance(sealing.DefaultCacheTTL)
	w.refuses(key, 423, "key_unavailable", "POST", "/api/v1/users", body, "Idempotency-Key", "k")
}
