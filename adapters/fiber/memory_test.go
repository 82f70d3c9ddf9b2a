package fiberhttp

import (
	"fmt"
	"strings"
	"testing"
)

// talk makes a tenant with the user ext:u and the conversation ext:c.
func (w *fullWorld) talk(settings string) (key, conversation string) {
	w.t.Helper()
	_, key = w.register("acme", settings)
	w.must(key, 201, "PUT", "/api/v1/users/ext:u", "")
	w.must(key, 201, "POST", "/api/v1/users/ext:u/conversations", `{"external_ref":"c"}`)
	return key, "/api/v1/users/ext:u/conversations/ext:c"
}

func said(contents ...string) string {
	var list []string
	for _, content := range contents {
		list = append(list, `{"role":"user","content":`+toJSON(content)+`}`)
	}
	return `{"interactions":[` + strings.Join(list, ",") + `]}`
}

func TestConversationsAreStartedChangedClosedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	c := w.must(key, 200, "GET", conversation, "")
	expectMembers(t, c, "id user_id external_ref title metadata status interaction_count created_at updated_at closed_at")
	if text(c, "status") != "open" || c["closed_at"] != nil || c["interaction_count"] != 0.0 || c["title"] != nil {
		t.Errorf("conversation = %v", c)
	}
	p := w.refuses(key, 409, "external_ref_taken", "POST", "/api/v1/users/ext:u/conversations", `{"external_ref":"c"}`)
	if p["existing_id"] != c["id"] {
		t.Errorf("existing_id = %v", p["existing_id"])
	}
	tag := w.do(key, "GET", conversation, "").header.Get("ETag")
	w.must(key, 201, "POST", conversation+"/memory", said("a", "b"))
	if r := w.do(key, "GET", conversation, "", "If-None-Match", tag); r.status != 200 || r.json(t)["interaction_count"] != 2.0 {
		t.Errorf("after an ingest the old ETag gives %d %s", r.status, r.body)
	}
	w.must(key, 200, "PATCH", conversation, `{"title":"T","metadata":{"a":1}}`, "If-Match", tag)
	w.refuses(key, 412, "precondition_failed", "PATCH", conversation, `{"title":"U"}`, "If-Match", tag)
	w.refuses(key, 412, "precondition_failed", "DELETE", conversation, "", "If-Match", tag)
	for _, body := range []string{`{"status":"open"}`, `{"status":null}`, `{"status":"Closed"}`, `{"title":""}`, `{"external_ref":"d"}`} {
		w.refuses(key, 422, "validation_failed", "PATCH", conversation, body)
	}
	closed := w.must(key, 200, "PATCH", conversation, `{"status":"closed"}`)
	if text(closed, "status") != "closed" {
		t.Errorf("closed = %v", closed)
	}
	expectTime(t, closed["closed_at"])
	w.refuses(key, 409, "conversation_closed", "POST", conversation+"/memory", said("c"))
	if got := w.must(key, 200, "GET", conversation+"/memory", ""); len(items(got, "data")) != 2 || text(got, "data", 0, "blob_id") == "" {
		t.Errorf("after closing: %v", got)
	}
	if list := w.must(key, 200, "GET", "/api/v1/users/ext:u/conversations", ""); len(items(list, "data")) != 1 {
		t.Errorf("list = %v", list)
	}
	w.must(key, 204, "DELETE", conversation, "")
	w.refuses(key, 404, "not_found", "GET", conversation, "")
}

func TestIngestIsReadInOrderOverBlobsAndBuffer(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk(`{"batch_size":3}`)
	first := w.must(key, 201, "POST", conversation+"/memory", `{"interactions":[
		{"role":"user","content":"0","name":"Ada","occurred_at":"2026-01-02T03:04:05.678+01:00","metadata":{"k":"v"}},
		{"role":"tool","content":"1"},{"role":"system","content":"2"},{"role":"assistant","content":"3"}]}`)
	expectMembers(t, first, "interaction_ids buffered flushed_blob_ids")
	if len(items(first, "interaction_ids")) != 4 || first["buffered"] != 1.0 || len(items(first, "flushed_blob_ids")) != 1 {
		t.Errorf("ingested %v", first)
	}
	w.must(key, 201, "POST", conversation+"/memory", said("4"))
	page := w.must(key, 200, "GET", conversation+"/memory?limit=2", "")
	in := at(page, "data", 0)
	expectMembers(t, in, "id conversation_id blob_id role name content metadata occurred_at created_at")
	if text(in, "occurred_at") != "2026-01-02T02:04:05.678Z" || text(in, "name") != "Ada" || toJSON(at(in, "metadata")) != `{"k":"v"}` ||
		text(in, "id") != text(first, "interaction_ids", 0) || text(in, "blob_id") != text(first, "flushed_blob_ids", 0) {
		t.Errorf("interaction = %v", in)
	}
	for order, want := range map[string]string{"": "01234", "asc": "01234", "desc": "43210"} {
		got, cursor := "", ""
		for {
			query := "?limit=2" + cursor
			if order != "" {
				query += "&order=" + order
			}
			page := w.must(key, 200, "GET", conversation+"/memory"+query, "")
			for _, in := range items(page, "data") {
				got += text(in, "content")
			}
			if page["next_cursor"] == nil {
				break
			}
			cursor = "&cursor=" + text(page, "next_cursor")
		}
		if got != want {
			t.Errorf("order %q gives %s", order, got)
		}
	}
	w.refuses(key, 400, "invalid_cursor", "GET", conversation+"/memory?order=desc&cursor="+text(page, "next_cursor"), "")
	w.refuses(key, 422, "validation_failed", "GET", conversation+"/memory?order=ASC", "")

	flushed := w.must(key, 200, "POST", conversation+"/flush", "")
	if len(items(flushed, "flushed_blob_ids")) != 1 || flushed["buffered"] != 0.0 {
		t.Errorf("flushed %v", flushed)
	}
	again := w.must(key, 200, "POST", conversation+"/flush", "{}")
	if toJSON(again) != `{"buffered":0,"flushed_blob_ids":[]}` {
		t.Errorf("flushed again %v", again)
	}
}

