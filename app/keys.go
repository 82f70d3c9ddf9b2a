package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	fiberhttp "github.com/raven-memory/raven/adapters/fiber"
	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/ports"
)

// How often the keys of all tenants are looked through.
const (
	rotateOldEvery = time.Hour
	rewrapEvery    = 6 * time.Hour
)

// keyHolders are who holds wrapping keys, as configured.
type keyHolders struct {
	sealing.Providers
	keyringChecks map[uint32]string // nil without a keyring
	health        []fiberhttp.Check
	broken        func() bool // of a Vault: whether it is not asked, after failures; nil without one
	close         func()
}

// openKeyHolders opens the platform's provider and the tenants', and beside a
// Vault that wraps for the platform the keyring that may have done so before. A
// Vault that only holds tenants' keys need not be there. open opens the keyring
// where it is what wraps for the platform.
func openKeyHolders(
	cfg config.Config, open func(config.Config) (*localkeys.Keyring, error), log *slog.Logger,
) (keyHolders, error) {
	return openTracedKeyHolders(cfg, open, log, nil)
}

// openTracedKeyHolders is openKeyHolders with what requests to Vault go through;
// nil for nothing.
func openTracedKeyHolders(
	cfg config.Config, open func(config.Config) (*localkeys.Keyring, error), log *slog.Logger,
	through func(http.RoundTripper) http.RoundTripper,
) (h keyHolders, err error) {
	h.close = func() {}
	if cfg.Keys.Platform.Provider == config.KeysLocal {
		keyring, err := open(cfg)
		if err != nil {
			return h, err
		}
		h.Platform, h.keyringChecks = keyring, keyring.Checks()
		err = h.openVault(cfg, log, through)
		return h, err
	}
	keyring, err := LoadKeyring(cfg)
	switch {
	case err == nil:
		h.Others, h.keyringChecks = append(h.Others, keyring), keyring.Checks()
	case !errors.Is(err, fs.ErrNotExist):
		return h, err
	}
	err = h.openVault(cfg, log, through)
	return h, err
}

// openSealing wires what seals, and what re-encrypts. What it is told to forget
// of a tenant lies in services that are wired after it.
func (a *App) openSealing(ctx context.Context, keyring *localkeys.Keyring) error {
	open := func(cfg config.Config) (*localkeys.Keyring, error) {
		if keyring != nil {
			return keyring, nil
		}
		return makeKeyring(ctx, cfg, a.store, a.log)
	}
	holders, err := openTracedKeyHolders(a.cfg, open, a.log, a.transport())
	if err != nil {
		return err
	}
	a.holders = holders
	ttl := a.cfg.Keys.CacheTTL
	if ttl == 0 {
		ttl = -1
	}
	deps := sealing.Deps{
		Providers: a.providers(holders.Providers), Keys: a.store, Clock: a.clock, Random: rand.Reader,
		Rotation: a.store, Leases: a.store, Tenants: a.store, IDs: a.ids, Node: rand.Text(), Memory: opened{a}, Report: a.report,
		Wake: func() {
			select {
			case a.reencrypt <- struct{}{}:
			default: // asked for already
			}
		},
	}
	deps.Events, _ = a.store.(ports.Recorder)
	a.sealing = sealing.New(deps, sealing.Options{CacheTTL: ttl})
	if err := a.sealing.Start(ctx, a.ids.Deployment, holders.keyringChecks); err != nil {
		return fmt.Errorf("keys.platform.provider %s: %w", a.cfg.Keys.Platform.Provider, err)
	}
	return nil
}

// opened is what this process holds of tenants in the clear.
type opened struct{ app *App }

// Forget drops a tenant's search indexes.
func (o opened) Forget(tenant core.TenantID) {
	if o.app.recall != nil {
		o.app.recall.Forget(tenant)
	}
}

// tenantBuffers seals what a conversation of any tenant has buffered.
type tenantBuffers struct{ app *App }

// FlushBuffer seals all of it.
func (b tenantBuffers) FlushBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) error {
	record, err := b.app.store.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	caller := core.Caller{Tenant: tenant, Settings: record.Settings}
	_, err = b.app.memory.Flush(ctx, caller, core.Op{}, user, conversation)
	return err
}

// keyWork is what keys need done without being asked.
func (a *App) keyWork() []periodic {
	sweep := a.cfg.Memory.SweepEvery
	if ttl := a.cfg.Keys.CacheTTL; ttl > 0 {
		sweep = min(sweep, ttl)
	}
	worker := sealing.NewReencryptor(a.sealing, a.store, tenantBuffers{a}, a.cfg.HTTP.RequestTimeout)
	list := []periodic{
		{sweep, nil, "dropping opened data keys", func(context.Context) error {
			a.sealing.Sweep()
			return nil
		}},
		{a.cfg.Memory.SweepEvery, a.reencrypt, "re-encrypting", worker.Run},
		{rewrapEvery, nil, "rewrapping data keys", func(ctx context.Context) error {
			return a.sealing.RewrapAll(ctx, nil)
		}},
	}
	if age := a.cfg.Keys.RotateAfter; age > 0 {
		list = append(list, periodic{min(rotateOldEvery, age), nil, "replacing old data keys", func(ctx context.Context) error {
			return a.sealing.RotateOld(ctx, age)
		}})
	}
	return list
}
