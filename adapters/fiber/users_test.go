package fiberhttp

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestUsersAreCreatedFoundChangedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	u := w.must(key, 201, "POST", "/api/v1/users", `{"external_ref":"ada","display_name":"Ada","metadata":{"plan":"pro","n":1.50}}`)
	expectMembers(t, u, "id external_ref display_name metadata created_at updated_at")
	id := text(u, "id")
	if !core.UserID(id).Valid() || text(u, "external_ref") != "ada" || toJSON(u["metadata"]) != `{"n":1.5,"plan":"pro"}` {
		t.Errorf("user = %v", u)
	}
	expectTime(t, u["updated_at"])
	p := w.refuses(key, 409, "external_ref_taken", "POST", "/api/v1/users", `{"external_ref":"ada"}`)
	if p["existing_id"] != id {
		t.Errorf("existing_id = %v, want %s", p["existing_id"], id)
	}
	if r := w.do(key, "PUT", "/api/v1/users/ext:bea", ""); r.header.Get("Location") != "/api/v1/users/"+text(r.json(t), "id") {
		t.Errorf("Location = %q of %s", r.header.Get("Location"), r.body)
	}
	bare := w.must(key, 201, "POST", "/api/v1/users", "")
	if bare["external_ref"] != nil || bare["display_name"] != nil || toJSON(bare["metadata"]) != "{}" {
		t.Errorf("bare user = %v", bare)
	}
	for _, path := range []string{"/api/v1/users/" + id, "/api/v1/users/ext:ada", "/api/v1/users/ext%3Aada", "/api/v1/users/%65xt:%61da"} {
		r := w.do(key, "GET", path, "")
		if r.status != 200 || text(r.json(t), "id") != id || r.header.Get("ETag") == "" {
			t.Errorf("%s = %d %s", path, r.status, r.body)
		}
	}
	if found := w.must(key, 200, "GET", "/api/v1/users?external_ref=ada", ""); len(items(found, "data")) != 1 || found["next_cursor"] != nil {
		t.Errorf("found %v", found)
	}
	if found := w.must(key, 200, "GET", "/api/v1/users?external_ref=nobody", ""); toJSON(found) != `{"data":[],"next_cursor":null}` {
		t.Errorf("found %v", found)
	}
	changed := w.must(key, 200, "PATCH", "/api/v1/users/ext:ada", `{"display_name":null,"metadata":{"plan":null,"seat":4}}`, "If-Match", `"v1"`)
	if changed["display_name"] != nil || toJSON(changed["metadata"]) != `{"n":1.5,"seat":4}` {
		t.Errorf("changed = %v", changed)
	}
	w.refuses(key, 412, "precondition_failed", "PATCH", "/api/v1/users/"+id, `{"display_name":"B"}`, "If-Match", `"v1"`)
	w.refuses(key, 412, "precondition_failed", "DELETE", "/api/v1/users/"+id, "", "If-Match", `"v1"`)
	if r := w.do(key, "DELETE", "/api/v1/users/"+id, ""); r.status != 204 || len(r.body) != 0 {
		t.Errorf("delete = %d %q", r.status, r.body)
	}
	w.refuses(key, 404, "not_found", "GET", "/api/v1/users/"+id, "")
	w.refuses(key, 404, "not_found", "DELETE", "/api/v1/users/ext:ada", "")
}

