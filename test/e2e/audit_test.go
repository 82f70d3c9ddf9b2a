package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

const auditPath = "/api/v1/tenant/audit"

// id is the tenant's id.
func (c *client) id(t *testing.T) string {
	t.Helper()
	return c.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil).text("id")
}

// raven runs a command on a data directory and gives its exit code and output.
func raven(t *testing.T, dataDir string, env []string, args ...string) (code int, out string) {
	t.Helper()
	cmd := process.Command(binary, args, dataDir, env...)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// audited runs what a deployment's audit log has to hold, on any store.
func audited(t *testing.T, dir string, env ...string) {
	t.Helper()
	server := start(t, dir, env...)
	owner := register(t, server.URL, "audited", object{"max_users": 5000})
	tenant := owner.id(t)
	owner.must(t, http.StatusNotFound, "GET", auditPath+"/checkpoint", nil)
	user := owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{}).text("id")
	first := owner.must(t, http.StatusOK, "GET", auditPath+"?limit=1", nil).list("data")[0]
	if data, _ := first["data"].(map[string]any); first["type"] != "user.created" || data["user_id"] != user || first["tenant_id"] != tenant {
		t.Fatalf("the caller does not see its own write: %v", first)
	}
	for range 1000 {
		owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	}
	events := owner.pages(t, auditPath)
	for i, e := range events {
		if want := float64(len(events) - i); e["seq"] != want {
			t.Fatalf("event %d has seq %v, want %v", i, e["seq"], want)
		}
	}
	note := owner.must(t, http.StatusOK, "GET", auditPath+"/checkpoint", nil)
	if !strings.HasPrefix(note.header.Get("Content-Type"), "text/plain") || !strings.Contains(string(note.raw), "\n"+fmt.Sprint(len(events))+"\n") {
		t.Errorf("the checkpoint is %q", note.raw)
	}
	file := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(file, note.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	verifies(t, dir, env, tenant, file)
	proves(t, dir, env, events)
	if code := server.Stop(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	verifies(t, dir, env, tenant, file)
}

func verifies(t *testing.T, dir string, env []string, tenant, checkpoint string) {
	t.Helper()
	for _, args := range [][]string{
		{"--tenant", tenant}, {"--tenant", tenant, "--checkpoint", checkpoint}, {}, {"--checkpoint", checkpoint},
	} {
		if code, out := raven(t, dir, env, append([]string{"audit", "verify"}, args...)...); code != 0 {
			t.Errorf("verify %v: %d: %s", args, code, out)
		}
	}
	for _, args := range [][]string{
		{"--tenant", "ten_01hzzzzzzzzzzzzzzzzzzzzzzz"}, {"--tenant", "nonsense"},
		{"--tenant", tenant, "--checkpoint", binary}, {"--tenant", tenant, "--checkpoint", "/nowhere"}, {"--pubkey", "x"},
	} {
		if code, out := raven(t, dir, env, append([]string{"audit", "verify"}, args...)...); code == 0 {
			t.Errorf("verify %v: %d: %s", args, code, out)
		}
	}
}

// proves has an event proven, checked offline, and changed.
func proves(t *testing.T, dir string, env []string, events []object) {
	t.Helper()
	code, key := raven(t, dir, env, "audit", "pubkey")
	if code != 0 {
		t.Fatalf("pubkey: %s", key)
	}
	id, _ := events[len(events)/2]["id"].(string)
	code, proof := raven(t, dir, env, "audit", "prove", id)
	if code != 0 {
		t.Fatalf("prove: %s", proof)
	}
	check := func(text string) int {
		t.Helper()
		file := filepath.Join(t.TempDir(), "proof")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out := raven(t, t.TempDir(), nil, "audit", "check-proof", file, "--pubkey", strings.TrimSpace(key))
		t.Logf("check-proof: %s", strings.TrimSpace(out))
		return code
	}
	if check(proof) != 0 {
		t.Error("an honest proof is refused")
	}
	if check(strings.Replace(proof, `"user.created"`, `"user.deleted"`, 1)) != 1 {
		t.Error("a changed event is proven")
	}
}

func TestAuditLogOnTheEmbeddedStore(t *testing.T) {
	t.Parallel()
	audited(t, t.TempDir())
}

func TestAuditLogOnRedis(t *testing.T) {
	t.Parallel()
	audited(t, t.TempDir(), onRedis(backend.Redis(t).URL())...)
}

// onPostgres are the settings of a server whose audit log is in that Postgres.
func onPostgres(url string) []string {
	return []string{"RAVEN_AUDIT_BACKEND=postgres", "RAVEN_AUDIT_POSTGRES_URL=" + url}
}

func TestAuditLogOnPostgres(t *testing.T) {
	t.Parallel()
	audited(t, t.TempDir(), onPostgres(backend.Postgres(t).URL())...)
}

func TestAuditListTakesFilters(t *testing.T) {
	t.Parallel()
	server := start(t, t.TempDir())
	owner := register(t, server.URL, "filters", nil)
	other := register(t, server.URL, "other", nil)
	first := owner.must(t, http.StatusOK, "GET", auditPath, nil).list("data")
	begun := first[len(first)-1]["timestamp"].(string) // the oldest: the two may be a millisecond apart
	key := owner.must(t, http.StatusCreated, "POST", "/api/v1/tenant/keys", object{"name": "k", "scopes": []string{"users:write"}})
	second := newClient(server.URL)
	second.key = key.text("key")
	for range 5 {
		second.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	}
	for query, want := range map[string]int{
		"?action=user.created":                                   5,
		"?action=key.created":                                    2,
		"?actor=" + key.text("id"):                               5,
		"?actor=system":                                          2,
		"?actor=" + key.text("id") + "&limit=2":                  2,
		"?action=user.created&actor=system":                      0,
		"?until=2020-01-01T00:00:00Z":                            0,
		"?since=2020-01-01T00:00:00Z":                            8,
		"?since=" + begun + "&until=9000-01-01T00:00:00%2B01:00": 8,
		"?since=9000-01-01T00:00:00Z":                            0,
	} {
		if got := len(owner.must(t, http.StatusOK, "GET", auditPath+query, nil).list("data")); got != want {
			t.Errorf("%s: %d events, want %d", query, got, want)
		}
	}
	page := owner.must(t, http.StatusOK, "GET", auditPath+"?limit=2&action=user.created", nil)
	cursor, _ := page.body["next_cursor"].(string)
	owner.must(t, http.StatusOK, "GET", auditPath+"?action=user.created&cursor="+cursor, nil)
	for query, status := range map[string]int{
		"?cursor=" + cursor: 400, "?cursor=x": 400, "?cursor=": 400,
		"?since=yesterday": 422, "?until=2020-01-01": 422, "?action=user.nonsense": 422, "?action=": 422, "?actor=nobody": 422,
		"?limit=0": 422, "?limit=101": 422, "?nonsense=1": 422,
		"?since=2021-01-01T00:00:00Z&until=2020-01-01T00:00:00Z": 422,
	} {
		owner.must(t, status, "GET", auditPath+query, nil)
	}
	second.must(t, http.StatusForbidden, "GET", auditPath, nil)
	second.must(t, http.StatusForbidden, "GET", auditPath+"/checkpoint", nil)
	for _, e := range other.pages(t, auditPath) {
		if e["tenant_id"] == owner.id(t) {
			t.Fatalf("another tenant sees %v", e)
		}
	}
}

func TestRefusedKeysAreAudited(t *testing.T) {
	t.Parallel()
	server := start(t, t.TempDir())
	owner := register(t, server.URL, "refused", nil)
	made := owner.must(t, http.StatusCreated, "POST", "/api/v1/tenant/keys", object{"name": "k", "scopes": []string{"users:read"}})
	weak := newClient(server.URL)
	weak.key = made.text("key")
	for range 3 {
		weak.must(t, http.StatusForbidden, "POST", "/api/v1/users", object{})
	}
	owner.must(t, http.StatusNoContent, "DELETE", "/api/v1/tenant/keys/"+made.text("id"), nil)
	for range 4 {
		weak.must(t, http.StatusUnauthorized, "GET", "/api/v1/users", nil)
	}
	counts := map[string]float64{}
	for _, e := range owner.pages(t, auditPath+"?action=auth.failed") {
		data, _ := e["data"].(map[string]any)
		count, _ := data["count"].(float64)
		counts[fmt.Sprint(data["reason"])] += count
		if data["key_id"] != made.text("id") {
			t.Errorf("not the key's: %v", e)
		}
	}
	if counts["insufficient_scope"] != 3 || counts["revoked"] != 4 || len(counts) != 2 {
		t.Errorf("counts %v", counts)
	}
}

func TestReadsAreAuditedWithTheirReceipts(t *testing.T) {
	t.Parallel()
	t.Run("where the operator wants it", func(t *testing.T) {
		t.Parallel()
		readsAreAudited(t, nil, "RAVEN_AUDIT_READS=true")
	})
	t.Run("where the tenant wants it", func(t *testing.T) {
		t.Parallel()
		readsAreAudited(t, object{"audit_reads": true})
	})
}

func readsAreAudited(t *testing.T, settings object, env ...string) {
	t.Helper()
	dir := t.TempDir()
	server := start(t, dir, env...)
	owner := register(t, server.URL, "reads", settings)
	owner.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	owner.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	owner.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations/ext:c/memory",
		object{"interactions": []object{interaction("The parcel went to Antwerp by xylophone.")}})
	answer := owner.must(t, http.StatusOK, "POST", "/api/v1/users/ext:u/context", object{"query": "xylophone parcel"})
	owner.must(t, http.StatusOK, "POST", "/api/v1/users/ext:u/memory/search", object{"query": "xylophone"})
	reads := owner.must(t, http.StatusOK, "GET", auditPath+"?action=memory.read", nil)
	if strings.Contains(string(reads.raw), "xylophone") || len(reads.list("data")) != 2 {
		t.Errorf("%s", reads.raw)
	}
	data, _ := reads.list("data")[1]["data"].(map[string]any)
	items, _ := data["items"].([]any)
	shown := answer.list("items")
	if len(items) != len(shown) || len(items) == 0 || data["kind"] != "context" {
		t.Fatalf("the receipt %v is not that of %v", data, shown)
	}
	for i := range items {
		item, _ := items[i].(map[string]any)
		if item["id"] != shown[i]["id"] || item["score"] != shown[i]["score"] {
			t.Errorf("item %d: %v, shown %v", i, item, shown[i])
		}
	}
	if settings != nil {
		owner.must(t, http.StatusOK, "PATCH", "/api/v1/tenant", object{"settings": object{"audit_reads": false}})
		owner.must(t, http.StatusOK, "POST", "/api/v1/users/ext:u/memory/search", object{"query": "xylophone"})
		if n := len(owner.pages(t, auditPath+"?action=memory.read")); n != 2 {
			t.Errorf("%d reads are audited of a tenant that does not want it any more", n)
		}
	}
	server.Stop()
	if code, out := raven(t, dir, nil, "audit", "verify"); code != 0 {
		t.Errorf("verify: %s", out)
	}
}

// TestCheckpointComesByItself takes about a minute.
func TestCheckpointComesByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "checkpoints")
	server := start(t, dir, "RAVEN_AUDIT_CHECKPOINT_FILE="+file)
	owner := register(t, server.URL, "minute", nil)
	began := time.Now()
	for {
		if notes, err := os.ReadFile(file); err == nil && len(notes) > 0 {
			break
		}
		if time.Since(began) > 70*time.Second {
			t.Fatal("there is none after 70 seconds")
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("it came after %v", time.Since(began).Round(time.Second))
	owner.must(t, http.StatusOK, "GET", auditPath+"/checkpoint", nil)
	if code, out := raven(t, dir, nil, "audit", "verify", "--checkpoint", file); code != 0 {
		t.Errorf("verify: %s", out)
	}
}

// TestTwoNodesFillOneLog has two servers on one Redis, both under load.
func TestTwoNodesFillOneLog(t *testing.T) {
	t.Parallel()
	url := backend.Redis(t).URL()
	dir := t.TempDir()
	first, second := start(t, dir, onRedis(url)...), start(t, dir, onRedis(url)...)
	a := register(t, first.URL, "nodes", object{"max_users": 100_000})
	b := newClient(second.URL)
	b.key = a.key
	work := []*load{startLoad(a, 2), startLoad(b, 2)}
	time.Sleep(3 * time.Second) // some work
	done := 2
	for _, l := range work {
		l.stop()
		done += int(l.done.Load())
		if n := l.failed.Load(); n != 0 {
			t.Errorf("%d requests failed", n)
		}
	}
	for _, c := range []*client{a, b} {
		if seq := c.must(t, http.StatusOK, "GET", auditPath+"?limit=1", nil).list("data")[0]["seq"]; seq != float64(done) {
			t.Errorf("the last seq is %v, want %d", seq, done)
		}
	}
	if code, out := raven(t, dir, onRedis(url), "audit", "verify", "--tenant", a.id(t)); code != 0 {
		t.Errorf("verify: %s", out)
	}
	for _, s := range []*process.Server{first, second} {
		if log := s.Log(); strings.Contains(log, `"alarm":true`) {
			t.Errorf("an alarm: %s", log)
		}
	}
	t.Logf("%d events by two nodes", done)
}

func TestAuditCommandsSayWhatTheyDidNothingAbout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir).Stop()
	says := func(want int, text string, env []string, args ...string) {
		t.Helper()
		if out, said, code := command(t, dir, env, append([]string{"audit"}, args...)...); code != want || !strings.Contains(out+said, text) {
			t.Errorf("%v: exit %d, %s%s", args, code, out, said)
		}
	}
	says(1, "audit.backend is store", nil, "init")
	says(0, "no audit log yet", nil, "verify")
	says(0, "[]", nil, "verify", "--output", "json")
	database := onPostgres(backend.Postgres(t).URL())
	says(0, "tables are in Postgres", database, "init")
	says(0, "no audit log yet", database, "verify")
	says(1, "nothing is stored yet", onRedis(backend.Redis(t).URL()), "verify")
}
