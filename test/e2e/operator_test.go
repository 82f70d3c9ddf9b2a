package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

// asJSON runs a command with --output json and reads what it prints.
func asJSON[T any](t *testing.T, dir string, env []string, args ...string) (out T) {
	t.Helper()
	text := succeeds(t, dir, env, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("raven %v prints %s: %v", args, text, err)
	}
	return out
}

type madeTenant struct {
	Tenant struct{ ID, Status string }
	Key    struct{ Key string } `json:"api_key"`
}

func makeTenant(t *testing.T, dir string, env []string) (id, key string) {
	t.Helper()
	made := asJSON[madeTenant](t, dir, env, "tenants", "create", "--name", "Acme", "--email", "dev@acme.example", "--max-users", "7")
	if made.Tenant.ID == "" || made.Key.Key == "" || made.Tenant.Status != "active" {
		t.Fatalf("made %+v", made)
	}
	return made.Tenant.ID, made.Key.Key
}

// soon asks until the status is the one wanted, within a second of the change
// and some time for a slow machine.
func (c *client) soon(t *testing.T, status int, code string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a, err := c.do("GET", "/api/v1/tenant", nil)
		if err == nil && a.status == status && a.text("code") == code {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it answers %d %s, %v; want %d %s", a.status, a.raw, err, status, code)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// operateTenant does all that the operator can, on a store that one or more servers
// serve. atOnce says that the first server is where the commands arrive.
func operateTenant(t *testing.T, dir string, env []string, atOnce bool, urls ...string) {
	id, key := makeTenant(t, dir, env)
	var clients []*client
	for _, url := range urls {
		c := newClient(url)
		c.key = key
		c.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil)
		clients = append(clients, c)
	}
	clients[0].must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", object{})

	succeeds(t, dir, env, "tenants", "suspend", id)
	if atOnce {
		if a := clients[0].must(t, http.StatusForbidden, "GET", "/api/v1/users", nil); a.text("code") != "tenant_suspended" {
			t.Errorf("answered %s", a.raw)
		}
	}
	for _, c := range clients {
		c.soon(t, http.StatusForbidden, "tenant_suspended")
	}
	succeeds(t, dir, env, "tenants", "resume", id)
	for _, c := range clients {
		c.soon(t, http.StatusOK, "")
		c.must(t, http.StatusOK, "GET", "/api/v1/users/ext:ada", nil) // it is all there
	}

	quotas := asJSON[struct{ Settings map[string]any }](t, dir, env, "tenants", "quotas", id, "--max-users", "1", "--retention-days", "0")
	if quotas.Settings["max_users"] != 1.0 || quotas.Settings["retention_days"] != 0.0 {
		t.Errorf("quotas are %v", quotas.Settings)
	}
	if a := clients[0].must(t, http.StatusForbidden, "PUT", "/api/v1/users/ext:bob", object{}); a.text("code") != "quota_exhausted" {
		t.Errorf("answered %s", a.raw)
	}

	made := asJSON[struct{ ID, Key string }](t, dir, env, "keys", "create", "--tenant", id, "--preset", "full_access")
	again := newClient(urls[0])
	again.key = made.Key
	again.must(t, http.StatusOK, "GET", "/api/v1/tenant/keys", nil)
	if out := succeeds(t, dir, env, "keys", "list", "--tenant", id); strings.Contains(out, "  live  ") || !strings.Contains(out, "  active  ") {
		t.Errorf("keys are listed as %s", out)
	}
	if list := asJSON[[]map[string]any](t, dir, env, "keys", "list", "--tenant", id); len(list) != 2 || strings.Contains(toJSON(list), "rk_live_"+made.Key[8:]) {
		t.Errorf("keys are %v", list)
	}
	succeeds(t, dir, env, "keys", "revoke", "--tenant", id, made.ID)
	again.soon(t, http.StatusUnauthorized, "unauthenticated")

	shown := asJSON[struct {
		ID    string
		Usage map[string]int64
	}](t, dir, env, "tenants", "show", id)
	if shown.ID != id || shown.Usage["users"] != 1 {
		t.Errorf("shown %+v", shown)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // each change is audited, as the system's
		a := clients[0].must(t, http.StatusOK, "GET", auditPath+"?limit=100&actor=system", nil)
		if text := string(a.raw); strings.Contains(text, "tenant.suspended") && strings.Contains(text, "tenant.resumed") &&
			strings.Contains(text, "settings.updated") && strings.Contains(text, "key.revoked") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the audit log is %s", a.raw)
		}
	}
	if _, said, code := command(t, dir, env, "tenants", "delete", id); code != 2 || !strings.Contains(said, "--confirm") {
		t.Errorf("unconfirmed it ended with %d: %s", code, said)
	}
	succeeds(t, dir, env, "tenants", "delete", id, "--confirm", id)
	clients[0].soon(t, http.StatusUnauthorized, "unauthenticated")
	if list := asJSON[[]map[string]any](t, dir, env, "tenants", "list"); len(list) != 0 {
		t.Errorf("listed %v", list)
	}
}