func TestBadIngestsAreWholeRefusals(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	many := strings.TrimSuffix(strings.Repeat(one+",", 257), ",")
	for body, location := range map[string]string{
		`{"interactions":[]}`:                                        "body.interactions",
		`{"interactions":[` + many + `]}`:                            "body.interactions",
		said("ok", ""):                                               "body.interactions[1].content",
		said("ok", strings.Repeat("x", 64<<10+1)):                    "body.interactions[1].content",
		`{"interactions":[{"role":"user","content":"x","name":""}]}`: "body.interactions[0].name",
		`{"interactions":[{"role":"user","content":"x","metadata":{"a":{"b":{"c":{"d":{"e":{}}}}}}}]}`: "body.interactions[0].metadata",
		`{"interactions":[` + one + `],"context":{"query":""}}`:                                        "body.context.query",
		`{"interactions":[` + one + `],"context":{"query":"x","max_tokens":15}}`:                       "body.context.max_tokens",
		`{"interactions":[` + one + `],"context":{"query":"x","include":["everything"]}}`:              "body.context.include[0]",
	} {
		p := w.refuses(key, 422, "validation_failed", "POST", conversation+"/memory", body)
		if text(p, "errors", 0, "location") != location {
			t.Errorf("%.80s: %v", body, p["errors"])
		}
	}
	w.refuses(key, 404, "not_found", "POST", conversation+"/memory", `{"interactions":[`+one+`],"context":{"query":"x","conversation_id":"cnv_x"}}`)
	writer := w.key(key, `["memory:write"]`)
	w.refuses(writer, 403, "insufficient_scope", "POST", conversation+"/memory", `{"interactions":[`+one+`],"context":{"query":"x"}}`)
	if got := w.must(key, 200, "GET", conversation+"/memory", ""); len(items(got, "data")) != 0 {
		t.Errorf("refused ingests left %v", got)
	}
	w.must(writer, 201, "POST", conversation+"/memory", said(strings.Repeat("x", 64<<10)))
	w.must(key, 201, "POST", conversation+"/memory", said(strings.Split(strings.Repeat("x", 256), "")...))
}

func TestContextAndSearchFindWhatWasJustStored(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	out := w.must(key, 201, "POST", conversation+"/memory", `{"interactions":[
		{"role":"user","content":"My daughter Ida starts school in August.","metadata":{"topic":"family"}},
		{"role":"assistant","content":"How exciting!"}],"context":{"query":"When does Ida start school?"}}`)
	expectMembers(t, out, "interaction_ids buffered flushed_blob_ids context")
	c := out["context"]
	expectMembers(t, c, "context token_count token_counter truncated items")
	if !strings.Contains(text(c, "context"), "Ida starts school in August") || at(c, "truncated") != false {
		t.Errorf("context = %v", c)
	}
	c = w.must(key, 200, "POST", "/api/v1/users/ext:u/context", `{"query":"school","max_tokens":200,"conversation_id":"ext:c","include":["episodes","recent"],"since":"2020-01-01T00:00:00Z","until":null}`)
	if !strings.Contains(text(c, "context"), "Ida") || at(c, "token_count").(float64) > 200 {
		t.Errorf("context = %v", c)
	}
	expectMembers(t, at(c, "items", 0), "type id text role name conversation_id blob_id occurred_at score")

	found := w.must(key, 200, "POST", "/api/v1/users/ext:u/memory/search", `{"query":"school","limit":5,"explain":true,"roles":["user"],"types":["interaction"],"metadata":{"topic":"family"},"conversation_id":"ext:c"}`)
	expectMembers(t, found, "data")
	expectMembers(t, at(found, "data", 0), "type id text role name conversation_id blob_id occurred_at score score_breakdown")
	if text(found, "data", 0, "id") != text(out, "interaction_ids", 0) {
		t.Errorf("found %v", found)
	}
	for _, body := range []string{`{"query":"zebra"}`, `{"query":"school","roles":["tool"]}`, `{"query":"school","metadata":{"topic":"work"}}`, `{"query":"school","until":"2020-01-01T00:00:00Z"}`} {
		if found := w.must(key, 200, "POST", "/api/v1/users/ext:u/memory/search", body); toJSON(found) != `{"data":[]}` {
			t.Errorf("%s found %v", body, found)
		}
	}
	for _, path := range []string{"/api/v1/users/ext:u/memory/search", "/api/v1/users/ext:u/context"} {
		for _, body := range []string{`{}`, `{"query":""}`, `{"query":null}`, `{"query":"` + strings.Repeat("x", 64<<10+1) + `"}`, `{"query":"x","limit":0,"max_tokens":0}`,
			`{"query":"x","since":"yesterday"}`, `{"query":"x","metadata":[]}`, `{"query":"x","metadata":{"a":{"b":{"c":{"d":{"e":{}}}}}}}`} {
			w.refuses(key, 422, "validation_failed", "POST", path, body)
		}
		for _, id := range []string{"x", "cnv_00000000000000000000000000", "ext:nothing", ""} {
			w.refuses(key, 404, "not_found", "POST", path, `{"query":"x","conversation_id":"`+id+`"}`)
		}
	}
	w.refuses(key, 422, "validation_failed", "POST", "/api/v1/users/ext:u/memory/search", `{"query":"x","limit":101}`)
	w.refuses(key, 422, "validation_failed", "POST", "/api/v1/users/ext:u/context", `{"query":"x","max_tokens":32001}`)
}

