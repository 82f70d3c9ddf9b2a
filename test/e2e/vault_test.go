package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// vault is a Vault with a transit engine for a server's tenants.
type vault struct {
	*backend.VaultServer
	t             *testing.T
	addr          string // where the server reaches it
	mount, policy string
	token         string
}

func newVault(t *testing.T, server *backend.VaultServer) *vault {
	t.Helper()
	v := &vault{VaultServer: server, t: t, addr: server.URL(), mount: server.Transit()}
	v.policy = server.Policy(v.rules())
	v.token = server.Token(v.policy, time.Hour, 24*time.Hour)
	return v
}

func (v *vault) rules() string { return backend.VaultRules(v.mount) }

// env are the settings of a server whose tenants may have keys there.
func (v *vault) env(more ...string) []string {
	return append([]string{
		"RAVEN_KEYS_TENANT_PROVIDER=vault", "RAVEN_KEYS_VAULT_ADDR=" + v.addr, "RAVEN_KEYS_VAULT_MOUNT=" + v.mount,
		"RAVEN_KEYS_VAULT_AUTH_TOKEN=" + v.token, "RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_MEMORY_SWEEP_EVERY=1s",
	}, more...)
}

func keyOf(t *testing.T, c *client) string {
	t.Helper()
	return "raven-" + c.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil).text("id")
}

// tenant makes a tenant with something stored, and has it take its own key.
func (v *vault) tenant(url, name string) (c *client, key string) {
	v.t.Helper()
	c = filledTenant(v.t, url, name)
	key = keyOf(v.t, c)
	v.MakeKey(v.mount, key)
	c.must(v.t, http.StatusOK, "PATCH", "/api/v1/tenant", object{"settings": object{"encryption_mode": "tenant"}})
	return c, key
}

const canary = "The heron nests by the old mill."

func filledTenant(t *testing.T, url, name string) *client {
	t.Helper()
	c := register(t, url, name, object{"batch_size": 2})
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	for range 3 {
		c.must(t, http.StatusCreated, "POST", onlyConversation, object{"interactions": []object{interaction(canary)}})
	}
	return c
}

const onlyConversation = "/api/v1/users/ext:u/conversations/ext:c/memory"

