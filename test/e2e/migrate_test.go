package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/test/backend"
)

func TestMigrationMovesThereAndBack(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]bool{"references as they are": true, "references hashed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, back := t.TempDir(), t.TempDir()
			redis := []string{
				"RAVEN_STORE_REDIS_URL=" + backend.Redis(t).URL(), fmt.Sprint("RAVEN_STORE_REDIS_HASH_EXTERNAL_REFS=", !plain),
				"RAVEN_KEYS_PLATFORM_KEYRING_FILE=" + filepath.Join(dir, "platform.keyring"),
			}
			s := start(t, dir)
			c := register(t, s.URL, "moving", object{"batch_size": 3})
			c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", object{"display_name": "Ada"})
			c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:ada/conversations", object{"external_ref": "c1"})
			const memory = "/api/v1/users/ext:ada/conversations/ext:c1/memory"
			for i := range 7 {
				c.must(t, http.StatusCreated, "POST", memory, object{"interactions": []object{interaction(fmt.Sprint("Parcel ", i, " went to Porto."))}})
			}
			c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "I live in Lisbon."})
			kept := c.pages(t, memory)
			s.Stop()

			moved := func(url string) {
				t.Helper()
				c.url = url
				if got := c.pages(t, memory); fmt.Sprint(got) != fmt.Sprint(kept) {
					t.Errorf("moved %v, want %v", got, kept)
				}
				if got := c.factTexts(t, ""); len(got) != 1 {
					t.Errorf("facts are %q", got)
				}
				block := c.must(t, http.StatusOK, "POST", "/api/v1/users/ext:ada/context", object{"query": "Where did parcel 4 go?"})
				if !strings.Contains(block.text("context"), "Parcel 4 went to Porto.") {
					t.Errorf("the context is %s", block.text("context"))
				}
			}
			if code, out := raven(t, dir, redis, "migrate", "--from", "embedded", "--to", "redis"); code != 0 || !strings.Contains(out, "moved and verified 1 tenants") {
				t.Fatalf("ended with %d: %s", code, out)
			}
			onRedis := append([]string{"RAVEN_STORE_BACKEND=redis"}, redis...)
			elsewhere := t.TempDir()
			s = start(t, elsewhere, onRedis...)
			moved(s.URL)
			c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:after", nil)
			if events := c.pages(t, auditPath); len(events) < 5 || events[len(events)-1]["type"] != "tenant.created" {
				t.Errorf("the audit log is %v", events)
			}
			s.Stop()
			if code, out := raven(t, elsewhere, onRedis, "audit", "verify"); code != 0 {
				t.Errorf("the audit log does not verify: %s", out)
			}

			out, said, code := command(t, back, redis, "migrate", "--from", "redis", "--to", "embedded", "--output", "json")
			if code != 0 || !strings.Contains(out, `"users": 2`) || !strings.Contains(said, "Nobody can tell whether a server still runs on that Redis") {
				t.Fatalf("back, it ended with %d: %s%s", code, out, said)
			}
			s = start(t, back, "RAVEN_KEYS_PLATFORM_KEYRING_FILE="+filepath.Join(dir, "platform.keyring"))
			moved(s.URL)
			s.Stop()
			ring := []string{"RAVEN_KEYS_PLATFORM_KEYRING_FILE=" + filepath.Join(dir, "platform.keyring")}
			if code, out := raven(t, back, ring, "audit", "verify"); code != 0 {
				t.Errorf("back, the audit log does not verify: %s", out)
			}
		})
	}
}

func TestMigrationSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	redis := "RAVEN_STORE_REDIS_URL=" + backend.Redis(t).URL()
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		want string
	}{
		"no stores":      {nil, nil, 2, "--from and --to are embedded and redis"},
		"one store":      {nil, []string{"--from", "redis", "--to", "redis"}, 2, "are both redis"},
		"no redis":       {nil, []string{"--from", "embedded", "--to", "redis"}, 2, "store.redis.url is not set"},
		"nothing stored": {[]string{redis}, []string{"--from", "embedded", "--to", "redis"}, 1, "nothing is stored yet"},
	} {
		code, out := raven(t, dir, c.env, append([]string{"migrate"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: ended with %d: %s", name, code, out)
		}
	}
	s := start(t, dir)
	register(t, s.URL, "running", nil)
	code, out := raven(t, dir, []string{redis}, "migrate", "--from", "embedded", "--to", "redis")
	if code != 1 || !strings.Contains(out, "while no server runs on it") {
		t.Errorf("beside a running server: ended with %d: %s", code, out)
	}
}
