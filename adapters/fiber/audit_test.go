package fiberhttp

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/relay"
	"github.com/raven-memory/raven/ports"
)

// auditSettings are what a test chooses of the audit log.
var auditSettings = audit.Options{Reads: true, CheckpointAfter: 5}

// newAudit wires an audit log that takes events in when it is read.
func newAudit(t *testing.T, store *sqlite.Store, clock ports.Clock, ids *core.IDs, cursors *core.Cursors) *audit.Service {
	t.Helper()
	signer, err := audit.NewSigner("dep_test", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	late := &lateRelay{}
	s := audit.New(audit.Deps{
		Log: store, Recorder: store, Relay: late, Signer: signer, Clock: clock, IDs: ids, Cursors: cursors,
	}, auditSettings)
	late.relay = relay.New(relay.Deps{
		Store: store, Clock: clock, Jitter: func() float64 { return 0 },
		After:  func(time.Duration, func()) func() { return func() {} },
		Report: func(_ context.Context, doing string, err error) { t.Errorf("%s: %v", doing, err) },
	}, relay.Lane{Sink: s.LogSink()}, relay.Lane{Sink: s.CheckpointSink()})
	return s
}

type lateRelay struct{ relay *relay.Service }

func (l *lateRelay) Drain(ctx context.Context, tenant core.TenantID, sink string) error {
	return l.relay.Drain(ctx, tenant, sink)
}

const auditAt = "/api/v1/tenant/audit"

func TestAuditListShowsWhatTheCallerDid(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	tenant, key := w.register("ada", "")
	w.refuses(key, 404, "not_found", "GET", auditAt+"/checkpoint", "")
	made := w.must(key, 201, "POST", "/api/v1/tenant/keys", `{"name":"k","scopes":["users:write"]}`)
	user := w.must(text(made, "key"), 201, "POST", "/api/v1/users", `{}`)
	list := w.must(key, 200, "GET", auditAt, "")
	if n := len(items(list, "data")); n != 4 || list["next_cursor"] != nil {
		t.Fatalf("%d events: %v", n, list)
	}
	for i, want := range []string{"user.created", "key.created", "key.created", "tenant.created"} {
		e := at(list, "data", i)
		expectMembers(t, e, "id type timestamp tenant_id seq actor data")
		expectTime(t, at(e, "timestamp"))
		if text(e, "type") != want || at(e, "seq") != float64(4-i) || text(e, "tenant_id") != tenant || !core.EventID(text(e, "id")).Valid() {
			t.Errorf("event %d: %v", i, e)
		}
	}
	if text(list, "data", 0, "actor", "key_id") != text(made, "id") || text(list, "data", 0, "data", "user_id") != text(user, "id") {
		t.Errorf("the first: %v", at(list, "data", 0))
	}
	if at(list, "data", 3, "actor") != "system" {
		t.Errorf("the last: %v", at(list, "data", 3))
	}
	page := w.must(key, 200, "GET", auditAt+"?limit=3", "")
	rest := w.must(key, 200, "GET", auditAt+"?limit=3&cursor="+text(page, "next_cursor"), "")
	if len(items(page, "data")) != 3 || len(items(rest, "data")) != 1 || rest["next_cursor"] != nil {
		t.Errorf("pages %v and %v", page, rest)
	}
	w.refuses(key, 400, "invalid_cursor", "GET", auditAt+"?action=user.created&cursor="+text(page, "next_cursor"), "")
}

func TestBadAuditFiltersAreRefused(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("ada", "")
	for _, query := range []string{
		"since=yesterday", "since=2020-01-01", "since=", "until=1", "action=user.nonsense", "action=", "actor=nobody", "actor=",
		"actor=" + strings.Repeat("x", 5000), "limit=0", "limit=101", "nonsense=1", "action=key.created&action=user.created",
		"since=2021-01-01T00:00:00Z&until=2020-01-01T00:00:00Z",
	} {
		w.refuses(key, 422, "validation_failed", "GET", auditAt+"?"+query, "")
	}
	w.refuses(key, 422, "validation_failed", "GET", auditAt+"/checkpoint?x=1", "")
	weak := w.key(key, `"read_only"`)
	w.refuses(weak, 403, "insufficient_scope", "GET", auditAt, "")
	w.refuses(weak, 403, "insufficient_scope", "GET", auditAt+"/checkpoint", "")
}

func TestCheckpointIsASignedNote(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	tenant, key := w.register("ada", "")
	for range 4 {
		w.must(key, 201, "POST", "/api/v1/users", `{}`)
	}
	r := w.do(key, "GET", auditAt+"/checkpoint", "")
	if r.status != 200 || r.header.Get("Content-Type") != "text/plain; charset=utf-8" ||
		!strings.HasPrefix(string(r.body), "raven/dep_test/"+tenant+"\n6\n") {
		t.Errorf("%d %s %q", r.status, r.header.Get("Content-Type"), r.body)
	}
	if again := w.do(key, "GET", auditAt+"/checkpoint", ""); !bytes.Equal(again.body, r.body) {
		t.Errorf("with nothing new it became %q", again.body)
	}
}

func TestRefusedKeyUsesAreAudited(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("ada", "")
	made := w.must(key, 201, "POST", "/api/v1/tenant/keys", `{"name":"k","scopes":["users:read"]}`)
	for range 3 {
		w.refuses(text(made, "key"), 403, "insufficient_scope", "POST", "/api/v1/users", `{}`)
	}
	w.must(key, 204, "DELETE", "/api/v1/tenant/keys/"+text(made, "id"), "")
	for range 2 {
		w.refuses(text(made, "key"), 401, "unauthenticated", "GET", "/api/v1/users", "")
	}
	w.refuses(key+"x", 401, "unauthenticated", "GET", "/api/v1/users", "")
	failed := items(w.must(key, 200, "GET", auditAt+"?action=auth.failed", ""), "data")
	if len(failed) != 2 {
		t.Fatalf("%v", failed)
	}
	counts := map[string]any{}
	for _, e := range failed {
		counts[text(e, "data", "reason")+" "+text(e, "data", "scope")] = at(e, "data", "count")
		if text(e, "actor", "key_id") != text(made, "id") {
			t.Errorf("%v", e)
		}
	}
	if counts["insufficient_scope users:write"] != 3.0 || counts["revoked "] != 2.0 {
		t.Errorf("%v", counts)
	}
}

func TestReadsOfMemoryAreAuditedWithoutContent(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("ada", `{"batch_size":1}`)
	w.must(key, 201, "PUT", "/api/v1/users/ext:u", `{}`)
	w.must(key, 201, "POST", "/api/v1/users/ext:u/conversations", `{"external_ref":"c"}`)
	const c = "/api/v1/users/ext:u/conversations/ext:c"
	said := w.must(key, 201, "POST", c+"/memory", `{"interactions":[{"role":"user","content":"zanzibar"}],"context":{"query":"zanzibar"}}`)
	w.must(key, 200, "GET", c+"/memory", "")
	w.must(key, 200, "GET", "/api/v1/users/ext:u/memory", "")
	w.must(key, 200, "GET", "/api/v1/users/ext:u/memory/"+text(said, "flushed_blob_ids", 0), "")
	w.must(key, 200, "POST", "/api/v1/users/ext:u/memory/search", `{"query":"zanzibar"}`)
	w.must(key, 200, "POST", "/api/v1/users/ext:u/context", `{"query":"zanzibar"}`)
	if r := w.do(key, "GET", "/api/v1/users/ext:u/export", ""); r.status != 200 {
		t.Fatalf("%d", r.status)
	}
	r := w.do(key, "GET", auditAt+"?action=memory.read", "")
	var kinds []string
	for _, e := range items(r.json(t), "data") {
		kinds = append(kinds, text(e, "data", "kind"))
	}
	if got := strings.Join(kinds, " "); got != "export context search blob blobs interactions context" || strings.Contains(string(r.body), "zanzibar") {
		t.Errorf("%s: %s", got, r.body)
	}
	search := at(r.json(t), "data", 2, "data", "items", 0)
	if text(search, "id") != text(said, "interaction_ids", 0) || at(search, "score") == nil {
		t.Errorf("the receipt %v", search)
	}
}