func TestBadValuesOfUsersAreRefusedByPlace(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	for body, location := range map[string]string{
		`{"external_ref":""}`: "body.external_ref",
		`{"external_ref":"` + strings.Repeat("ä", 257) + `"}`:                                  "body.external_ref",
		`{"external_ref":"a\tb"}`:                                                              "body.external_ref",
		`{"display_name":""}`:                                                                  "body.display_name",
		`{"display_name":"` + strings.Repeat("x", 201) + `"}`:                                  "body.display_name",
		`{"metadata":{"a":{"b":{"c":{"d":{"e":{}}}}}}}`:                                        "body.metadata",
		`{"metadata":{"a":"` + strings.Repeat("x", 16<<10) + `"}}`:                             "body.metadata",
		`{"metadata":{"a":"\u0000"}}`:                                                          "body.metadata",
		`{"metadata":{"\u0000":1}}`:                                                            "body.metadata",
		`{"metadata":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + `}`: "body.metadata",
		`{"displayName":"x"}`:                                                                  "body.displayName",
	} {
		p := w.refuses(key, 422, "validation_failed", "POST", "/api/v1/users", body)
		if text(p, "errors", 0, "location") != location {
			t.Errorf("%.60s: %v", body, p["errors"])
		}
	}
	w.must(key, 201, "POST", "/api/v1/users", `{"external_ref":"`+strings.Repeat("ä", 256)+`","metadata":{"a":{"b":{"c":{"d":1}}}}}`)
	w.refuses(key, 422, "validation_failed", "PUT", "/api/v1/users/ext:"+strings.Repeat("x", 257), "")
	w.refuses(key, 422, "validation_failed", "PUT", "/api/v1/users/ext:a%00b", "")
	w.refuses(key, 422, "validation_failed", "PUT", "/api/v1/users/ext:", "")
	w.refuses(key, 422, "validation_failed", "PUT", "/api/v1/users/ext:x", `{"external_ref":"y"}`)
	w.refuses(key, 404, "not_found", "PUT", "/api/v1/users/ext:%ff", "")
	if r := w.do(key, "PUT", "/api/v1/users/usr_00000000000000000000000000", ""); r.status != 405 || r.header.Get("Allow") != "GET, HEAD, PATCH, DELETE" {
		t.Errorf("PUT to an id = %d, Allow %q", r.status, r.header.Get("Allow"))
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=ten", "limit=", "limit=1.0", "limit=+1", "limit=%201", "limit=1&limit=1",
		"page=2", "Limit=5", "external_ref=", "external_ref=%00", "external_ref=%ff", "limit=99999999999999999999", "%zz=1", "limit=5;"} {
		w.refuses(key, 422, "validation_failed", "GET", "/api/v1/users?"+query, "")
	}
	w.must(key, 201, "POST", "/api/v1/users", `{"external_ref":"zz"}`)
	page := w.must(key, 200, "GET", "/api/v1/users?limit=1", "")
	for _, query := range []string{"cursor=", "cursor=x", "cursor=AAAA", "cursor=" + strings.Repeat("A", 32), "cursor=%00", "cursor=%ff",
		"cursor=a&cursor=b", "cursor=&cursor=", "external_ref=zz&cursor=abc", "external_ref=zz&cursor=" + text(page, "next_cursor")} {
		w.refuses(key, 400, "invalid_cursor", "GET", "/api/v1/users?"+query, "")
	}
}

func TestNoneIsOfferedForAnEmptyNameOnlyWhereItIsTaken(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	for _, r := range []struct {
		method, path, body string
		none               bool
	}{
		{"POST", "/api/v1/tenants", `{"name":"","email":"b@example.com"}`, false},
		{"PATCH", "/api/v1/tenant", `{"name":""}`, false},
		{"POST", "/api/v1/tenant/keys", `{"name":"","scopes":"read_only"}`, false},
		{"PUT", "/api/v1/users/ext:", "", false},
		{"GET", "/api/v1/users?external_ref=", "", false},
		{"POST", "/api/v1/users", `{"external_ref":""}`, true},
		{"POST", "/api/v1/users", `{"display_name":""}`, true},
		{"PATCH", "/api/v1/users/ext:u", `{"display_name":""}`, true},
		{"POST", "/api/v1/users/ext:u/conversations", `{"title":""}`, true},
		{"POST", conversation + "/memory", `{"interactions":[{"role":"user","content":"hi","name":""}]}`, true},
	} {
		message := text(w.refuses(key, 422, "validation_failed", r.method, r.path, r.body), "errors", 0, "message")
		if !strings.HasPrefix(message, "must not be empty") || strings.Contains(message, "null for none") != r.none {
			t.Errorf("%s %s %s: %q", r.method, r.path, r.body, message)
		}
	}
}

func TestHostileReferencesNameTheirUserAndNoRoute(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	for i, ref := range []string{
		"a/b", "a/../b", "..", ".", "../tenant", "%2f", "%", "a%00", "a?b", "a#b", "a b", "a+b", "ext:a", "ä€😀", "a:b{c}", "/", "//",
		"a\\b", "a;b", "a&b=c", "memory", "\u202eabc", "' OR 1=1 --", strings.Repeat("😀", 256),
	} {
		path := "/api/v1/users/ext:" + url.PathEscape(ref)
		made := w.must(key, 201, "PUT", path, fmt.Sprintf(`{"display_name":"%d"}`, i))
		if text(made, "external_ref") != ref {
			t.Errorf("%q became %q", ref, made["external_ref"])
		}
		again := w.must(key, 200, "PUT", path, "")
		found := w.must(key, 200, "GET", "/api/v1/users?external_ref="+url.QueryEscape(ref), "")
		if again["id"] != made["id"] || text(found, "data", 0, "id") != text(made, "id") {
			t.Errorf("%q: %v, %v, %v", ref, made, again, found)
		}
		w.must(key, 201, "POST", path+"/conversations", `{"external_ref":`+toJSON(ref)+`}`)
		c := w.must(key, 200, "GET", path+"/conversations/ext:"+url.PathEscape(ref), "")
		if c["user_id"] != made["id"] {
			t.Errorf("%q: conversation %v", ref, c)
		}
	}
}

func TestWhatCanNotBeAnIDIs404(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	for _, id := range []string{
		"x", "usr_", "usr_0", "cnv_00000000000000000000000000", "USR_00000000000000000000000000", "usr_00000000000000000000000000x",
		"..", "%2e%2e", "%2F", "a%2fb", "%00", "%ff", "ext:", "ext:%00", "ext:nobody", "EXT:a", "*", "usr_0000000000000000000000000%30",
	} {
		for _, call := range []struct{ method, rest string }{
			{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"GET", "/conversations"}, {"GET", "/memory"}, {"GET", "/export"},
			{"GET", "/conversations/" + id}, {"GET", "/memory/" + id}, {"DELETE", "/memory/" + id},
		} {
			w.refuses(key, 404, "not_found", call.method, "/api/v1/users/"+id+call.rest, "")
		}
	}
}

func TestForeignThingsAreAnsweredLikeAbsentOnes(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, mine := w.register("mine", "")
	_, theirs := w.register("theirs", "")
	w.must(theirs, 201, "PUT", "/api/v1/users/ext:u", "")
	user := text(w.must(theirs, 200, "GET", "/api/v1/users/ext:u", ""), "id")
	conversation := text(w.must(theirs, 201, "POST", "/api/v1/users/ext:u/conversations", ""), "id")
	memory := "/api/v1/users/" + user + "/conversations/" + conversation + "/memory"
	w.must(theirs, 200, "PATCH", "/api/v1/tenant", `{"settings":{"batch_size":1}}`)
	done := w.must(theirs, 201, "POST", memory, `{"interactions":[`+one+`]}`)
	blob := text(done, "flushed_blob_ids", 0)
	own := text(w.must(mine, 201, "PUT", "/api/v1/users/ext:u", ""), "id")

	const absent = "00000000000000000000000000"
	for _, tt := range []struct{ method, foreign, absent, body string }{
		{"GET", "/users/" + user, "/users/usr_" + absent, ""},
		{"PATCH", "/users/" + user, "/users/usr_" + absent, "{}"},
		{"DELETE", "/users/" + user, "/users/usr_" + absent, ""},
		{"GET", "/users/" + user + "/export", "/users/usr_" + absent + "/export", ""},
		{"GET", "/users/" + user + "/conversations/" + conversation, "/users/usr_" + absent + "/conversations/cnv_" + absent, ""},
		{"GET", "/users/" + own + "/conversations/" + conversation, "/users/" + own + "/conversations/cnv_" + absent, ""},
		{"POST", "/users/" + own + "/conversations/" + conversation + "/memory", "/users/" + own + "/conversations/cnv_" + absent + "/memory", `{"interactions":[` + one + `]}`},
		{"GET", "/users/" + own + "/memory/" + blob, "/users/" + own + "/memory/blob_" + absent, ""},
		{"POST", "/users/" + user + "/context", "/users/usr_" + absent + "/context", `{"query":"hi"}`},
		{"POST", "/users/" + own + "/context", "/users/" + own + "/context", `{"query":"hi","conversation_id":"` + conversation + `"}`},
		{"POST", "/users/" + user + "/memory/search", "/users/usr_" + absent + "/memory/search", `{"query":"hi"}`},
	} {
		foreign := w.do(mine, tt.method, "/api/v1"+tt.foreign, tt.body, "X-Request-Id", "same")
		missing := w.do(mine, tt.method, "/api/v1"+tt.absent, strings.ReplaceAll(tt.body, conversation, "cnv_"+absent), "X-Request-Id", "same")
		expectProblem(t, foreign, 404, "not_found")
		if !bytes.Equal(foreign.body, missing.body) || missing.status != 404 {
			t.Errorf("%s %s:\n%s\n%s", tt.method, tt.foreign, foreign.body, missing.body)
		}
	}
}

func TestGetOrCreateIsSafeUnderARace(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses, ids := map[int]int{}, map[string]bool{}
	for range 12 {
		wg.Go(func() {
			r := w.do(key, "PUT", "/api/v1/users/ext:one", "")
			mu.Lock()
			defer mu.Unlock()
			statuses[r.status]++
			ids[text(r.json(t), "id")] = true
		})
	}
	wg.Wait()
	if statuses[201] != 1 || statuses[200] != 11 || len(ids) != 1 {
		t.Errorf("statuses %v, ids %v", statuses, ids)
	}
}

func TestQuotasAreRefusedWithWhatIsUsed(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"max_users":1,"max_conversations_per_user":0}`)
	w.must(key, 201, "PUT", "/api/v1/users/ext:a", "")
	p := w.refuses(key, 403, "quota_exhausted", "PUT", "/api/v1/users/ext:b", "")
	if p["quota"] != "max_users" || p["limit"] != 1.0 || p["used"] != 1.0 {
		t.Errorf("problem = %v", p)
	}
	p = w.refuses(key, 403, "quota_exhausted", "POST", "/api/v1/users/ext:a/conversations", "")
	if p["quota"] != "max_conversations_per_user" || p["limit"] != 0.0 || p["used"] != 0.0 {
		t.Errorf("problem = %v", p)
	}
}

func TestListsComeInPagesBoundToTheirTenant(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	_, other := w.register("other", "")
	for i := range 5 {
		w.must(key, 201, "PUT", fmt.Sprintf("/api/v1/users/ext:%d", i), "")
		w.must(other, 201, "PUT", fmt.Sprintf("/api/v1/users/ext:%d", i), "")
	}
	var seen []string
	cursor := ""
	for {
		page := w.must(key, 200, "GET", "/api/v1/users?limit=2"+cursor, "")
		for _, u := range items(page, "data") {
			seen = append(seen, text(u, "external_ref"))
		}
		if page["next_cursor"] == nil {
			break
		}
		cursor = "&cursor=" + text(page, "next_cursor")
		w.refuses(other, 400, "invalid_cursor", "GET", "/api/v1/users?limit=2"+cursor, "")
		w.refuses(key, 400, "invalid_cursor", "GET", "/api/v1/users/ext:0/conversations?limit=2"+cursor, "")
	}
	if strings.Join(seen, "") != "01234" {
		t.Errorf("seen %v", seen)
	}
}
