package vault_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/core"
)

// marking marks what passes through it.
type marking struct{ next http.RoundTripper }

func (m marking) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Traceparent", "mark")
	return m.next.RoundTrip(r)
}

func TestRequestsGoThroughWhatIsGiven(t *testing.T) {
	t.Parallel()
	var asked, marked atomic.Int64
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Traceparent") == "mark" {
			marked.Add(1)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer fake.Close()
	c, err := vault.Open(vault.Options{
		Address: fake.URL, Auth: vault.Auth{Method: vault.MethodToken, Token: "t"},
		Through: func(next http.RoundTripper) http.RoundTripper { return marking{next} },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Broken() {
		t.Error("the breaker is open before anything was asked")
	}
	for range 20 {
		_, _, _ = c.Tenant().NewDataKey(t.Context(), core.NewIDs(time.Now, rand.Reader).Tenant(), 1)
	}
	if asked.Load() == 0 || marked.Load() != asked.Load() {
		t.Errorf("of %d requests %d were marked", asked.Load(), marked.Load())
	}
	if !c.Broken() {
		t.Error("the breaker is closed although Vault only fails")
	}
}
