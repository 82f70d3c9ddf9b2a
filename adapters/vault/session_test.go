package vault_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
)

func TestTokenIsRenewedPastItsTTL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	w.token = w.Token(w.policy, 2*time.Second, time.Hour)
	k := w.open().Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	for began := time.Now(); time.Since(began) < 6*time.Second; time.Sleep(100 * time.Millisecond) {
		wantCode(t, "renewed", k, tenant, wrapped, "")
	}
}

// The lifetime watcher ends with nil when a token can't be renewed any further:
// the session has to log in again, before anybody notices.
func TestEndOfATokenIsANewLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	var logins, refusals atomic.Int64
	front := w.front(func(r *http.Response) {
		if strings.HasSuffix(r.Request.URL.Path, "/login") {
			logins.Add(1)
		}
		if r.StatusCode == http.StatusForbidden {
			refusals.Add(1)
		}
	})
	role := w.AppRole(w.policy, 4*time.Second, 8*time.Second)
	k := w.open(func(o *vault.Options) { o.Address, o.Auth = front, by(role) }).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(100 * time.Millisecond) {
		wantCode(t, "logged in again", k, tenant, wrapped, "")
	}
	if n := logins.Load(); n != 2 {
		t.Errorf("%d logins", n)
	}
	if n := refusals.Load(); n > 0 {
		t.Errorf("%d requests came with a token that had ended", n)
	}
}

// A policy that is withdrawn ends no token, and is no reason to log in again.
func TestWithdrawnPolicyIsNoNewLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	var logins atomic.Int64
	front := w.front(func(r *http.Response) {
		if strings.HasSuffix(r.Request.URL.Path, "/login") {
			logins.Add(1)
		}
	})
	role := w.AppRole(w.policy, time.Hour, time.Hour)
	k := w.open(func(o *vault.Options) { o.Address, o.Auth = front, by(role) }).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	w.SetPolicy(w.policy, `path "auth/token/lookup-self" { capabilities = ["read"] }`)
	for range 5 {
		wantCode(t, "withdrawn", k, tenant, wrapped, gone)
		if _, _, err := k.NewDataKey(t.Context(), tenant, 1); core.CodeOf(err) != gone {
			t.Errorf("NewDataKey: %v", err)
		}
	}
	if err := k.Health(t.Context()); err != nil {
		t.Errorf("Health: %v", err)
	}
	if n := logins.Load(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// front is the address of what passes everything on to Vault and shows its
// answers.
func (w *world) front(see func(*http.Response)) string {
	w.t.Helper()
	target, err := url.Parse(w.URL())
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport:      &http.Transport{DisableKeepAlives: true},
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error { see(r); return nil },
	})
	w.t.Cleanup(server.Close)
	return server.URL
}

func by(r backend.AppRole) vault.Auth {
	return vault.Auth{Method: vault.MethodAppRole, Mount: r.Mount, RoleID: r.RoleID, SecretID: r.SecretID}
}

func TestRevokedTokenIsANewLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	var logins atomic.Int64
	front := w.front(func(r *http.Response) {
		if strings.HasSuffix(r.Request.URL.Path, "/login") {
			logins.Add(1)
		}
	})
	clock := newHandClock()
	role := w.AppRole(w.policy, time.Hour, time.Hour)
	k := w.open(func(o *vault.Options) { o.Address, o.Clock, o.Auth = front, clock, by(role) }).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	for range 3 {
		w.RevokeLogins(role.Mount)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { wantCode(t, "revoked", k, tenant, wrapped, "") })
		}
		wg.Wait()
	}
	// With the login withdrawn there is no way back, and not the key is to blame.
	w.Do("DELETE", "auth/"+role.Mount+"/role/raven", nil)
	w.RevokeLogins(role.Mount)
	logins.Store(0)
	for range 10 {
		wantCode(t, "no login", k, tenant, wrapped, down)
	}
	if n := logins.Load(); n != 1 {
		t.Errorf("%d logins were tried in a moment", n)
	}
	clock.turn(2 * time.Second)
	wantCode(t, "no login, later", k, tenant, wrapped, down)
	if n := logins.Load(); n != 2 {
		t.Errorf("%d logins were tried, one of them later", n)
	}
	if err := k.Health(t.Context()); core.CodeOf(err) != down {
		t.Errorf("Health: %v", err)
	}
}

func TestKubernetesLoginReadsTheTokenAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.Vault(t, backend.VaultHere))
	role := w.Kubernetes(w.policy, time.Hour, time.Hour)
	k := w.open(func(o *vault.Options) {
		o.Auth = vault.Auth{Method: vault.MethodKubernetes, Mount: role.Mount, Role: role.Role, JWTFile: role.JWTFile}
	}).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	if err := role.NewJWT(); err != nil {
		t.Fatal(err)
	}
	w.RevokeLogins(role.Mount)
	wantCode(t, "with the next token", k, tenant, wrapped, "")
	if err := os.Remove(role.JWTFile); err != nil {
		t.Fatal(err)
	}
	w.RevokeLogins(role.Mount)
	wantCode(t, "without a token", k, tenant, wrapped, down)
}

func TestClientOpensWhileVaultIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.Vault(t))
	tenant := w.tenant()
	_, wrapped := mustMake(t, w.open().Tenant(), tenant)
	w.Kill()
	log := &lines{}
	k := w.open(func(o *vault.Options) {
		o.Timeout, o.Log = time.Second, slog.New(slog.NewTextHandler(log, nil))
	}).Tenant()
	wantCode(t, "down", k, tenant, wrapped, down)
	if err := k.Health(t.Context()); core.CodeOf(err) != down {
		t.Errorf("Health: %v", err)
	}
	w.Restart()
	becomes(t, "back", k, tenant, wrapped, "")
	if err := k.Health(t.Context()); err != nil {
		t.Errorf("Health: %v", err)
	}
	if said := log.String(); !strings.Contains(said, "logging in to Vault failed") || strings.Contains(said, w.token) {
		t.Errorf("the log says %q", said)
	}
}

// lines is a log that is written and read at the same time.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestHealthFollowsVault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.Vault(t))
	var k ports.WrappingKeys = w.open().Platform()
	for what, c := range map[string]struct{ cause, end func() }{
		"a seal": {w.Seal, w.Unseal},
		"a kill": {w.Kill, w.Restart},
	} {
		if err := k.Health(t.Context()); err != nil {
			t.Errorf("before %s: %v", what, err)
		}
		c.cause()
		if err := k.Health(t.Context()); core.CodeOf(err) != down {
			t.Errorf("in %s: %v", what, err)
		}
		c.end()
		if err := k.Health(t.Context()); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Health(ctx); err != context.Canceled { //nolint:errorlint // nothing is to be added
		t.Errorf("with a done context: %v", err)
	}
}

func TestCertificateOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.Vault(t, backend.VaultTLS))
	tenant := w.tenant()
	_, wrapped := mustMake(t, w.open().Tenant(), tenant)
	k := w.open(func(o *vault.Options) { o.CAFile = "" }).Tenant()
	wantCode(t, "the system's authorities", k, tenant, wrapped, down)
	if err := os.WriteFile(filepath.Join(t.TempDir(), "none.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"missing.pem", "none.pem"} {
		o := w.options()
		o.CAFile = filepath.Join(t.TempDir(), file)
		if _, err := vault.Open(o); err == nil {
			t.Errorf("%s is taken for authorities", file)
		}
	}
}
