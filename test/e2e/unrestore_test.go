package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// bigBackup is a backup of about 4 MiB in some thousand records.
func bigBackup(t *testing.T) (file, key string) {
	t.Helper()
	dir := t.TempDir()
	s := start(t, dir, "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	fillDeployment(t, s.URL)
	c := register(t, s.URL, "big", nil)
	for u := range 40 {
		user := fmt.Sprintf("/api/v1/users/ext:u%d", u)
		c.must(t, http.StatusCreated, "PUT", user, object{})
		c.must(t, http.StatusCreated, "POST", user+"/conversations", object{"external_ref": "c"})
		var list []object
		for n := range 25 {
			list = append(list, interaction(fmt.Sprintf("Message %d. %s", n, strings.Repeat("x", 4000))))
		}
		c.must(t, http.StatusCreated, "POST", user+"/conversations/ext:c/memory", object{"interactions": list})
	}
	return backUp(t, dir, nil), c.key
}

func TestFailedRestoreToRedisLeavesNothing(t *testing.T) { //nolint:tparallel // its parts share a Redis
	t.Parallel()
	file, key := bigBackup(t)
	server := backend.Redis(t)
	options, err := goredis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	redis := goredis.NewClient(options)
	t.Cleanup(func() { _ = redis.Close() })
	env := append([]string{backupPassphrase}, onRedis(server.URL())...)
	dir := filepath.Join(t.TempDir(), "data")
	memory := func(limit int64) {
		t.Helper()
		if err := redis.ConfigSet(t.Context(), "maxmemory", fmt.Sprint(limit)).Err(); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("memory that is full", func(t *testing.T) {
		info, err := redis.InfoMap(t.Context(), "memory").Result()
		if err != nil {
			t.Fatal(err)
		}
		var used int64
		_, _ = fmt.Sscan(info["Memory"]["used_memory"], &used)
		memory(used + 2<<20)
		_, said, code := command(t, dir, env, "restore", "--in", file)
		if code != 1 {
			t.Fatalf("it ended with %d: %s", code, said)
		}
		if keys, err := redis.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
			t.Errorf("%d keys are left, such as %s; %v; it said %s", len(keys), keys[:min(len(keys), 3)], err, said)
		}
		memory(0)
	})

	t.Run("kill -9", func(t *testing.T) {
		cmd := process.Command(binary, []string{"restore", "--in", file}, dir, env...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; { // until it is under way
			n, err := redis.DBSize(t.Context()).Result()
			if err == nil && n > 20 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("it writes nothing: %d, %v", n, err)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		mark, err := redis.Exists(t.Context(), "raven:{deployment}:restore").Result()
		if err != nil {
			t.Fatal(err)
		}
		if mark == 1 { // it was not yet done
			if _, err := tryStart(t, dir, env...); err == nil || !strings.Contains(err.Error(), "cut short") {
				t.Errorf("a server started on half a restore: %v", err)
			}
			succeeds(t, dir, env, "restore", "--in", file)
		}
		s := start(t, dir, env...)
		c := newClient(s.URL)
		c.key = key
		if got := len(c.pages(t, "/api/v1/users/ext:u39/conversations/ext:c/memory")); got != 25 {
			t.Errorf("%d interactions are restored", got)
		}
		if n := len(c.pages(t, "/api/v1/users")); n != 40 {
			t.Errorf("%d users are restored", n)
		}
	})
}
