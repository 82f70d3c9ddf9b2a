package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

// TestRedisThatLoadsIsUnavailable has a Redis read its data anew, as after its
// restart, slowly: whoever asks meanwhile is told to come back, and nothing is
// half done.
func TestRedisThatLoadsIsUnavailable(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t, backend.Set("enable-debug-command", "yes"))
	node := start(t, t.TempDir(), onRedis(server.URL())...)
	c := register(t, node.URL, "loading", nil)
	for i := range 150 { // so that there is something to load
		c.must(t, http.StatusCreated, "PUT", fmt.Sprint("/api/v1/users/ext:", i), nil)
	}
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	const memory = "/api/v1/users/ext:u/conversations/ext:c/memory"
	body := object{"interactions": []object{interaction("hello")}}
	c.must(t, http.StatusCreated, "POST", memory, body)

	loaded := slowLoad(t, server)
	for _, ask := range []struct {
		method, path string
		body         any
	}{
		{"POST", memory, body},
		{"GET", memory, nil},
		{"GET", "/api/v1/users/ext:u", nil},
		{"POST", "/api/v1/users/ext:u/context", object{"query": "hello"}},
		{"PUT", "/api/v1/users/ext:other", nil},
		{"POST", "/api/v1/tenants", object{"name": "n", "email": "other@example.com"}},
	} {
		got := c.must(t, http.StatusServiceUnavailable, ask.method, ask.path, ask.body)
		if got.text("code") != "unavailable" || got.header.Get("Retry-After") == "" || strings.Contains(string(got.raw), "LOADING") {
			t.Errorf("%s %s: Retry-After %q, %s", ask.method, ask.path, got.header.Get("Retry-After"), got.raw)
		}
	}
	loaded()

	deadline := time.Now().Add(patience)
	for {
		got, err := c.do("POST", memory, body)
		if err == nil && got.status == http.StatusCreated {
			break
		}
		if err != nil || got.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			t.Fatalf("after it has loaded: %d, %v, %s", got.status, err, got.raw)
		}
		time.Sleep(20 * time.Millisecond) // as its Retry-After says, only sooner
	}
	if n := len(c.pages(t, memory)); n != 2 {
		t.Errorf("%d interactions are there; 2 were acknowledged", n)
	}
}

// slowLoad lets a Redis load its data as slowly as it takes until loaded is
// called.
func slowLoad(t *testing.T, server *backend.RedisServer) (loaded func()) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr(), ReadTimeout: patience, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	set := func(name, value string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("key-load-delay", "50000")                       // microseconds
	set("loading-process-events-interval-bytes", "1024") // how often it looks up meanwhile
	over := make(chan error, 1)
	go func() { over <- client.Do(t.Context(), "DEBUG", "RELOAD").Err() }()
	for deadline := time.Now().Add(patience); ; {
		err := client.Ping(t.Context()).Err()
		if err != nil && strings.HasPrefix(err.Error(), "LOADING") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not load: %v", err)
		}
	}
	return func() {
		t.Helper()
		set("key-load-delay", "0")
		if err := <-over; err != nil {
			t.Fatal(err)
		}
	}
}
