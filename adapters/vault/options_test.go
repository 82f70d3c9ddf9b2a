package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/vault"
)

func goodOptions() vault.Options {
	return vault.Options{
		Address: "http://127.0.0.1:1", Timeout: 50 * time.Millisecond,
		Auth: vault.Auth{Method: vault.MethodToken, Token: "hvs.hidden"},
	}
}

func TestOptionsThatCouldLeaveTheirPlaceAreRefused(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"..", ".", "../sys", "a/../sys", "transit/", "/transit", "a//b", "a/./b", "a b", "a\x00b", "a?b", "a#b", "a%2e%2e",
		`a\b`, "a\n", "é", "a:b", "{a}", "-", strings.Repeat("a", 300),
	}
	for name, set := range map[string]func(*vault.Options, string){
		"mount":        func(o *vault.Options, s string) { o.Mount = s },
		"namespace":    func(o *vault.Options, s string) { o.Namespace = s },
		"template":     func(o *vault.Options, s string) { o.KeyTemplate = s + "{tenant_id}" + s },
		"platform key": func(o *vault.Options, s string) { o.PlatformKey = s },
		"auth mount":   func(o *vault.Options, s string) { o.Auth.Mount = s },
	} {
		for _, text := range hostile {
			o := goodOptions()
			set(&o, text)
			mustRefuse(t, fmt.Sprintf("%s %.20q", name, text), o)
		}
	}
	for _, template := range []string{"raven", "{tenant_id}{tenant_id}", "a/{tenant_id}", "{tenant}", "{tenant_id"} {
		o := goodOptions()
		o.KeyTemplate = template
		mustRefuse(t, "template "+template, o)
	}
	for _, address := range []string{
		"", "vault:8200", "ftp://vault", "https://", "https://user:pw@vault", "https://vault/v1", "https://vault?x=1", "https://vault#x", "unix:///x",
	} {
		o := goodOptions()
		o.Address = address
		mustRefuse(t, "address "+address, o)
	}
	for name, auth := range map[string]vault.Auth{
		"nothing": {}, "another": {Method: "ldap"}, "no token": {Method: "token"}, "no secret id": {Method: "approle", RoleID: "r"},
		"no role": {Method: "kubernetes"},
	} {
		o := goodOptions()
		o.Auth = auth
		mustRefuse(t, "auth "+name, o)
	}
	o := goodOptions()
	o.PlatformKey = "raven-" + string(newTenant())
	mustRefuse(t, "a tenant's key for the platform", o)
	o = goodOptions()
	o.Timeout = -1
	mustRefuse(t, "timeout", o)
}

func mustRefuse(t *testing.T, what string, o vault.Options) {
	t.Helper()
	client, err := vault.Open(o)
	switch {
	case err == nil:
		t.Errorf("%s: taken", what)
		client.Close()
	case strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "pw"):
		t.Errorf("%s: %v repeats a secret", what, err)
	}
}

func TestOrdinaryOptionsAreTaken(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*vault.Options){
		func(*vault.Options) {},
		func(o *vault.Options) { o.Address = "https://vault.example:8200/" },
		func(o *vault.Options) { o.Mount, o.Namespace = "team_1/transit-2", "org/unit.x" },
		func(o *vault.Options) { o.KeyTemplate, o.PlatformKey = "{tenant_id}", "p" },
		func(o *vault.Options) { o.KeyTemplate = "prod.{tenant_id}-v2" },
	} {
		o := goodOptions()
		change(&o)
		client, err := vault.Open(o)
		if err != nil {
			t.Error(err)
			continue
		}
		client.Close()
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	o := goodOptions()
	o.ProvisionToken, o.Auth.SecretID = "hvs.hidden", "hidden"
	client, err := vault.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	text, _ := json.Marshal(map[string]any{"o": o, "a": o.Auth})
	for _, said := range []string{
		string(text), fmt.Sprint(o), fmt.Sprintf("%+v %#v %s %q", o, o, o, o), fmt.Sprintf("%+v %#v", o.Auth, o.Auth), fmt.Sprintf("%+v %#v", client, client),
	} {
		if strings.Contains(said, "hidden") {
			t.Errorf("printed as %s", said)
		}
	}
}

// TestEnvironmentIsNotRead sets what Vault's own library reads.
func TestEnvironmentIsNotRead(t *testing.T) {
	w := newWorld(t, shared(t))
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": "hvs.other", "VAULT_NAMESPACE": "other", "VAULT_PROXY_ADDR": "http://127.0.0.1:9",
		"VAULT_AGENT_ADDR": "http://127.0.0.1:9", "VAULT_HEADERS": `{"X-Other":"1"}`, "VAULT_MAX_RETRIES": "20", "VAULT_CLIENT_TIMEOUT": "1ms",
		"VAULT_RATE_LIMIT": "1:1", "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
	} {
		t.Setenv(name, value)
	}
	front := w.front(func(r *http.Response) {
		h := r.Request.Header
		token, isLogin := h.Get("X-Vault-Token"), strings.HasSuffix(r.Request.URL.Path, "/login")
		if (token == "") != isLogin || token == "hvs.other" || h.Get("X-Other") != "" || h.Get("X-Vault-Namespace") != "" {
			t.Errorf("%s was asked with %v", r.Request.URL.Path, h)
		}
	})
	role := w.AppRole(w.policy, time.Hour, time.Hour)
	k := w.open(func(o *vault.Options) { o.Address, o.Auth = front, by(role) }).Tenant()
	tenant := w.tenant()
	_, wrapped := mustMake(t, k, tenant)
	for range 5 {
		wantCode(t, "with an environment", k, tenant, wrapped, "")
	}
}
