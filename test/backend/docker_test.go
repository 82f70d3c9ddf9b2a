package backend_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/raven-memory/raven/test/backend"
)

// wantDocker holds where a server comes from: Docker where that is required,
// never where it is off.
func wantDocker(t *testing.T, s *backend.Server) {
	t.Helper()
	fromDocker := strings.HasPrefix(s.Source(), "docker ")
	switch os.Getenv("RAVEN_TEST_DOCKER") {
	case "require":
		if !fromDocker {
			t.Errorf("%s is not from Docker", s.Source())
		}
	case "off":
		if fromDocker {
			t.Errorf("%s is from Docker", s.Source())
		}
	}
}

func TestDockerRedisIsKilledFrozenAndRestartedAsAProcessIs(t *testing.T) {
	t.Parallel()
	s := backend.Redis(t, backend.User("raven", "a secret", "~*", "&*", "+@all"))
	wantDocker(t, s.Server)
	set(t, client(t, s.URL(), nil), "key", "kept")
	s.Kill()
	if err := client(t, s.URL(), nil).Ping(t.Context()).Err(); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	wantValue(t, client(t, s.URL(), nil), "key", "kept")
	s.Freeze()
	s.Thaw()
	c := client(t, s.URL(), nil)
	wantValue(t, c, "key", "kept")
	if got := c.ConfigGet(t.Context(), "appendfsync").Val()["appendfsync"]; got != "always" {
		t.Errorf("appendfsync is %q, want always", got)
	}
	if !strings.Contains(s.Logs(), "Ready to accept connections") {
		t.Errorf("the log is %q", s.Logs())
	}
}

func TestDockerSharedRedisServesManyTests(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			c := client(t, backend.SharedRedis(t), nil)
			if n := c.DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("a new database holds %d keys", n)
			}
			set(t, c, "key", "value")
		})
	}
}

func TestDockerPostgresIsKilledAndRestartedAsAProcessIs(t *testing.T) {
	t.Parallel()
	s := backend.Postgres(t)
	wantDocker(t, s.Server)
	exec(t, connect(t, s.URL()), "CREATE TABLE kept AS SELECT 1 AS n")
	s.Kill()
	s.Restart()
	if n := count(t, connect(t, s.URL()), "SELECT count(*) FROM kept"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}
