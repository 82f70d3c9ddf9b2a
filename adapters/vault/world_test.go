package vault_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a transit engine that is the test's own, and what Raven may do there.
type world struct {
	*backend.VaultServer
	t      *testing.T
	mount  string
	policy string
	token  string
}

func newWorld(t *testing.T, s *backend.VaultServer) *world {
	t.Helper()
	w := &world{VaultServer: s, t: t, mount: s.Transit()}
	w.policy = s.Policy(w.rules("runtime"))
	w.token = s.Token(w.policy, time.Hour, 24*time.Hour)
	return w
}

// rules is one of the policies that are shipped, for this world's mount.
func (w *world) rules(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "vault", name+".hcl"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), `"transit/`, `"`+w.mount+`/`)
}

// options are those of a Raven with a token.
func (w *world) options() vault.Options {
	return vault.Options{
		Address: w.URL(), Mount: w.mount, CAFile: w.CAFile(), Timeout: 10 * time.Second,
		Auth: vault.Auth{Method: vault.MethodToken, Token: w.token},
	}
}

// open opens a client that ends with the test.
func (w *world) open(change ...func(*vault.Options)) *vault.Client {
	w.t.Helper()
	o := w.options()
	for _, c := range change {
		c(&o)
	}
	client, err := vault.Open(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := client.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return client
}

// provisioned lets a client make the keys that are missing.
func (w *world) provisioned(o *vault.Options) {
	o.ProvisionToken = w.Token(w.Policy(w.rules("provisioner")), time.Hour, time.Hour)
}

// tenant makes a tenant and, as its Vault team would, its key.
func (w *world) tenant() core.TenantID {
	w.t.Helper()
	id := newTenant()
	w.MakeKey(w.mount, keyName(id))
	return id
}

func newTenant() core.TenantID { return core.NewIDs(time.Now, rand.Reader).Tenant() }

func keyName(tenant core.TenantID) string { return "raven-" + string(tenant) }

// mustMake makes a data key.
func mustMake(t *testing.T, k *vault.TenantKeys, tenant core.TenantID) (plain, wrapped []byte) {
	t.Helper()
	plain, wrapped, err := k.NewDataKey(t.Context(), tenant, 1)
	if err != nil {
		t.Fatalf("NewDataKey: %v", err)
	}
	return plain, wrapped
}

// wantCode unwraps and wants the code, "" for success.
func wantCode(t *testing.T, what string, k *vault.TenantKeys, tenant core.TenantID, wrapped []byte, want core.Code) {
	t.Helper()
	plain, err := k.Unwrap(t.Context(), tenant, 1, wrapped)
	if core.CodeOf(err) != want {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
	if (plain != nil) != (want == "") {
		t.Errorf("%s: gave %d bytes", what, len(plain))
	}
}

// becomes unwraps until the code is the one that is wanted.
func becomes(t *testing.T, what string, k *vault.TenantKeys, tenant core.TenantID, wrapped []byte, want core.Code) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		_, err := k.Unwrap(t.Context(), tenant, 1, wrapped)
		switch took := time.Since(began); {
		case core.CodeOf(err) == want:
			return took
		case took > 30*time.Second:
			t.Fatalf("%s: it stays %v, want %q", what, err, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// handClock is a clock that a test turns.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func newHandClock() *handClock { return &handClock{now: time.Now()} }

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
