package fiberhttp

import (
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core/quotas"
)

func TestRegisteringGivesATenantAndAKeyOnce(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	out := w.must("", 201, "POST", "/api/v1/tenants", `{"name":"Acme","email":"Ada@Example.com","settings":{"batch_size":3}}`)
	expectMembers(t, out, "tenant api_key")
	expectMembers(t, out["tenant"], "id name email settings created_at updated_at")
	expectMembers(t, at(out, "tenant", "settings"),
		"retention_days max_users max_conversations_per_user batch_size encryption_mode webhook_url rate_limit_per_minute audit_reads")
	expectMembers(t, out["api_key"], "id name prefix scopes environment created_at last_used_at expires_at revoked_at key")
	expectTime(t, at(out, "tenant", "created_at"))
	if at(out, "tenant", "settings", "batch_size") != 3.0 || at(out, "tenant", "settings", "webhook_url") != nil {
		t.Errorf("settings = %v", at(out, "tenant", "settings"))
	}
	key := text(out, "api_key", "key")
	if !strings.HasPrefix(key, text(out, "api_key", "prefix")) || len(items(out, "api_key", "scopes")) != 8 {
		t.Errorf("api_key = %v", out["api_key"])
	}
	w.must(key, 200, "GET", "/api/v1/tenant", "")

	w.refuses("", 409, "email_taken", "POST", "/api/v1/tenants", `{"name":"B","email":"ada@example.COM"}`)
	for body, location := range map[string]string{
		`{"name":"","email":"b@example.com"}`:                                            "body.name",
		`{"name":"B","email":"b"}`:                                                       "body.email",
		`{"name":"B","email":"b@example.com","settings":{"batch_size":0}}`:               "body.settings.batch_size",
		`{"name":"B","email":"b@example.com","settings":{"encryption_mode":"own"}}`:      "body.settings.encryption_mode",
		`{"name":"B","email":"b@example.com","settings":{"webhook_url":"http://x.com"}}`: "body.settings.webhook_url",
	} {
		p := w.refuses("", 422, "validation_failed", "POST", "/api/v1/tenants", body)
		if text(p, "errors", 0, "location") != location || !strings.HasPrefix(text(p, "detail"), location+": ") {
			t.Errorf("%s: %v", body, p)
		}
	}
}

func TestTenantIsReadAndChangedByVersion(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	r := w.do(key, "GET", "/api/v1/tenant", "")
	tag := r.header.Get("ETag")
	if tag == "" || strings.HasPrefix(tag, "W/") {
		t.Fatalf("ETag = %q", tag)
	}
	for _, none := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		r := w.do(key, "GET", "/api/v1/tenant", "", "If-None-Match", none)
		if r.status != 304 || len(r.body) != 0 || r.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s = %d %q", none, r.status, r.body)
		}
	}
	if r := w.do(key, "GET", "/api/v1/tenant", "", "If-None-Match", `"other"`); r.status != 200 {
		t.Errorf("If-None-Match of another tag = %d", r.status)
	}

	changed := w.must(key, 200, "PATCH", "/api/v1/tenant", `{"name":"New","settings":{"batch_size":4}}`, "If-Match", tag)
	if text(changed, "name") != "New" || at(changed, "settings", "batch_size") != 4.0 {
		t.Errorf("changed = %v", changed)
	}
	for _, match := range []string{tag, `W/"v2"`, `"nothing"`, `"v999"`, `v2`} {
		w.refuses(key, 412, "precondition_failed", "PATCH", "/api/v1/tenant", `{"name":"Lost"}`, "If-Match", match)
	}
	for _, match := range []string{"*", tag + `, "v3"`} {
		r := w.do(key, "PATCH", "/api/v1/tenant", `{"settings":{"batch_size":null}}`, "If-Match", match)
		if r.status != 200 || at(r.json(t), "settings", "batch_size") != 10.0 {
			t.Errorf("If-Match %s = %d %s", match, r.status, r.body)
		}
	}
	w.refuses(key, 422, "validation_failed", "PATCH", "/api/v1/tenant", `{"name":null}`)
	w.refuses(key, 422, "validation_failed", "PATCH", "/api/v1/tenant", `{"settings":{"rate_limit_per_minute":6001}}`)
	w.refuses(key, 422, "validation_failed", "PATCH", "/api/v1/tenant", `{"email":"x@example.com"}`)
	w.must(key, 200, "PATCH", "/api/v1/tenant", "")
}

