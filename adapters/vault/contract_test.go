package vault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/contract"
)

// ways are those to reach Vault and to log in.
var ways = []struct {
	name   string
	server func(*testing.T) *backend.VaultServer
	way    func(*world, *vault.Options)
}{
	{"token", shared, func(*world, *vault.Options) {}},
	{"approle", shared, func(w *world, o *vault.Options) {
		r := w.AppRole(w.policy, time.Hour, 24*time.Hour)
		o.Auth = vault.Auth{Method: vault.MethodAppRole, Mount: r.Mount, RoleID: r.RoleID, SecretID: r.SecretID}
	}},
	{"kubernetes", here, func(w *world, o *vault.Options) {
		r := w.Kubernetes(w.policy, time.Hour, 24*time.Hour)
		o.Auth = vault.Auth{Method: vault.MethodKubernetes, Mount: r.Mount, Role: r.Role, JWTFile: r.JWTFile}
	}},
	{"tls", overTLS, func(*world, *vault.Options) {}},
}

func shared(t *testing.T) *backend.VaultServer { t.Helper(); return backend.SharedVault(t) }
func here(t *testing.T) *backend.VaultServer   { t.Helper(); return backend.Vault(t, backend.VaultHere) }
func overTLS(t *testing.T) *backend.VaultServer {
	t.Helper()
	return backend.Vault(t, backend.VaultTLS)
}

// TestContract gives each way of logging in one Vault, and each part of a suite
// a client with a transit engine of its own.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			server := w.server(t)
			open := func(t *testing.T) (*vault.Client, *world) {
				own := newWorld(t, server.For(t))
				// The suite asks for the deployment's keys as it does for tenants'.
				rules := own.rules("runtime")
				own.SetPolicy(own.policy, rules+strings.ReplaceAll(rules, "raven-ten_*", "raven-deployment"))
				client := own.open(own.provisioned, func(o *vault.Options) { w.way(own, o) })
				return client, own
			}
			t.Run("tenant", func(t *testing.T) {
				contract.WrappingKeys(t, func(t *testing.T) ports.WrappingKeys {
					client, _ := open(t)
					return client.Tenant()
				})
			})
			platform := func(t *testing.T) ports.PlatformKeys {
				client, own := open(t)
				own.MakeKey(own.mount, vault.DefaultPlatformKey)
				return client.Platform()
			}
			t.Run("platform", func(t *testing.T) {
				contract.WrappingKeys(t, func(t *testing.T) ports.WrappingKeys { return platform(t) })
			})
			t.Run("platform wraps", func(t *testing.T) { contract.PlatformKeys(t, platform) })
			t.Run("tenant rotated", func(t *testing.T) {
				contract.RotatedKeys(t, func(t *testing.T) (ports.WrappingKeys, func(core.TenantID) ports.WrappingKeys) {
					client, own := open(t)
					return client.Tenant(), func(tenant core.TenantID) ports.WrappingKeys {
						own.RotateKey(own.mount, keyName(tenant))
						return client.Tenant()
					}
				})
			})
			t.Run("platform rotated", func(t *testing.T) {
				contract.RotatedKeys(t, func(t *testing.T) (ports.WrappingKeys, func(core.TenantID) ports.WrappingKeys) {
					client, own := open(t)
					own.MakeKey(own.mount, vault.DefaultPlatformKey)
					return client.Platform(), func(core.TenantID) ports.WrappingKeys {
						own.RotateKey(own.mount, vault.DefaultPlatformKey)
						return client.Platform()
					}
				})
			})
		})
	}
}
