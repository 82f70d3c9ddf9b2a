package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"

	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/config"
)

// openVault makes the client of the Vault that is configured. It asks Vault
// nothing yet. Writes need a Vault that wraps for the platform, and only the
// tenants whose keys are there need one that does not.
func (h *keyHolders) openVault(cfg config.Config, log *slog.Logger, through func(http.RoundTripper) http.RoundTripper) error {
	platform := cfg.Keys.Platform.Provider == config.KeysVault
	tenants := cfg.Keys.Tenant.Provider == config.KeysVault
	if cfg.Keys.Vault.Addr == "" {
		return nil
	}
	options := vaultOptions(cfg.Keys.Vault, log)
	options.Through = through
	client, err := vault.Open(options)
	if err != nil {
		return fmt.Errorf("keys.vault: %w", err)
	}
	h.close = func() { _ = client.Close() }
	if platform {
		h.Platform = client.Platform()
	}
	if tenants {
		h.Tenant = client.Tenant()
	}
	h.broken = client.Broken
	h.health = append(h.health, fiberhttp.Check{Name: "vault", Required: platform, Ping: client.Health})
	if plainOverNetwork(cfg.Keys.Vault.Addr) {
		log.Warn("Vault is reached without TLS: whoever can read on the way reads data keys", "key", "keys.vault.addr")
	}
	return nil
}

func vaultOptions(v config.Vault, log *slog.Logger) vault.Options {
	return vault.Options{
		Address: v.Addr, Namespace: v.Namespace, Mount: v.Mount, CAFile: v.CAFile,
		Auth: vault.Auth{
			Method: v.Auth.Method, Token: v.Auth.Token.Reveal(),
			RoleID: v.Auth.RoleID, SecretID: v.Auth.SecretID.Reveal(), Role: v.Auth.Role,
		},
		KeyTemplate: v.KeyTemplate, PlatformKey: v.PlatformKey,
		ProvisionToken: v.ProvisionToken.Reveal(), Timeout: v.Timeout, Log: log,
	}
}

func plainOverNetwork(addr string) bool {
	u, err := url.Parse(addr)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
}