// seen is what a tenant sees of its memory: the status and the code.
func seen(t *testing.T, c *client) string {
	t.Helper()
	a, err := c.do("GET", onlyConversation, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.status == http.StatusOK {
		if n := len(a.list("data")); n < 3 {
			t.Errorf("%d interactions", n)
		}
		return "200"
	}
	return fmt.Sprint(a.status, " ", a.text("code"))
}

// becomes waits until the tenant sees what is wanted, and gives how long it took.
func becomes(t *testing.T, c *client, want string) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		got := seen(t, c)
		switch {
		case got == want:
			return time.Since(began)
		case time.Since(began) > patience:
			t.Fatalf("it stays %q, want %q", got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const (
	lockedOut = "423 key_unavailable"
	noService = "503 key_management_unavailable"
)

// TestChangesOfModeWithVaultSurviveKillNine changes between the operator's
// keyring and a key in Vault, rotates, and is killed, under load.
func TestChangesOfModeWithVaultSurviveKillNine(t *testing.T) {
	t.Parallel()
	v := newVault(t, backend.SharedVault(t))
	dir := t.TempDir()
	version := turnAndKill(t, dir, true, append(v.env(), "RAVEN_KEYS_VAULT_PROVISION=true", "RAVEN_KEYS_VAULT_PROVISION_TOKEN="+v.RootToken())...)
	store, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	checkVersions(t, store, version)
}

// killSwitchLife is the cache's life in the test of the kill switch;
// RAVEN_TEST_CACHE_TTL gives another.
func killSwitchLife() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("RAVEN_TEST_CACHE_TTL")); err == nil {
		return d
	}
	return 3 * time.Second
}

// TestKeyTakenAwayLocksWithinTheCachesLife measures from the moment a key is
// destroyed to the first refusal, under constant use.
func TestKeyTakenAwayLocksWithinTheCachesLife(t *testing.T) {
	t.Parallel()
	const times = 20
	life := killSwitchLife()
	v := newVault(t, backend.SharedVault(t))
	server := start(t, t.TempDir(), v.env("RAVEN_KEYS_CACHE_TTL="+life.String())...)
	bystander, _ := v.tenant(server.URL, "bystander")
	delays := make([]time.Duration, times)
	var wg sync.WaitGroup
	for i := range times {
		c, key := v.tenant(server.URL, fmt.Sprint("t", i))
		wg.Go(func() {
			for used := time.Now(); time.Since(used) < life*time.Duration(i)/times; time.Sleep(20 * time.Millisecond) {
				seen(t, c)
			}
			began := time.Now()
			v.DestroyKey(v.mount, key)
			becomes(t, c, lockedOut)
			delays[i] = time.Since(began)
			if a, err := c.do("GET", "/api/v1/tenant/encryption", nil); err != nil || a.status != http.StatusOK || a.text("mode") != "tenant" {
				t.Errorf("the state is not told: %v %s", err, a.raw)
			}
			seen(t, c)
			outagesAre(t, c, 1)
		})
	}
	wg.Wait()
	slices.Sort(delays)
	t.Logf("cache's life %s: from the key's destruction to the first 423, of %d: p50 %s, max %s", life, times, delays[times/2], delays[times-1])
	if delays[times-1] > life+time.Second {
		t.Errorf("locked after %s", delays[times-1])
	}
	if got := seen(t, bystander); got != "200" {
		t.Errorf("another tenant sees %s", got)
	}
}

// outagesAre waits until the audit log tells of so many outages of the tenant's key.
func outagesAre(t *testing.T, c *client, want int) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		got := len(c.pages(t, "/api/v1/tenant/audit?action=encryption.key_unavailable"))
		if got == want {
			return
		}
		if got > want || time.Now().After(end) {
			t.Fatalf("the audit log tells of %d outages, want %d", got, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// failure is a way in which Vault fails, and what is seen of it.
type failure struct {
	name       string
	cause      func() (end func())
	own, other string // what the tenant sees, and another with its own key
}

// TestVaultFailuresAreTheTenantsAlone goes through the ways in which Vault
// fails, on a real one.
func TestVaultFailuresAreTheTenantsAlone(t *testing.T) {
	t.Parallel()
	v := newVault(t, backend.Vault(t, backend.VaultHere))
	proxy := backend.Proxy(t, v.Addr())
	v.addr = "http://" + proxy.Addr()
	const life = time.Second
	server := start(t, t.TempDir(), v.env("RAVEN_KEYS_CACHE_TTL="+life.String(), "RAVEN_KEYS_VAULT_TIMEOUT=500ms")...)
	a, key := v.tenant(server.URL, "a")
	b, _ := v.tenant(server.URL, "b")
	p := filledTenant(t, server.URL, "platform")
	for _, f := range []failure{
		{name: "sealed", own: noService, other: noService, cause: func() func() { v.Seal(); return v.Unseal }},
		{name: "down", own: noService, other: noService, cause: func() func() { v.Kill(); return v.Restart }},
		{name: "limiting (429)", own: noService, other: noService, cause: func() func() { return v.RateLimit(v.mount+"/", 1) }},
		{name: "slow", own: noService, other: noService, cause: func() func() { proxy.Delay(5 * time.Second); return func() { proxy.Delay(0) } }},
		{name: "permission withdrawn", own: lockedOut, other: "200", cause: func() func() {
			v.SetPolicy(v.policy, v.rules()+fmt.Sprintf("path %q { capabilities = [\"deny\"] }\n", v.mount+"/decrypt/"+key))
			return func() { v.SetPolicy(v.policy, v.rules()) }
		}},
		{name: "min_decryption_version raised", own: lockedOut, other: "200", cause: func() func() {
			v.RotateKey(v.mount, key)
			v.MinDecryptionVersion(v.mount, key, 2)
			return func() { v.MinDecryptionVersion(v.mount, key, 1) }
		}},
		{name: "key deleted", own: lockedOut, other: "200", cause: func() func() { v.DestroyKey(v.mount, key); return nil }},
		{name: "token revoked", own: noService, other: noService, cause: func() func() { v.RevokeToken(v.token); return nil }},
	} {
		f.check(t, server, a, b, p)
	}
}

func (f failure) check(t *testing.T, server *process.Server, own, other, platform *client) {
	t.Helper()
	logged := len(server.Log())
	end := f.cause()
	if f.name != "token revoked" { // the tenant's key is gone already
		becomes(t, own, f.own)
	}
	time.Sleep(1500 * time.Millisecond) // past the cache's life, so that all have asked
	keep := make(chan string, 1)
	go func() { keep <- answerOf(own) }()
	gotOther, gotPlatform := seen(t, other), seen(t, platform)
	ingest := <-keep
	ready, err := newClient(server.URL).do("GET", "/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	recovered := "never"
	if end != nil {
		end()
		recovered = max(becomes(t, own, "200"), becomes(t, other, "200")).Round(10 * time.Millisecond).String()
	}
	t.Logf("%-30s | own: %s (ingest %s) | other: %s | platform: %s | readyz %d | recovered after %s | log: %s",
		f.name, f.own, ingest, gotOther, gotPlatform, ready.status, recovered, firstCause(server.Log()[logged:]))
	if gotOther != f.other || gotPlatform != "200" || ready.status != http.StatusOK || ingest != f.own {
		t.Errorf("%s: other %s, platform %s, ingest %s, readyz %s", f.name, gotOther, gotPlatform, ingest, ready.raw)
	}
}

func answerOf(c *client) string {
	a, err := c.do("POST", onlyConversation, object{"interactions": []object{interaction(canary)}})
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(fmt.Sprint(a.status, " ", a.text("code")))
}

// firstCause is what the log says first of a refusal's cause.
func firstCause(log string) string {
	_, rest, found := strings.Cut(log, `"cause":"`)
	cause, _, _ := strings.Cut(rest, `"}`)
	if !found {
		return "nothing"
	}
	return cause[:min(len(cause), 160)]
}

// TestServerStartsWithVaultDown is about a Vault that only tenants need.
func TestServerStartsWithVaultDown(t *testing.T) {
	t.Parallel()
	v := newVault(t, backend.Vault(t, backend.VaultHere))
	dir := t.TempDir()
	server := start(t, dir, v.env()...)
	own, _ := v.tenant(server.URL, "own")
	platform := filledTenant(t, server.URL, "platform")
	server.Stop()
	v.Kill()
	server = start(t, dir, v.env()...)
	own.url, platform.url = server.URL, server.URL
	newClient(server.URL).must(t, http.StatusOK, "GET", "/readyz", nil)
	if got := seen(t, own); got != noService {
		t.Errorf("the tenant with its own key sees %s", got)
	}
	if got := seen(t, platform); got != "200" {
		t.Errorf("the other sees %s", got)
	}
	v.Restart()
	becomes(t, own, "200")
}

// TestRestoredBackupDoesNotOpenWithoutTheKey restores yesterday's copy of
// everything, after the tenant destroyed its key in Vault.
func TestRestoredBackupDoesNotOpenWithoutTheKey(t *testing.T) {
	t.Parallel()
	v := newVault(t, backend.SharedVault(t))
	dir := t.TempDir()
	server := start(t, dir, v.env()...)
	own, key := v.tenant(server.URL, "own")
	platform := filledTenant(t, server.URL, "platform")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for own.must(t, http.StatusOK, "GET", "/api/v1/tenant/encryption", nil).body["re_encryption"].(map[string]any)["state"] != "idle" {
		if ctx.Err() != nil {
			t.Fatal("re-encryption does not end")
		}
		time.Sleep(20 * time.Millisecond)
	}
	server.Stop()
	backup := filepath.Join(t.TempDir(), "restored")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	server = start(t, dir, v.env()...)
	own.url = server.URL
	receipt := own.must(t, http.StatusAccepted, "DELETE", "/api/v1/tenant?confirm="+strings.TrimPrefix(key, "raven-"), nil)
	if !strings.Contains(string(receipt.raw), key) {
		t.Errorf("the receipt does not name the key: %s", receipt.raw)
	}
	v.DestroyKey(v.mount, key)
	server.Stop()

	if err := restrict(backup); err != nil {
		t.Fatal(err)
	}
	server = start(t, backup, v.env()...)
	own.url, platform.url = server.URL, server.URL
	own.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil)
	if got := seen(t, platform); got != "200" {
		t.Errorf("the copy is not whole: %s", got)
	}
	for _, path := range []string{"/api/v1/users", "/api/v1/users/ext:u", onlyConversation, "/api/v1/users/ext:u/memory", "/api/v1/users/ext:u/export"} {
		if a := own.must(t, http.StatusLocked, "GET", path, nil); a.text("code") != "key_unavailable" {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
	own.must(t, http.StatusLocked, "POST", "/api/v1/users/ext:u/context", object{"query": canary})
}

// TestOldVersionsOfATransitKeyCanBeRetiredAfterARotation rotates the key in
// Vault, then the data key, and then has Vault refuse the old version.
func TestOldVersionsOfATransitKeyCanBeRetiredAfterARotation(t *testing.T) {
	t.Parallel()
	v := newVault(t, backend.SharedVault(t))
	server := start(t, t.TempDir(), v.env("RAVEN_KEYS_CACHE_TTL=1s")...)
	c, key := v.tenant(server.URL, "own")
	for version := 2; version <= 4; version++ {
		v.RotateKey(v.mount, key)
		c.must(t, http.StatusAccepted, "POST", "/api/v1/tenant/encryption/rotate", nil)
		v.MinDecryptionVersion(v.mount, key, version)
		for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if got := seen(t, c); got != "200" {
				t.Fatalf("with min_decryption_version %d: %s", version, got)
			}
		}
	}
}

// TestPlatformMovesFromTheKeyringToVault changes who wraps for the platform, has
// what was wrapped before moved, and throws the keyring away.
func TestPlatformMovesFromTheKeyringToVault(t *testing.T) {
	t.Parallel()
	v := newVault(t, backend.Vault(t, backend.VaultHere))
	v.MakeKey(v.mount, "raven-platform")
	v.SetPolicy(v.policy, v.rules()+fmt.Sprintf("path %q { capabilities = [\"update\"] }\n", v.mount+"/encrypt/raven-platform"))
	dir := t.TempDir()
	server := start(t, dir)
	c := filledTenant(t, server.URL, "platform")
	server.Stop()

	env := v.env("RAVEN_KEYS_PLATFORM_PROVIDER=vault", "RAVEN_KEYS_CACHE_TTL=1s")
	server = start(t, dir, env...)
	c.url = server.URL
	if got := seen(t, c); got != "200" {
		t.Fatalf("before the keys are moved: %s", got)
	}
	server.Stop()
	if out, err := process.Command(binary, []string{"keyring", "rewrap"}, dir, env...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(dir, "platform.keyring")); err != nil {
		t.Fatal(err)
	}
	server = start(t, dir, env...)
	c.url = server.URL
	if got := seen(t, c); got != "200" {
		t.Fatalf("without the keyring: %s", got)
	}
	if got := c.must(t, http.StatusOK, "GET", "/api/v1/tenant/encryption", nil).text("provider"); got != "vault-platform" {
		t.Errorf("the provider is %s", got)
	}
	filledTenant(t, server.URL, "new")
	v.Seal()
	becomes(t, c, noService)
	newClient(server.URL).must(t, http.StatusServiceUnavailable, "GET", "/readyz", nil)
	v.Unseal()
	becomes(t, c, "200")
}

// restrict gives the keyring of a copy the mode that it had.
func restrict(dir string) error { return os.Chmod(filepath.Join(dir, "platform.keyring"), 0o600) }
