package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/test/backend"
)

// onRedis are the settings of a server on that Redis.
func onRedis(url string) []string {
	return []string{"RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL=" + url, "RAVEN_LIMITS_RATE_PER_MINUTE=0"}
}

// twoNodes are two servers on one Redis and one keyring, and a tenant that is
// a client of both.
func twoNodes(t *testing.T, url string, settings object) (a, b *client) {
	t.Helper()
	dir := t.TempDir()
	first := start(t, dir, onRedis(url)...)
	second := start(t, dir, onRedis(url)...)
	a = register(t, first.URL, "nodes", settings)
	b = newClient(second.URL)
	b.key = a.key
	return a, b
}

func TestMainJobOnACluster(t *testing.T) {
	t.Parallel()
	mainJob(t, onRedis(backend.RedisCluster(t).URL())...)
}

func TestMainJobBehindSentinel(t *testing.T) {
	t.Parallel()
	mainJob(t, onRedis(backend.RedisSentinel(t).URL())...)
}

// TestFailoverBehindSentinelLosesAndDoublesNothing hands the master's role over
// again and again, with every change confirmed by a replica.
func TestFailoverBehindSentinelLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	sentinel := backend.RedisSentinel(t)
	trial := newTrial(t, t.TempDir(), append(onRedis(sentinel.URL()), "RAVEN_STORE_REDIS_WAIT_REPLICAS=1")...)
	trial.runTimes(2, func() { sentinel.SwitchOver() })
}

func checkRedisEvents(t *testing.T, url string) {
	t.Helper()
	store, err := redis.Open(t.Context(), redis.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	checkEvents(t, store)
}

func TestQuotaHoldsOverTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, backend.Redis(t).URL(), object{"max_users": 100})
	var made, full atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		node := []*client{a, b}[i%2]
		wg.Go(func() {
			got, err := node.do("POST", "/api/v1/users", object{"external_ref": fmt.Sprint("u", i)})
			switch {
			case err != nil:
				t.Error(err)
			case got.status == http.StatusCreated:
				made.Add(1)
			case got.status == http.StatusForbidden && got.text("code") == "quota_exhausted":
				full.Add(1)
			default:
				t.Errorf("%d: %s", got.status, got.raw)
			}
		})
	}
	wg.Wait()
	if made.Load() != 100 || full.Load() != 100 {
		t.Errorf("%d made, %d refused; want 100 of each", made.Load(), full.Load())
	}
	if n := len(a.pages(t, "/api/v1/users")); n != 100 {
		t.Errorf("%d users are there", n)
	}
}

// TestWhatOneNodeTakesInTheOtherFindsAtOnce writes, forgets and asks on
// different nodes, with both indexes warm.
func TestWhatOneNodeTakesInTheOtherFindsAtOnce(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, backend.Redis(t).URL(), object{"batch_size": 3})
	a.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	a.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	const memory = "/api/v1/users/ext:u/conversations/ext:c/memory"
	finds := func(node *client, word string) int {
		got := node.must(t, http.StatusOK, "POST", "/api/v1/users/ext:u/memory/search", object{"query": word})
		n := 0
		for _, item := range got.list("data") {
			if item["text"] == "the word is "+word {
				n++
			}
		}
		return n
	}
	for i := range 20 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		word := fmt.Sprintf("zebra%d", i)
		done := from.must(t, http.StatusCreated, "POST", memory, object{"interactions": []object{interaction("the word is " + word)}})
		if finds(to, word) != 1 || finds(from, word) != 1 {
			t.Errorf("%s is not found on both nodes", word)
		}
		if i%4 == 3 {
			ids, _ := done.body["interaction_ids"].([]any)
			to.must(t, http.StatusNoContent, "DELETE", fmt.Sprint(memory, "/", ids[0]), nil)
			if finds(from, word) != 0 || finds(to, word) != 0 {
				t.Errorf("%s is still found after it was forgotten", word)
			}
		}
	}
}
