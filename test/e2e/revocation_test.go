package e2e

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

// TestRevokedKeyIsRefusedOnEveryNodeWithinASecond revokes a hundred keys, each
// of them warm on both nodes, and measures how long the other node takes one.
func TestRevokedKeyIsRefusedOnEveryNodeWithinASecond(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, backend.Redis(t).URL(), nil)
	const tries, atOnce = 100, 10
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for range tries / atOnce {
				d, ok := revoke(t, a, b)
				if !ok {
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	if len(took) == tries {
		t.Logf("the other node refused a revoked key, over %d tries: p50 %v, max %v",
			tries, took[tries/2], took[tries-1])
	}
}

// revoke makes a key, has both nodes know it, revokes it on the first, and polls
// the second until it refuses it. It gives the time from the answer to the
// revocation until the answer that refuses.
func revoke(t *testing.T, a, b *client) (took time.Duration, ok bool) {
	made, err := a.do("POST", "/api/v1/tenant/keys", object{"name": "short-lived", "scopes": "read_only"})
	if err != nil || made.status != http.StatusCreated {
		t.Errorf("making a key: %d, %v", made.status, err)
		return 0, false
	}
	onA, onB := *a, *b
	onA.key, onB.key = made.text("key"), made.text("key")
	const path = "/api/v1/users"
	expect := func(node *client, status int, method, path string) bool {
		got, err := node.do(method, path, nil)
		if err != nil || got.status != status {
			t.Errorf("%s %s: %d, %v, want %d", method, path, got.status, err, status)
		}
		return err == nil && got.status == status
	}
	if !expect(&onA, http.StatusOK, "GET", path) || !expect(&onB, http.StatusOK, "GET", path) ||
		!expect(a, http.StatusNoContent, "DELETE", "/api/v1/tenant/keys/"+made.text("id")) {
		return 0, false
	}
	revoked := time.Now()
	if !expect(&onA, http.StatusUnauthorized, "GET", path) {
		return 0, false
	}
	for {
		asked := time.Since(revoked)
		got, err := onB.do("GET", path, nil)
		switch {
		case err != nil:
			t.Error(err)
			return 0, false
		case got.status == http.StatusUnauthorized:
			return time.Since(revoked), true
		case asked > time.Second:
			t.Errorf("%v after its revocation the key is still taken", asked)
			return 0, false
		}
		time.Sleep(2 * time.Millisecond) // what is measured is the node, not how fast it can be asked
	}
}
