package failpoints

import (
	"fmt"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

// withVault is a data directory, and a Vault that has keys of tenants' own.
type withVault struct {
	embedded

	vault []string // its settings
}

func (v withVault) env() []string { return v.vault }

func (v withVault) keep(t *testing.T) template { return withVault{embedded{copied(t, v.dir)}, v.vault} }

func (v withVault) fresh(t *testing.T) place { return withVault{embedded{copied(t, v.dir)}, v.vault} }

// encryptionMode asks for keys of the tenant's own, or of the platform's again.
func encryptionMode(name string) request {
	return request{method: "PATCH", path: "/tenant", body: fmt.Sprintf(`{"settings":{"encryption_mode":%q}}`, name)}
}

// changesOfKeys are what differs where a tenant may have keys in Vault.
var changesOfKeys = []operation{
	{name: "take a key of its own", ask: ownKey},
	{name: "re-encrypt with a key of its own", steps: true, prepare: then(buffered(1), does(ownKey)), job: "re-encrypting"},
	{name: "rotate with a key of its own", prepare: owning, ask: post(rotate.path, rotate.body)},
	{name: "go back to the platform's key", prepare: owning, ask: platformKey},
	{name: "re-encrypt with the platform's key again", steps: true, prepare: then(owning, does(platformKey)), job: "re-encrypting"},
	{name: "ingest with a key of its own", usual: true, prepare: then(owning, func(w *world) { w.again(patience) }), ask: post(talk+"/memory", said(1, "new"))},
}

var (
	ownKey      = encryptionMode("tenant")
	platformKey = encryptionMode("platform")
	owning      = then(buffered(1), does(ownKey), runs("re-encrypting"))
)

// TestChangesOfKeysMayGoWrong sweeps what changes between the platform's keys and
// those of a tenant in Vault.
func TestChangesOfKeysMayGoWrong(t *testing.T) { //nolint:tparallel // the subtests of sweep are
	t.Parallel()
	server := backend.SharedVault(t)
	mount := server.Transit()
	token := server.Token(server.Policy(backend.VaultRules(mount)), time.Hour, 24*time.Hour)
	p := prepare(t, func(t *testing.T) place {
		return withVault{embedded{folder(t)}, []string{
			"RAVEN_KEYS_TENANT_PROVIDER=vault", "RAVEN_KEYS_VAULT_ADDR=" + server.URL(),
			"RAVEN_KEYS_VAULT_MOUNT=" + mount, "RAVEN_KEYS_VAULT_AUTH_TOKEN=" + token,
		}}
	})
	server.MakeKey(mount, "raven-"+p.world.made["tenant"])
	count := sweep(t, p, changesOfKeys)
	for _, call := range []string{"TenantKeys.NewDataKey", "TenantKeys.Unwrap", "TenantKeys.Rewrap"} {
		if !count.swept[call] {
			t.Errorf("%s is in no operation that is swept", call)
		}
	}
}
