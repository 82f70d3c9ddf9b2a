package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// allScopes there are.
var allScopes = []string{
	"memory:read", "memory:write", "users:read", "users:write",
	"conversations:read", "conversations:write", "tenant:read", "tenant:admin",
}

// anyKey is what a route asks for that any valid key may use.
const anyKey = "a key"

// access says what each route asks for, "" for nothing. It is written by hand,
// so that a route that is added, or opened, by mistake is not taken at its own
// word.
var access = map[string]string{
	"POST /api/v1/tenants": "",
	"GET /docs":            "",
	"GET /console":         "",
	"GET /healthz":         "",
	"GET /openapi.json":    "",
	"GET /readyz":          "",

	"GET /api/v1/tenant/keys/current":                             anyKey,
	"GET /api/v1/tenant":                                          "tenant:read",
	"GET /api/v1/tenant/encryption":                               "tenant:read",
	"GET /api/v1/tenant/keys":                                     "tenant:read",
	"GET /api/v1/tenant/usage":                                    "tenant:read",
	"PATCH /api/v1/tenant":                                        "tenant:admin",
	"DELETE /api/v1/tenant":                                       "tenant:admin",
	"GET /api/v1/tenant/audit":                                    "tenant:admin",
	"GET /api/v1/tenant/audit/checkpoint":                         "tenant:admin",
	"POST /api/v1/tenant/encryption/rotate":                       "tenant:admin",
	"POST /api/v1/tenant/keys":                                    "tenant:admin",
	"DELETE /api/v1/tenant/keys/{key_id}":                         "tenant:admin",
	"POST /api/v1/tenant/keys/{key_id}/rotate":                    "tenant:admin",
	"GET /api/v1/tenant/webhook/deliveries":                       "tenant:admin",
	"POST /api/v1/tenant/webhook/deliveries/{delivery_id}/replay": "tenant:admin",
	"POST /api/v1/tenant/webhook/secret":                          "tenant:admin",
	"POST /api/v1/tenant/webhook/test":                            "tenant:admin",

	"GET /api/v1/users":                    "users:read",
	"GET /api/v1/users/{user_id}":          "users:read",
	"POST /api/v1/users":                   "users:write",
	"PUT /api/v1/users/ext:{external_ref}": "users:write",
	"PATCH /api/v1/users/{user_id}":        "users:write",
	"DELETE /api/v1/users/{user_id}":       "users:write",
	"GET /api/v1/users/{user_id}/export":   "memory:read users:read",

	"GET /api/v1/users/{user_id}/conversations":                      "conversations:read",
	"GET /api/v1/users/{user_id}/conversations/{conversation_id}":    "conversations:read",
	"POST /api/v1/users/{user_id}/conversations":                     "conversations:write",
	"PATCH /api/v1/users/{user_id}/conversations/{conversation_id}":  "conversations:write",
	"DELETE /api/v1/users/{user_id}/conversations/{conversation_id}": "conversations:write",

	"POST /api/v1/users/{user_id}/context":                                                   "memory:read",
	"POST /api/v1/users/{user_id}/memory/search":                                             "memory:read",
	"GET /api/v1/users/{user_id}/memory":                                                     "memory:read",
	"GET /api/v1/users/{user_id}/memory/{blob_id}":                                           "memory:read",
	"GET /api/v1/users/{user_id}/facts":                                                      "memory:read",
	"GET /api/v1/users/{user_id}/conversations/{conversation_id}/memory":                     "memory:read",
	"POST /api/v1/users/{user_id}/conversations/{conversation_id}/memory":                    "memory:write",
	"POST /api/v1/users/{user_id}/conversations/{conversation_id}/flush":                     "memory:write",
	"DELETE /api/v1/users/{user_id}/conversations/{conversation_id}/memory/{interaction_id}": "memory:write",
	"POST /api/v1/users/{user_id}/facts":                                                     "memory:write",
	"PATCH /api/v1/users/{user_id}/facts/{fact_id}":                                          "memory:write",
	"DELETE /api/v1/users/{user_id}/facts/{fact_id}":                                         "memory:write",
	"DELETE /api/v1/users/{user_id}/memory":                                                  "memory:write",
	"DELETE /api/v1/users/{user_id}/memory/{blob_id}":                                        "memory:write",
}

// issuer makes clients of one tenant whose keys hold what they are named for.
type issuer struct {
	t     *testing.T
	owner *client
	made  map[string]*client
}

