package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// belongings are a tenant's ids, by the names of path parameters.
type belongings map[string]string

// settleIn makes a user with a conversation, a blob and something buffered, all
// under the same references for every tenant.
func settleIn(t *testing.T, c *client, secret string) belongings {
	t.Helper()
	user := c.must(t, http.StatusCreated, "POST", "/api/v1/users", object{"external_ref": "shared", "display_name": secret, "metadata": object{"s": secret}})
	path := "/api/v1/users/" + user.text("id")
	conversation := c.must(t, http.StatusCreated, "POST", path+"/conversations", object{"external_ref": "shared", "title": secret})
	memory := path + "/conversations/" + conversation.text("id") + "/memory"
	done := c.must(t, http.StatusCreated, "POST", memory, object{"interactions": []object{interaction(secret), interaction(secret), interaction(secret)}})
	fact := c.must(t, http.StatusCreated, "POST", path+"/facts", object{"text": secret})
	keys := c.must(t, http.StatusOK, "GET", "/api/v1/tenant/keys", nil).list("data")
	key, _ := keys[0]["id"].(string)
	return belongings{
		"user_id": user.text("id"), "conversation_id": conversation.text("id"), "blob_id": done.first("flushed_blob_ids"),
		"interaction_id": done.first("interaction_ids"), "key_id": key, "fact_id": fact.text("id"), "external_ref": "shared",
	}
}

// addDelivery has something be on its way to a webhook.
func (b belongings) addDelivery(t *testing.T, c *client) {
	t.Helper()
	c.must(t, http.StatusOK, "PATCH", "/api/v1/tenant", object{"settings": object{"webhook_url": "https://nobody.invalid/hook"}})
	c.must(t, http.StatusCreated, "POST", "/api/v1/tenant/webhook/secret", nil)
	b["delivery_id"] = c.must(t, http.StatusAccepted, "POST", "/api/v1/tenant/webhook/test", nil).text("id")
}

// first is the first text of a list; "" for none.
func (a answer) first(name string) string {
	list, _ := a.body[name].([]any)
	if len(list) == 0 {
		return ""
	}
	text, _ := list[0].(string)
	return text
}

// nobodys are ids that never existed.
func nobodys() belongings {
	const never = "01arz3ndektsv4rrffq69g5fav"
	return belongings{
		"user_id": "usr_" + never, "conversation_id": "cnv_" + never, "blob_id": "blob_" + never,
		"interaction_id": "int_" + never, "key_id": "key_" + never, "fact_id": "fact_" + never, "delivery_id": "dlv_" + never,
		"external_ref": "nobody",
	}
}

// operation is a route of the server's own description.
type operation struct{ method, path string }

func operations(t *testing.T, c *client) (list []operation) {
	t.Helper()
	doc := c.must(t, http.StatusOK, "GET", "/openapi.json", nil)
	paths, _ := doc.body["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods, _ := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			if method = strings.ToUpper(method); slices.Contains([]string{"GET", "PUT", "POST", "PATCH", "DELETE"}, method) {
				list = append(list, operation{method, path})
			}
		}
	}
	if len(list) < 20 {
		t.Fatalf("the description has %d operations", len(list))
	}
	return list
}

// at fills in a path's parameters.
func (o operation) at(ids belongings) string {
	path := o.path
	for name, id := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(id))
	}
	return path
}

// bodies that each route takes, so that nothing but the id is at fault.
func (o operation) body() any {
	switch {
	case strings.HasSuffix(o.path, "/context"), strings.HasSuffix(o.path, "/search"):
		return object{"query": "secret"}
	case o.method == "POST" && strings.HasSuffix(o.path, "/facts"):
		return object{"text": "intrusion"}
	case o.method == "POST" && strings.HasSuffix(o.path, "/memory"):
		return object{"interactions": []object{interaction("intrusion")}}
	case o.method == "PATCH" || o.method == "POST" || o.method == "PUT":
		return object{}
	}
	return nil
}