func TestUsageCountsAndShowsTheRate(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"max_users":7}`)
	w.must(key, 201, "PUT", "/api/v1/users/ext:a", "")
	w.must(key, 201, "POST", "/api/v1/users/ext:a/conversations", `{"external_ref":"c"}`)
	w.must(key, 201, "POST", "/api/v1/users/ext:a/conversations/ext:c/memory", `{"interactions":[`+one+`]}`)
	out := w.must(key, 200, "GET", "/api/v1/tenant/usage", "")
	expectMembers(t, out, "users conversations interactions blobs rate")
	if toJSON(out["users"]) != `{"limit":7,"used":1}` || toJSON(out["conversations"]) != `{"used":1}` ||
		toJSON(out["interactions"]) != `{"buffered":1,"stored":1}` || toJSON(out["blobs"]) != `{"bytes":0,"count":0}` {
		t.Errorf("usage = %v", out)
	}
	if at(out, "rate", "limit") != 6000.0 || at(out, "rate", "remaining").(float64) > 5999 {
		t.Errorf("rate = %v", out["rate"])
	}
	free := newFullWorld(t, Config{}, quotas.Options{})
	_, key = free.register("acme", "")
	free.must(key, 200, "GET", "/api/v1/tenant/usage", "")
}

func TestEncryptionIsTold(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	out := w.must(key, 200, "GET", "/api/v1/tenant/encryption", "")
	expectMembers(t, out, "mode provider key_version key_created_at re_encryption")
	if text(out, "mode") != "platform" || at(out, "key_version") != 1.0 || toJSON(out["re_encryption"]) != `{"done":0,"state":"idle","total":0}` {
		t.Errorf("encryption = %v", out)
	}
}

func TestDeletingATenantNeedsItsIDAndEndsItsKeys(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	id, key := w.register("acme", "")
	for _, query := range []string{"", "?confirm=", "?confirm=yes", "?confirm=" + id + "&confirm=" + id, "?confirm=" + strings.ToUpper(id)} {
		p := w.refuses(key, 422, "validation_failed", "DELETE", "/api/v1/tenant"+query, "")
		if text(p, "errors", 0, "location") != "query.confirm" {
			t.Errorf("%s: %v", query, p)
		}
	}
	out := w.must(key, 202, "DELETE", "/api/v1/tenant?confirm="+id, "")
	expectMembers(t, out, "tenant_id status deleted_at keys signature")
	if toJSON(out["keys"]) != `["local:`+id+`/1"]` || out["signature"] != nil {
		t.Errorf("the receipt is %v", out)
	}
	w.refuses(key, 401, "unauthenticated", "GET", "/api/v1/tenant", "")
	w.register("acme", "")
}

func TestKeysAreListedRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, admin := w.register("acme", "")
	made := w.must(admin, 201, "POST", "/api/v1/tenant/keys", `{"name":"agent","scopes":"agent_only","environment":"test","expires_at":"2999-01-01T00:00:00.123456+02:00"}`)
	secret, id := text(made, "key"), text(made, "id")
	if !strings.HasPrefix(secret, "rk_test_") || text(made, "expires_at") != "2998-12-31T22:00:00.123Z" || len(items(made, "scopes")) != 4 {
		t.Errorf("made %v", made)
	}
	page := w.must(admin, 200, "GET", "/api/v1/tenant/keys?limit=1", "")
	next := w.must(admin, 200, "GET", "/api/v1/tenant/keys?limit=1&cursor="+text(page, "next_cursor"), "")
	if len(items(page, "data")) != 1 || text(next, "data", 0, "id") != id || next["next_cursor"] != nil {
		t.Errorf("pages %v, %v", page, next)
	}
	expectMembers(t, at(next, "data", 0), "id name prefix scopes environment created_at last_used_at expires_at revoked_at")
	if strings.Contains(toJSON(page)+toJSON(next), secret) {
		t.Error("a list shows a secret")
	}

	rotated := w.must(admin, 201, "POST", "/api/v1/tenant/keys/"+id+"/rotate", "")
	if text(rotated, "name") != "agent" || text(rotated, "key") == secret {
		t.Errorf("rotated %v", rotated)
	}
	w.refuses(secret, 403, "insufficient_scope", "GET", "/api/v1/tenant", "")
	w.clock.advance(24*time.Hour + time.Second)
	w.refuses(secret, 401, "unauthenticated", "GET", "/api/v1/tenant", "")

	for _, body := range []string{`{"grace_seconds":-1}`, `{"grace_seconds":2592001}`, `{"grace_seconds":9223372036854775807}`, `{"grace_seconds":1.5}`, `{"grace":1}`} {
		w.refuses(admin, 422, "validation_failed", "POST", "/api/v1/tenant/keys/"+text(rotated, "id")+"/rotate", body)
	}
	w.must(admin, 204, "DELETE", "/api/v1/tenant/keys/"+text(rotated, "id"), "")
	w.refuses(text(rotated, "key"), 401, "unauthenticated", "GET", "/api/v1/tenant", "")
	for _, id := range []string{"key_00000000000000000000000000", "x", "usr_00000000000000000000000000", "..", "%2e%2e", "a%2fb", "%00", "%ff", "%zz"} {
		w.refuses(admin, 404, "not_found", "DELETE", "/api/v1/tenant/keys/"+strings.ReplaceAll(id, "%zz", "zz"), "")
		w.refuses(admin, 404, "not_found", "POST", "/api/v1/tenant/keys/"+strings.ReplaceAll(id, "%zz", "zz")+"/rotate", "{}")
	}
	first := text(w.must(admin, 200, "GET", "/api/v1/tenant/keys", ""), "data", 0, "id")
	w.refuses(admin, 409, "last_admin_key", "DELETE", "/api/v1/tenant/keys/"+first, "")
}

func TestAKeyGrantsAtMostItsCreatorsScopes(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, admin := w.register("acme", "")
	small := w.key(admin, `["tenant:admin","tenant:read"]`)
	r := w.do(small, "POST", "/api/v1/tenant/keys", `{"name":"more","scopes":["memory:read"]}`)
	expectProblem(t, r, 403, "insufficient_scope")
	first := text(w.must(admin, 200, "GET", "/api/v1/tenant/keys", ""), "data", 0, "id")
	w.refuses(small, 403, "insufficient_scope", "POST", "/api/v1/tenant/keys/"+first+"/rotate", "")
	w.refuses(small, 422, "validation_failed", "POST", "/api/v1/tenant/keys", `{"name":"none","scopes":[]}`)
	w.refuses(small, 422, "validation_failed", "POST", "/api/v1/tenant/keys", `{"name":"past","scopes":["tenant:read"],"expires_at":"2001-01-01T00:00:00Z"}`)
}

func TestEveryRouteWantsItsScopes(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, admin := w.register("acme", "")
	// A key for each scope, and one that lacks it.
	for _, rt := range routes() {
		if rt.access != accessKey || rt.name == "getCurrentKey" { // it tells any key what that may do
			continue
		}
		path := strings.NewReplacer("{user_id}", "ext:u", "ext:{external_ref}", "ext:u", "{conversation_id}", "ext:c",
			"{key_id}", "x", "{blob_id}", "x", "{interaction_id}", "x").Replace(rt.path)
		lacking := w.keyWithout(admin, rt)
		r := w.do(lacking, rt.method, path, "")
		p := expectProblem(t, r, 403, "insufficient_scope")
		want := rt.scopes.String()
		if p["scope"] != want || r.header.Get("WWW-Authenticate") != `Bearer error="insufficient_scope", scope="`+want+`"` {
			t.Errorf("%s %s: scope = %v, WWW-Authenticate = %q", rt.method, rt.path, p["scope"], r.header.Get("WWW-Authenticate"))
		}
		if r := w.do("", rt.method, path, ""); r.status != 401 {
			t.Errorf("%s %s without a key = %d", rt.method, rt.path, r.status)
		}
	}
}

func TestEveryKeyLearnsItsOwnScopes(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, admin := w.register("acme", "")
	small := w.key(admin, `["memory:read"]`)
	mine := w.must(small, 200, "GET", "/api/v1/tenant/keys/current", "")
	if toJSON(mine["scopes"]) != `["memory:read"]` || !strings.HasPrefix(small, mine["prefix"].(string)) || mine["key"] != nil {
		t.Errorf("the key learns %v", mine)
	}
	w.must(admin, 204, "DELETE", "/api/v1/tenant/keys/"+text(mine, "id"), "")
	w.refuses(small, 401, "unauthenticated", "GET", "/api/v1/tenant/keys/current", "")
}

// keyWithout makes a key with all scopes but the first of those that a route wants.
func (w *fullWorld) keyWithout(admin string, rt route) string {
	w.t.Helper()
	var names []string
	for _, name := range []string{"memory:read", "memory:write", "users:read", "users:write", "conversations:read", "conversations:write", "tenant:read", "tenant:admin"} {
		if name != rt.scopes.Names()[0] {
			names = append(names, name)
		}
	}
	return w.key(admin, toJSON(names))
}

func TestRateLimitIsPerTenantAndTellsItself(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"rate_limit_per_minute":5}`)
	_, other := w.register("other", "")
	for i := range 5 {
		r := w.do(key, "GET", "/api/v1/users", "")
		if r.status != 200 || r.header.Get("RateLimit-Policy") != `"tenant";q=5;w=60` || !strings.HasPrefix(r.header.Get("RateLimit"), `"tenant";r=`) {
			t.Fatalf("request %d = %d, %v", i, r.status, r.header)
		}
	}
	// The limit comes before the scope and before what the request says.
	r := w.do(key, "POST", "/api/v1/users", "{")
	expectProblem(t, r, 429, "rate_limited")
	if wait := r.header.Get("Retry-After"); wait == "" || wait == "0" || len(wait) > 2 {
		t.Errorf("Retry-After = %q", wait)
	}
	if got := r.header.Get("RateLimit"); !strings.HasPrefix(got, `"tenant";r=0;t=`) {
		t.Errorf("RateLimit = %q", got)
	}
	if r := w.do(other, "GET", "/api/v1/users", ""); r.status != 200 {
		t.Errorf("another tenant = %d", r.status)
	}
	w.clock.advance(13 * time.Second)
	if r := w.do(key, "GET", "/api/v1/users", ""); r.status != 200 {
		t.Errorf("after the wait = %d", r.status)
	}
}

func TestGuessingKeysIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, quotas.Options{Unauthenticated: 4})
	_, key := w.register("acme", "")
	w.must(key, 200, "GET", "/api/v1/tenant", "")
	for range 3 {
		w.refuses("rk_live_x", 401, "unauthenticated", "GET", "/api/v1/tenant", "")
	}
	for _, r := range []reply{
		w.do("", "GET", "/api/v1/tenant", ""),
		w.do("", "POST", "/api/v1/tenants", "{}"),
		w.do(key, "GET", "/api/v1/tenant", ""), // no key of that address is looked up now, not even a good one
	} {
		expectProblem(t, r, 429, "rate_limited")
		wait := r.header.Get("Retry-After")
		if wait == "" || r.header.Get("RateLimit-Policy") != `"address";q=4;w=60` || r.header.Get("RateLimit") != `"address";r=0;t=`+wait {
			t.Errorf("Retry-After %q, %q, %q", wait, r.header.Get("RateLimit-Policy"), r.header.Get("RateLimit"))
		}
	}
	w.clock.advance(time.Minute)
	w.must(key, 200, "GET", "/api/v1/tenant", "")
}

func TestAKeyGivenTwiceIsNone(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	w.refuses(key, 401, "unauthenticated", "GET", "/api/v1/tenant", "", "Authorization", "Bearer "+key)
	w.must("", 200, "GET", "/api/v1/tenant", "", "Authorization", "bEARER  "+key)
}