func TestBlobsAreListedOpenedAndForgotten(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk(`{"batch_size":2}`)
	w.must(key, 201, "POST", conversation+"/memory", said("a", "b", "c", "d", "e"))
	page := w.must(key, 200, "GET", "/api/v1/users/ext:u/memory?limit=1", "")
	b := at(page, "data", 0)
	expectMembers(t, b, "id kind conversation_id interaction_count first_at last_at size_bytes key_version expires_at")
	if text(b, "kind") != "episodic" || at(b, "interaction_count") != 2.0 || at(b, "key_version") != 1.0 || page["next_cursor"] == nil {
		t.Errorf("blob = %v", b)
	}
	expectTime(t, at(b, "expires_at"))
	opened := w.must(key, 200, "GET", "/api/v1/users/ext:u/memory/"+text(b, "id"), "")
	expectMembers(t, opened, "id kind conversation_id interaction_count first_at last_at size_bytes key_version expires_at interactions")
	if text(opened, "interactions", 1, "content") != "b" {
		t.Errorf("opened %v", opened)
	}
	id := text(opened, "interactions", 0, "id")
	w.must(key, 204, "DELETE", conversation+"/memory/"+id, "")
	w.refuses(key, 404, "not_found", "DELETE", conversation+"/memory/"+id, "")
	w.refuses(key, 404, "not_found", "DELETE", conversation+"/memory/x", "")
	w.must(key, 204, "DELETE", "/api/v1/users/ext:u/memory/"+text(b, "id"), "")
	w.refuses(key, 404, "not_found", "GET", "/api/v1/users/ext:u/memory/"+text(b, "id"), "")
	if got := w.must(key, 200, "GET", conversation+"/memory", ""); len(items(got, "data")) != 3 {
		t.Errorf("left %v", got)
	}
	w.must(key, 204, "DELETE", "/api/v1/users/ext:u/memory", "")
	if got := w.must(key, 200, "GET", conversation+"/memory", ""); len(items(got, "data")) != 0 {
		t.Errorf("left %v", got)
	}
}

func TestExportIsWholeAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk(`{"batch_size":50}`)
	w.must(key, 201, "POST", "/api/v1/users/ext:u/conversations", `{"external_ref":"empty"}`)
	for i := range 3 {
		w.must(key, 201, "POST", conversation+"/memory", said(strings.Split(strings.Repeat(fmt.Sprint(i), 100), "")...))
	}
	r := w.do(key, "GET", "/api/v1/users/ext:u/export", "")
	if r.status != 200 || r.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("export = %d %s", r.status, r.header.Get("Content-Type"))
	}
	expectCommonHeaders(t, r)
	lines := strings.Split(strings.TrimSuffix(string(r.body), "\n"), "\n")
	if len(lines) != 1+2+300+1 || !strings.HasPrefix(lines[0], `{"type":"user"`) {
		t.Errorf("%d lines, the first %s", len(lines), lines[0])
	}
	if last := lines[len(lines)-1]; last != `{"type":"end","counts":{"conversations":2,"interactions":300,"facts":0}}` {
		t.Errorf("the last line is %s", last)
	}
	reader := w.key(key, `["users:read"]`)
	w.refuses(reader, 403, "insufficient_scope", "GET", "/api/v1/users/ext:u/export", "")
	if r := w.do(key, "HEAD", "/api/v1/users/ext:u/export", ""); r.status != 200 || len(r.body) != 0 {
		t.Errorf("HEAD = %d", r.status)
	}
	w.await(`"HEAD","route":"/api/v1/users/{user_id}/export"`)
}
