package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

const (
	gone = core.CodeKeyUnavailable
	down = core.CodeKeyManagement
)

// TestFailuresOfVaultAreToldApart goes through the ways in which a Vault fails
// a tenant, or all of them, and looks at another tenant of the same client.
func TestFailuresOfVaultAreToldApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.Vault(t))
	proxy := backend.Proxy(t, w.Addr())
	k := w.open(func(o *vault.Options) {
		o.Address, o.Timeout = "http://"+proxy.Addr(), 500*time.Millisecond
	}).Tenant()
	own, other := w.tenant(), w.tenant()
	_, wrapped := mustMake(t, k, own)
	_, others := mustMake(t, k, other)
	for _, f := range []struct {
		name       string
		cause      func() (end func())
		own, other core.Code
	}{
		{"sealed", func() func() { w.Seal(); return w.Unseal }, down, down},
		{"down", func() func() { w.Kill(); return w.Restart }, down, down},
		{"limiting", func() func() { return w.RateLimit(w.mount+"/", 1) }, down, down},
		{"limiting one path", func() func() { return w.RateLimit(w.mount+"/decrypt/"+keyName(own), 1) }, down, ""},
		{"slow", func() func() { proxy.Delay(3 * time.Second); return func() { proxy.Delay(0) } }, down, down},
		{"silent", func() func() { proxy.Blackhole(true); return func() { proxy.Blackhole(false); proxy.Cut() } }, down, down},
		{"policy withdrawn", func() func() {
			w.SetPolicy(w.policy, w.rules("runtime")+fmt.Sprintf("\npath %q { capabilities = [\"deny\"] }\n", w.mount+"/decrypt/"+keyName(own)))
			return func() { w.SetPolicy(w.policy, w.rules("runtime")) }
		}, gone, ""},
		{"min_decryption_version raised", func() func() {
			w.RotateKey(w.mount, keyName(own))
			w.MinDecryptionVersion(w.mount, keyName(own), 2)
			return func() { w.MinDecryptionVersion(w.mount, keyName(own), 1) }
		}, gone, ""},
	} {
		end := f.cause()
		seen := becomes(t, f.name, k, own, wrapped, f.own)
		_, err := k.Unwrap(t.Context(), own, 1, wrapped)
		if f.own == down {
			wantRetry(t, f.name, err)
		}
		if f.other == "" {
			for range 10 { // as often as opens the breaker, for all
				wantCode(t, f.name, k, own, wrapped, f.own)
			}
		}
		wantCode(t, f.name+", another tenant", k, other, others, f.other)
		end()
		ended := becomes(t, f.name+" no more", k, own, wrapped, "")
		becomes(t, f.name+" no more, another tenant", k, other, others, "")
		t.Logf("%-30s own %q after %v, other %q, over after %v: %v", f.name, f.own, seen.Round(time.Millisecond), f.other, ended.Round(time.Millisecond), err)
	}
	w.DestroyKey(w.mount, keyName(own))
	wantCode(t, "destroyed", k, own, wrapped, gone)
	wantCode(t, "destroyed, another tenant", k, other, others, "")
	w.RevokeToken(w.token)
	wantCode(t, "token revoked", k, own, wrapped, down)
	wantCode(t, "token revoked, another tenant", k, other, others, down)
}

func wantRetry(t *testing.T, what string, err error) {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Code != down || e.RetryAfter < time.Second || e.RetryAfter > 3*time.Second {
		t.Errorf("%s: %v does not say when to try again", what, err)
	}
}

func TestRestoredDataDoesNotOpenWithoutTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.Vault(t))
	k := w.open(w.provisioned).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant) // what yesterday's backup holds
	w.DestroyKey(w.mount, keyName(tenant))
	wantCode(t, "destroyed", k, tenant, wrapped, gone)
	if _, err := k.Rewrap(t.Context(), tenant, 1, wrapped); core.CodeOf(err) != gone {
		t.Errorf("Rewrap: %v", err)
	}
	if _, err := w.Try(w.RootToken(), "GET", w.mount+"/keys/"+keyName(tenant), nil); !backend.IsVaultError(err, 404) {
		t.Errorf("opening made the key anew: %v", err)
	}
	w.MakeKey(w.mount, keyName(tenant))
	wantCode(t, "another key of the same name", k, tenant, wrapped, gone)
	w.Kill()
	w.Restart()
	becomes(t, "restarted", k, tenant, wrapped, gone)
}

func TestMissingKeyIsMadeOnlyWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	tenant := newTenant()
	if _, _, err := w.open().Tenant().NewDataKey(t.Context(), tenant, 1); core.CodeOf(err) != gone {
		t.Errorf("without provisioning: %v", err)
	}
	useless := w.open(func(o *vault.Options) { o.ProvisionToken = w.token }).Tenant()
	if _, _, err := useless.NewDataKey(t.Context(), tenant, 1); core.CodeOf(err) != gone {
		t.Errorf("with a token that may not: %v", err)
	}
	k := w.open(w.provisioned).Tenant()
	_, wrapped := mustMake(t, k, tenant)
	wantCode(t, "provisioned", k, tenant, wrapped, "")
	made := w.Do("GET", w.mount+"/keys/"+k.KeyName(tenant), nil)
	for setting, want := range map[string]any{
		"derived": true, "type": "aes256-gcm96", "exportable": false, "deletion_allowed": false, "allow_plaintext_backup": false,
	} {
		if made[setting] != want {
			t.Errorf("%s is %v", setting, made[setting])
		}
	}
	w.open(w.provisioned).Platform()
	if _, _, err := w.open(w.provisioned).Platform().NewDataKey(t.Context(), tenant, 1); core.CodeOf(err) != gone {
		t.Errorf("the platform's key, which nobody may make: %v", err)
	}
}

func TestBreakerSparesCallersTheWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	proxy := backend.Proxy(t, w.Addr())
	clock := newHandClock()
	k := w.open(func(o *vault.Options) {
		o.Address, o.Timeout, o.Clock = "http://"+proxy.Addr(), 300*time.Millisecond, clock
	}).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	proxy.Blackhole(true)
	for range 5 {
		wantCode(t, "silent", k, tenant, wrapped, down)
	}
	began := time.Now()
	for range 100 {
		wantCode(t, "refused", k, tenant, wrapped, down)
	}
	if took := time.Since(began); took > 250*time.Millisecond {
		t.Errorf("a hundred refusals took %v", took)
	}
	proxy.Blackhole(false)
	proxy.Cut()
	wantCode(t, "not asked yet", k, tenant, wrapped, down)
	clock.turn(3 * time.Second)
	wantCode(t, "asked again", k, tenant, wrapped, "")
	wantCode(t, "closed", k, tenant, wrapped, "")
}

func TestCallersDeadlineIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, backend.SharedVault(t))
	proxy := backend.Proxy(t, w.Addr())
	k := w.open(func(o *vault.Options) { o.Address = "http://" + proxy.Addr() }).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	proxy.Delay(20 * time.Second)
	for range 10 { // more than break the breaker
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := k.Unwrap(ctx, tenant, 1, wrapped)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || core.Is(err, down) {
			t.Fatalf("got %v", err)
		}
	}
	proxy.Delay(0)
	proxy.Cut()
	// A connection that was cut may be used once more; the clock stands still,
	// so a breaker that opened would stay open.
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := k.Unwrap(t.Context(), tenant, 1, wrapped)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after callers who gave up: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAnswersThatAreNoVaultsAreNotTaken(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was sent elsewhere, with token %q", r.URL, r.Header.Get("X-Vault-Token"))
	}))
	t.Cleanup(elsewhere.Close)
	const self = `{"data":{"ttl":0,"renewable":false}}`
	for name, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"a page":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") },
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"null":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "null") },
		"no key":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{}}`) },
		"a short key": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"data":{"plaintext":"AAAA","ciphertext":"vault:v1:AAAA"}}`)
		},
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			key, ciphertext := strings.Repeat("A", 43)+"=", "vault:v1:"+strings.Repeat("A", 80)
			fmt.Fprintf(w, `{"data":{"plaintext":%q,"ciphertext":%q,"more":%q}}`, key, ciphertext, strings.Repeat("A", 4<<20))
		},
		"a gateway's": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no upstream", http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/lookup-self") {
					fmt.Fprint(w, self)
					return
				}
				answer(w, r)
			}))
			t.Cleanup(server.Close)
			client, err := vault.Open(vault.Options{
				Address: server.URL, Auth: vault.Auth{Method: vault.MethodToken, Token: "hvs.secret"},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { client.Close() })
			plain, wrapped, err := client.Tenant().NewDataKey(t.Context(), newTenant(), 1)
			if core.CodeOf(err) != down || plain != nil || wrapped != nil {
				t.Errorf("got %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "hvs.secret") || len(err.Error()) > 1000) {
				t.Errorf("the error says too much: %.300s", err)
			}
		})
	}
}
