package config_test

import (
	"slices"
	"testing"

	"github.com/raven-memory/raven/config"
)

func TestVaultNeedsWhatItIsReachedBy(t *testing.T) {
	t.Parallel()
	vault := []string{"RAVEN_KEYS_TENANT_PROVIDER=vault", "RAVEN_KEYS_VAULT_ADDR=https://vault.example.com:8200"}
	token := append(slices.Clone(vault), "RAVEN_KEYS_VAULT_AUTH_TOKEN=hvs.x")
	for name, c := range map[string]struct {
		env []string
		key string
	}{
		"no address for tenants":     {[]string{"RAVEN_KEYS_TENANT_PROVIDER=vault", "RAVEN_KEYS_VAULT_AUTH_TOKEN=x"}, "keys.vault.addr"},
		"no address for platform":    {[]string{"RAVEN_KEYS_PLATFORM_PROVIDER=vault", "RAVEN_KEYS_VAULT_AUTH_TOKEN=x"}, "keys.vault.addr"},
		"no token":                   {vault, "keys.vault.auth.token"},
		"AppRole without role":       {append(slices.Clone(vault), "RAVEN_KEYS_VAULT_AUTH_METHOD=approle", "RAVEN_KEYS_VAULT_AUTH_SECRET_ID=x"), "keys.vault.auth.role_id"},
		"AppRole without secret":     {append(slices.Clone(vault), "RAVEN_KEYS_VAULT_AUTH_METHOD=approle", "RAVEN_KEYS_VAULT_AUTH_ROLE_ID=x"), "keys.vault.auth.secret_id"},
		"Kubernetes without role":    {append(slices.Clone(vault), "RAVEN_KEYS_VAULT_AUTH_METHOD=kubernetes"), "keys.vault.auth.role"},
		"provisioning without token": {append(slices.Clone(token), "RAVEN_KEYS_VAULT_PROVISION=true"), "keys.vault.provision_token"},
		"a token without its use":    {append(slices.Clone(token), "RAVEN_KEYS_VAULT_PROVISION_TOKEN=x"), "keys.vault.provision_token"},
		"an address that nobody has": {[]string{"RAVEN_KEYS_VAULT_ADDR=https://vault.example.com"}, "keys.vault.addr"},
	} {
		list := refuse(t, config.LoadOptions{Env: c.env})
		if len(list) != 1 {
			t.Errorf("%s: %v", name, list)
		}
		mustBlame(t, list, c.key, "")
	}
	c := load(t, config.LoadOptions{Env: token})
	if v := c.Keys.Vault; v.Mount != "transit" || v.KeyTemplate != "raven-{tenant_id}" || v.PlatformKey != "raven-platform" || v.Provision {
		t.Errorf("defaults %+v", v)
	}
}

func TestVaultNamesCannotLeaveTheirPath(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string][]string{
		"keys.vault.mount":        {"", "..", "a/../b", "/transit", "transit/", "a//b", "a b", "a%2fb", "{x}"},
		"keys.vault.namespace":    {"..", "/a", "a/.", "a?b"},
		"keys.vault.key_template": {"", "raven", "{tenant_id}{tenant_id}", "a/{tenant_id}", "../{tenant_id}", "raven-{tenant}"},
		"keys.vault.platform_key": {"", "a/b", ".", "..", "{tenant_id}"},
		"keys.vault.addr":         {"vault:8200", "ftp://vault", "https://", "https://u:p@vault", "https://vault/v1", "https://vault?x"},
	} {
		k := key(t, name)
		for _, text := range bad {
			if err := k.Set(text); err == nil {
				t.Errorf("%s takes %q", name, text)
			}
		}
	}
	for name, good := range map[string]string{
		"keys.vault.mount": "teams/a/transit", "keys.vault.key_template": "{tenant_id}", "keys.vault.addr": "http://127.0.0.1:8200",
		"keys.vault.namespace": "",
	} {
		if err := key(t, name).Set(good); err != nil {
			t.Errorf("%s refuses %q: %v", name, good, err)
		}
	}
}

func TestAServerWithVaultNeedsNoKeyring(t *testing.T) {
	t.Parallel()
	load(t, config.LoadOptions{Serve: true, Env: []string{
		"RAVEN_HTTP_ADDR=0.0.0.0:3000", "RAVEN_DATA_DIR=" + t.TempDir(), "RAVEN_REGISTRATION_MODE=closed",
		"RAVEN_KEYS_PLATFORM_PROVIDER=vault", "RAVEN_KEYS_VAULT_ADDR=https://vault.example.com", "RAVEN_KEYS_VAULT_AUTH_TOKEN=x",
	}})
}