func toJSON(v any) string { text, _ := json.Marshal(v); return string(text) }

func TestOperatorReachesTheServerOnTheEmbeddedStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("a-path-longer-than-a-socket-may-have-", 3))
	s := start(t, dir)
	info, err := os.Stat(filepath.Join(dir, "admin.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the socket is %v, %v", info, err)
	}
	operateTenant(t, dir, nil, true, s.URL)
	s.Kill() // its socket stays
	if out := succeeds(t, dir, nil, "tenants", "list"); !strings.Contains(out, "TENANT") {
		t.Errorf("beside a dead server's socket it printed %s", out)
	}
	again := start(t, dir)
	operateTenant(t, dir, nil, true, again.URL)
	if code := again.Stop(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "admin.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestOperatorIsToldOfAServerWithoutASocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	if err := os.Remove(filepath.Join(dir, "admin.sock")); err != nil {
		t.Fatal(err)
	}
	_, said, code := command(t, dir, nil, "tenants", "list")
	if code != 1 || !strings.Contains(said, "another raven is running on "+dir) || !strings.Contains(said, "no socket admin.sock") {
		t.Errorf("it ended with %d: %s", code, said)
	}
}

func TestOperatorWorksWithoutAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, said, code := command(t, dir, nil, "tenants", "list"); code != 1 || !strings.Contains(said, "nothing is stored yet") {
		t.Errorf("on nothing it ended with %d: %s", code, said)
	}
	id, key := makeTenant(t, dir, nil)
	succeeds(t, dir, nil, "tenants", "suspend", id)
	s := start(t, dir)
	c := newClient(s.URL)
	c.key = key
	if a := c.must(t, http.StatusForbidden, "GET", "/api/v1/tenant", nil); a.text("code") != "tenant_suspended" {
		t.Errorf("answered %s", a.raw)
	}
}

func TestTenantsCreateWithoutAKeyringLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	_, said, code := command(t, dir, []string{"RAVEN_HTTP_ADDR=0.0.0.0:3000"}, "tenants", "create", "--name", "Acme", "--email", "dev@acme.example")
	if code != 1 || !strings.Contains(said, "there is no keyring at "+dir) {
		t.Errorf("it ended with %d: %s", code, said)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("something is left: %v", err)
	}
}

func TestOperatorActsOnEveryNodeOfRedisWithinASecond(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := onRedis(backend.Redis(t).URL())
	succeeds(t, dir, env, "keyring", "init")
	first, second := start(t, dir, env...), start(t, dir, env...)
	operateTenant(t, dir, env, false, first.URL, second.URL)
}