// withoutInstance is an answer without what is every request's own.
func withoutInstance(t *testing.T, raw []byte) string {
	t.Helper()
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	delete(o, "instance")
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestNothingOfOneTenantReachesAnother asks, on every route that takes an id
// and with another tenant's key, for a tenant's things by their ids, and for
// things that never existed: the answers are the same, byte for byte, and the
// things are as they were.
func TestNothingOfOneTenantReachesAnother(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	const secret = "what only Ada may know"
	owner := register(t, s.URL, "owner", object{"batch_size": 2})
	theirs := settleIn(t, owner, secret)
	stranger := register(t, s.URL, "stranger", object{"batch_size": 2})
	own := settleIn(t, stranger, "what only Eve may know")
	theirs.addDelivery(t, owner)
	own.addDelivery(t, stranger)
	before := snapshot(t, owner, theirs)

	asked := 0
	for _, o := range operations(t, stranger) {
		if !strings.Contains(o.path, "{") || strings.Contains(o.path, "{external_ref}") {
			continue // it takes no id; a reference is looked up among the tenant's own
		}
		if path := o.at(theirs); strings.Contains(path, "{") {
			t.Errorf("%s %s takes an id of which this test has none", o.method, path)
		}
		for name := range theirs {
			if !strings.Contains(o.path, "{"+name+"}") {
				continue
			}
			// All else is the stranger's own: only this id is somebody else's.
			foreign, absent := maps.Clone(own), maps.Clone(own)
			foreign[name], absent[name] = theirs[name], nobodys()[name]
			a, err := stranger.do(o.method, o.at(foreign), o.body())
			if err != nil {
				t.Fatal(err)
			}
			b, err := stranger.do(o.method, o.at(absent), o.body())
			if err != nil {
				t.Fatal(err)
			}
			asked++
			if a.status != http.StatusNotFound || withoutInstance(t, a.raw) != withoutInstance(t, b.raw) {
				t.Errorf("%s %s with a foreign %s: %d %s; for what never was: %d %s", o.method, o.path, name, a.status, a.raw, b.status, b.raw)
			}
			if bytes.Contains(a.raw, []byte(secret)) {
				t.Errorf("%s %s gives the secret away", o.method, o.path)
			}
		}
		a, err := stranger.do(o.method, o.at(theirs), o.body())
		if err != nil || a.status != http.StatusNotFound {
			t.Errorf("%s %s with all ids foreign: %d, %v", o.method, o.path, a.status, err)
		}
	}
	if after := snapshot(t, owner, theirs); after != before {
		t.Errorf("the owner's things changed from %s to %s", before, after)
	}
	found := stranger.must(t, http.StatusOK, "POST", "/api/v1/users/ext:shared/memory/search", object{"query": "what only may know"})
	if bytes.Contains(found.raw, []byte(secret)) || !bytes.Contains(found.raw, []byte("Eve")) {
		t.Errorf("under the same reference a search finds %s", found.raw)
	}
	t.Logf("%d requests for foreign ids", asked)
}

// TestForeignCursorIsRefused takes one tenant's cursor to another's list, and
// to another list of the same tenant's.
func TestForeignCursorIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	var tenants []*client
	var cursors []string
	for _, name := range []string{"one", "two"} {
		c := register(t, s.URL, name, nil)
		for range 3 {
			c.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
		}
		a := c.must(t, http.StatusOK, "GET", "/api/v1/users?limit=1", nil)
		tenants, cursors = append(tenants, c), append(cursors, a.text("next_cursor"))
	}
	tenants[0].must(t, http.StatusOK, "GET", "/api/v1/users?limit=1&cursor="+cursors[0], nil)
	for _, path := range []string{"/api/v1/users?cursor=" + cursors[1], "/api/v1/tenant/keys?cursor=" + cursors[0], "/api/v1/users?cursor=" + cursors[0] + "A"} {
		a := tenants[0].must(t, http.StatusBadRequest, "GET", path, nil)
		if a.text("code") != "invalid_cursor" {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
}

// snapshot is all that a tenant sees of what it has.
func snapshot(t *testing.T, c *client, ids belongings) string {
	t.Helper()
	var all []string
	for _, path := range []string{
		"/users/{user_id}", "/users/{user_id}/facts", "/users/{user_id}/conversations/{conversation_id}", "/users/{user_id}/conversations/{conversation_id}/memory",
		"/users/{user_id}/memory/{blob_id}", "/users/{user_id}/export",
	} {
		a := c.must(t, http.StatusOK, "GET", operation{"GET", "/api/v1" + path}.at(ids), nil)
		all = append(all, string(a.raw))
	}
	usage := c.must(t, http.StatusOK, "GET", "/api/v1/tenant/usage", nil)
	delete(usage.body, "rate")
	counts, err := json.Marshal(usage.body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(append(all, string(counts)), "\n")
}
