package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/adapters/vault"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

// certificateSoon is how long before its end a certificate is worth a word.
const certificateSoon = 14 * 24 * time.Hour

// Doctor looks at everything that the configuration leads to, and says of each
// whether it is in order, and else what is wrong and how to mend it. It changes
// nothing, prints no secret, and may be run beside the server.
func Doctor(ctx context.Context, cfg config.Config) core.Findings {
	var found core.Findings
	doctorServe(cfg, &found)
	doctorListeners(ctx, cfg, &found)
	doctorCertificate(cfg, &found)
	doctorMachine(cfg, &found)
	if cfg.Store.Backend == config.StoreEmbedded {
		found = append(found, sqlite.Examine(ctx, cfg.DataDir)...)
	} else {
		found = append(found, redis.Examine(ctx, redisOptions(cfg.Store.Redis))...)
	}
	doctorKeys(ctx, cfg, &found)
	if cfg.Audit.Backend == config.AuditPostgres {
		found = append(found, postgres.Examine(ctx, postgres.Options{URL: cfg.Audit.Postgres.URL.Reveal()})...)
	}
	doctorCheckpoints(ctx, cfg, &found)
	doctorWebhooks(cfg, &found)
	doctorModels(ctx, cfg, &found)
	return found
}

// DoctorConfig says what is wrong with a configuration that is refused.
func DoctorConfig(err error) core.Findings {
	var found core.Findings
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		found.Fail("configuration", err.Error(), "see raven help config")
		return found
	}
	for _, p := range wrong.Problems {
		found.Fail("configuration: "+p.Key, p.Message, "correct "+p.Key+map[bool]string{true: " in " + p.Source}[p.Source != ""])
	}
	return found
}

// doctorServe looks at what only a server needs.
func doctorServe(cfg config.Config, found *core.Findings) {
	if err := cfg.ValidateServe(); err != nil {
		*found = append(*found, DoctorConfig(err)...)
	} else {
		found.OK("configuration", "it is accepted")
	}
	switch {
	case cfg.Registration.Mode == config.RegistrationOpen && !cfg.Loopback():
		found.Warn("registration", "everybody who reaches "+cfg.HTTP.Addr+" may make a tenant", "set registration.mode to token or closed")
	default:
		found.OK("registration", fmt.Sprintf("mode %s, on %s", cfg.Registration.Mode, cfg.HTTP.Addr))
	}
	if !cfg.Loopback() && cfg.HTTP.TLS.Cert == "" && len(cfg.HTTP.TrustedProxies) == 0 {
		found.Warn("http: TLS", "API keys and memory go over the network in the clear", "set http.tls.cert and http.tls.key, or put a proxy with TLS in front and name it in http.trusted_proxies")
	}
}

// doctorKeys looks at who holds the wrapping keys, and whether they open what is
// stored.
func doctorKeys(ctx context.Context, cfg config.Config, found *core.Findings) {
	platform, tenants := cfg.Keys.Platform.Provider == config.KeysVault, cfg.Keys.Tenant.Provider == config.KeysVault
	if platform || tenants {
		options := vaultOptions(cfg.Keys.Vault, slog.New(slog.DiscardHandler))
		*found = append(*found, vault.Examine(ctx, options, platform, tenants)...)
		if plainOverNetwork(cfg.Keys.Vault.Addr) {
			found.Fail("vault: TLS", "data keys go over the network in the clear", "https:// in keys.vault.addr")
		}
		if cfg.Keys.Vault.ProvisionToken != "" {
			found.Warn("vault: provisioning", "Raven holds a token that makes keys", "make tenants' keys elsewhere, and unset keys.vault.provision")
		}
	}
	keyring, err := LoadKeyring(cfg)
	switch {
	case errors.Is(err, fs.ErrNotExist) && platform:
	case errors.Is(err, fs.ErrNotExist) && cfg.Loopback():
		doctorNoKeyring(ctx, cfg, found)
		return
	case err != nil:
		found.Fail("keyring", err.Error(), doctorKeyringMend(cfg, err))
		return
	default:
		doctorKeyring(cfg, keyring, found)
	}
	doctorDeployment(ctx, cfg, found)
}

// doctorNoKeyring tells a first start from data whose keyring is gone.
func doctorNoKeyring(ctx context.Context, cfg config.Config, found *core.Findings) {
	switch _, err := readDeployment(ctx, cfg); {
	case errors.Is(err, ErrNothingStored):
		found.OK("keyring", "there is none yet; the first start makes "+cfg.Keys.Platform.KeyringFile)
	case err != nil:
		found.Warn("keyring", "there is none, and the store can't be read: "+err.Error(), "mend the store first")
	default:
		found.Fail("keyring", errKeyringGone(cfg).Error(), doctorKeyringMend(cfg, fs.ErrNotExist))
	}
}

func doctorKeyringMend(cfg config.Config, err error) string {
	path := cfg.Keys.Platform.KeyringFile
	switch text := err.Error(); {
	case errors.Is(err, fs.ErrNotExist):
		return "restore it from its backup to " + path + ", or, where nothing is stored yet, raven keyring init"
	case errors.Is(err, fs.ErrPermission):
		return "let this user, and nobody else, read " + path
	case strings.Contains(text, "chmod"):
		return "chmod 600 " + path
	case errors.Is(err, localkeys.ErrPassphraseMissing), errors.Is(err, localkeys.ErrPassphrase):
		return "correct keys.platform.passphrase"
	case errors.Is(err, localkeys.ErrNotProtected):
		return "unset keys.platform.passphrase, or protect the file: raven keyring init --passphrase in a new place"
	default:
		return "restore the keyring from its backup; make no new one over stored data"
	}
}

func doctorKeyring(cfg config.Config, keyring *localkeys.Keyring, found *core.Findings) {
	versions := fmt.Sprintf("%d versions, the active one is %d", len(keyring.Versions()), keyring.Versions()[0])
	if cfg.Keys.Platform.Keyring == "" && cfg.Keys.Platform.Passphrase == "" && !cfg.Loopback() {
		found.Warn("keyring", versions+"; whoever reads the file or a copy of the disk has the keys", "protect it by keys.platform.passphrase, or let Vault hold the key")
		return
	}
	found.OK("keyring", versions)
}

// doctorDeployment opens the deployment's keys with the wrapping keys.
func doctorDeployment(ctx context.Context, cfg config.Config, found *core.Findings) {
	const check = "keys: open the deployment"
	d, err := readDeployment(ctx, cfg)
	if errors.Is(err, ErrNothingStored) {
		found.OK(check, "nothing is stored yet")
		return
	}
	if err != nil {
		found.Warn(check, "the store can't be read: "+err.Error(), "mend the store first")
		return
	}
	err = doctorProve(ctx, cfg, d)
	switch {
	case errors.Is(err, sealing.ErrWrongKeyring):
		found.Fail(check, err.Error(), "use the keyring that this deployment was made with; every node on one store needs the same")
	case err != nil:
		found.Fail(check, err.Error(), "mend the provider of the keys first")
	default:
		found.OK(check, "they open "+d.ID)
	}
}

func doctorProve(ctx context.Context, cfg config.Config, d core.Deployment) (err error) {
	s, err := openReadOnly(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	holders, err := openKeyHolders(cfg, LoadKeyring, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer holders.close()
	service := sealing.New(sealing.Deps{
		Providers: holders.Providers, Keys: unchanged{s}, Clock: clock{}, Random: rand.Reader,
	}, sealing.Options{})
	return service.Start(ctx, func() string { return d.ID }, holders.keyringChecks)
}