func TestSecretOnTheCommandLineIsRefusedWithWhatToDoInstead(t *testing.T) {
	t.Parallel()
	_, said, code := command(t, t.TempDir(), nil, "serve", "--registration.token", "hunter2hunter2")
	if code != 2 || !strings.Contains(said, "not taken from the command line") || !strings.Contains(said, "RAVEN_REGISTRATION_TOKEN_FILE") || strings.Contains(said, "hunter2") {
		t.Errorf("exit %d: %s", code, said)
	}
	if out := succeeds(t, t.TempDir(), nil, "serve", "--help"); strings.Contains(out, "--registration.token") || !strings.Contains(out, "--registration.mode") {
		t.Errorf("the help offers %s", out)
	}
}

func TestCommandsSayWhatIsWrongWithTheirArguments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	id, _ := makeTenant(t, dir, nil)
	first := asJSON[[]struct{ ID string }](t, dir, nil, "keys", "list", "--tenant", id)[0].ID
	for says, args := range map[string][]string{
		"TENANT is missing":                             {"tenants", "show"},
		"KEY is missing":                                {"keys", "revoke", "--tenant", id},
		"FILE is missing":                               {"audit", "check-proof"},
		"exclude each other":                            {"keys", "create", "--tenant", id, "--preset", "read_only", "--scopes", "users:read"},
		"give --preset or --scopes":                     {"keys", "create", "--tenant", id},
		"RAVEN_API_KEY is not set":                      {"mcp"},
		"host bits are set; the network is 10.0.0.0/16": {"config", "--webhooks.allow_networks", "10.0.3.1/16"},
	} {
		if _, said, code := command(t, dir, nil, args...); code != 2 || !strings.Contains(said, says) {
			t.Errorf("%v: exit %d: %s", args, code, said)
		}
	}
	_, said, code := command(t, dir, nil, "keys", "revoke", "--tenant", id, first)
	if code != 1 || strings.Count(said, "first") != 1 || !strings.Contains(said, "raven keys create --tenant "+id+" --preset full_access") {
		t.Errorf("of the last key: exit %d: %s", code, said)
	}
}

func TestErrorsAreForScripts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	makeTenant(t, dir, nil)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"an unknown command": {[]string{"tenants", "frobnicate"}, 2, "usage"},
		"an unknown flag":    {[]string{"tenants", "list", "--nope"}, 2, "usage"},
		"a format":           {[]string{"version", "--output", "xml"}, 2, "usage"},
		"no tenant's id":     {[]string{"tenants", "show", "acme"}, 2, "usage"},
		"no such tenant":     {[]string{"tenants", "show", "ten_00000000000000000000000000"}, 1, "not_found"},
		"a taken email":      {[]string{"tenants", "create", "--name", "B", "--email", "DEV@acme.example"}, 1, "email_taken"},
		"a bad quota":        {[]string{"tenants", "create", "--name", "B", "--email", "b@b.example", "--batch-size", "9999"}, 2, "validation_failed"},
		"no email":           {[]string{"tenants", "create", "--name", "B", "--email", "nope"}, 2, "validation_failed"},
		"a batch of nothing": {[]string{"tenants", "create", "--name", "B", "--email", "b@b.example", "--batch-size", "0"}, 2, "validation_failed"},
		"no tenant's log":    {[]string{"audit", "verify", "--tenant", "nope"}, 2, "usage"},
		"no event":           {[]string{"audit", "prove", "nope"}, 2, "usage"},
		"a bad setting":      {[]string{"config", "--http.addr", "nowhere"}, 2, "usage"},
	} {
		args := c.args
		if name != "a format" {
			args = append(args, "--output", "json")
		}
		_, said, code := command(t, dir, nil, args...)
		if code != c.code || strings.Count(strings.TrimSpace(said), "\n") > 0 {
			t.Errorf("%s: ended with %d: %s", name, code, said)
		}
		if name == "a format" {
			continue
		}
		var out struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(said), &out); err != nil || out.Error.Code != c.says || out.Error.Message == "" {
			t.Errorf("%s: said %s, want code %s", name, said, c.says)
		}
	}
}