// with gives a client whose key has the scopes.
func (k *issuer) with(scopes []string) *client {
	k.t.Helper()
	name := strings.Join(scopes, " ")
	if c := k.made[name]; c != nil {
		return c
	}
	c := k.make(object{"name": "some", "scopes": scopes})
	k.made[name] = c
	return c
}

func (k *issuer) make(body object) *client {
	k.t.Helper()
	a := k.owner.must(k.t, http.StatusCreated, "POST", "/api/v1/tenant/keys", body)
	c := newClient(k.owner.url)
	if c.key = a.text("key"); c.key == "" {
		k.t.Fatalf("no key in %s", a.raw)
	}
	return c
}

// TestEveryRouteAsksForItsScopes goes through every route of the server's own
// description with no key, with garbage, with an expired and a revoked key, and
// with keys that lack one of the scopes each. A route that is not in the table
// fails.
func TestEveryRouteAsksForItsScopes(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_LIMITS_UNAUTHENTICATED_PER_MINUTE=0")
	owner := register(t, s.URL, "owner", object{"batch_size": 2})
	ids := settleIn(t, owner, "what is asked for")
	k := &issuer{t: t, owner: owner, made: map[string]*client{}}
	refused := refusedClients(t, k)

	asked := 0
	seen := map[string]bool{}
	for _, o := range operations(t, owner) {
		name := o.method + " " + o.path
		wanted, known := access[name]
		seen[name] = true
		if !known {
			t.Errorf("%s is not in the table of this test: what may it be used with?", name)
			continue
		}
		if wanted == "" {
			continue
		}
		for who, c := range refused {
			asked++
			if a, err := c.do(o.method, o.at(ids), o.body()); err != nil || a.status != http.StatusUnauthorized || a.text("code") != "unauthenticated" {
				t.Errorf("%s with %s: %d %s, %v", name, who, a.status, a.raw, err)
			}
		}
		if wanted == anyKey {
			wanted = ""
		}
		for _, scope := range strings.Fields(wanted) {
			asked++
			lacking := slices.DeleteFunc(slices.Clone(allScopes), func(have string) bool { return have == scope })
			a, err := k.with(lacking).do(o.method, o.at(ids), o.body())
			if err != nil || a.status != http.StatusForbidden || a.text("code") != "insufficient_scope" ||
				!strings.Contains(a.header.Get("WWW-Authenticate"), scope) {
				t.Errorf("%s without %s: %d %s, %v", name, scope, a.status, a.raw, err)
			}
		}
		if o.method == "GET" { // what only reads can be tried with exactly what it asks for
			asked++
			if a, err := k.with(orAny(strings.Fields(wanted))).do(o.method, o.at(ids), nil); err != nil || a.status != http.StatusOK && a.status != http.StatusNotFound {
				t.Errorf("%s with %s alone: %d %s, %v", name, wanted, a.status, a.raw, err)
			}
		}
	}
	for name := range access {
		if !seen[name] {
			t.Errorf("%s is in the table and not in the description", name)
		}
	}
	owner.must(t, http.StatusOK, "GET", "/api/v1/users/"+ids["user_id"], nil)
	t.Logf("%d routes, %d requests without the right to them, all refused", len(seen), asked)
}

// orAny is what a key holds for a route that asks for no scope.
func orAny(scopes []string) []string {
	if len(scopes) == 0 {
		return allScopes[:1]
	}
	return scopes
}

// refusedClients have no key that is good for anything.
func refusedClients(t *testing.T, k *issuer) map[string]*client {
	t.Helper()
	none, garbage, cut := newClient(k.owner.url), newClient(k.owner.url), newClient(k.owner.url)
	garbage.key = "rk_live_" + strings.Repeat("x", 58)
	cut.key = k.owner.key[:len(k.owner.key)-1]
	expiring := k.make(object{"name": "expiring", "scopes": "full_access", "expires_at": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339Nano)})
	revoked := k.make(object{"name": "revoked", "scopes": "full_access"})
	for _, key := range k.owner.pages(t, "/api/v1/tenant/keys") {
		if key["name"] == "revoked" {
			k.owner.must(t, http.StatusNoContent, "DELETE", fmt.Sprint("/api/v1/tenant/keys/", key["id"]), nil)
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if a, err := expiring.do("GET", "/api/v1/tenant", nil); err == nil && a.status == http.StatusUnauthorized {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a key did not expire")
		}
	}
	return map[string]*client{"no key": none, "garbage": garbage, "a key cut short": cut, "an expired key": expiring, "a revoked key": revoked}
}
