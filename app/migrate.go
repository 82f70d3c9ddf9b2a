package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/transfer"
)

// Migrate moves everything from one of the configured stores to the other, and
// verifies it. No server may run on either. Run again, it goes on where it was
// cut short. Answers kept for an Idempotency-Key and the log of webhook
// deliveries stay behind.
func Migrate(ctx context.Context, cfg config.Config, from, to string, log *slog.Logger, report func(transfer.Progress)) (r transfer.Result, err error) {
	source, err := openTransfer(ctx, cfg, from, true)
	if err != nil {
		return r, fmt.Errorf("the store to move from: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openTransfer(ctx, cfg, to, false)
	if err != nil {
		return r, fmt.Errorf("the store to move to: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	read := transfer.Store(source)
	if plainRefs(withStore(cfg, from)) != plainRefs(withStore(cfg, to)) {
		renamed, done, err := rename(ctx, withStore(cfg, to), source, log)
		if err != nil {
			return r, err
		}
		defer done()
		read = renamed
	}
	if r, err = transfer.Run(ctx, read, target, report); err != nil {
		return r, err
	}
	if err := moveEvents(ctx, cfg, source, target); err != nil {
		return r, fmt.Errorf("the tenants are moved, their events not yet: %w", err)
	}
	return r, nil
}

func withStore(cfg config.Config, backend string) config.Config {
	cfg.Store.Backend = backend
	return cfg
}

// transferStore is a store that can be moved from and to.
type transferStore interface {
	store
	transfer.Store
}

// openTransfer opens a store that is whole: one that a restore left half way is
// neither backed up nor moved.
func openTransfer(ctx context.Context, cfg config.Config, backend string, there bool) (transferStore, error) {
	s, err := openMovable(ctx, cfg, backend, there)
	if err != nil {
		return nil, err
	}
	if err := checkWhole(ctx, s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openMovable(ctx context.Context, cfg config.Config, backend string, there bool) (transferStore, error) {
	cfg = withStore(cfg, backend)
	var s store
	var err error
	if there {
		s, err = openExisting(ctx, cfg)
	} else {
		s, _, err = openStore(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	movable, ok := s.(transferStore)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s can't be moved", backend), s.Close())
	}
	return movable, nil
}

// renaming is a store whose records are found by what another deployment's
// choice of references makes of them.
type renaming struct {
	transferStore
	tenants *tenancy.Service
}

// rename needs the keys: what a record is found by is made of what is sealed.
func rename(ctx context.Context, cfg config.Config, source transferStore, log *slog.Logger) (transfer.Store, func(), error) {
	holders, err := openKeyHolders(cfg, LoadKeyring, log)
	if err != nil {
		return nil, nil, err
	}
	var c clock
	ids := core.NewIDs(c.Now, rand.Reader)
	seal := sealing.New(sealing.Deps{
		Providers: holders.Providers, Keys: source, Clock: c, Random: rand.Reader, Tenants: source, IDs: ids, Rotation: source,
	}, sealing.Options{})
	if err := seal.Start(ctx, ids.Deployment, holders.keyringChecks); err != nil {
		holders.close()
		return nil, nil, err
	}
	tenants := tenancy.New(tenancy.Deps{Store: source, Seal: seal, Clock: c, IDs: ids}, tenancyOptions(cfg))
	return renaming{source, tenants}, holders.close, nil
}

// ExportTenant gives the tenant with its email's other name.
func (r renaming) ExportTenant(ctx context.Context, id core.TenantID) (core.TenantImage, error) {
	t, err := r.transferStore.ExportTenant(ctx, id)
	if err != nil {
		return t, err
	}
	t.EmailKey, err = r.tenants.EmailKey(ctx, t.Record)
	return t, err
}

// Users gives users with their references' other names.
func (r renaming) Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error) {
	list, err := r.transferStore.Users(ctx, tenant, page)
	for i := range list {
		if err != nil {
			break
		}
		list[i].RefKey, err = r.tenants.UserRefKey(ctx, tenant, list[i])
	}
	return list, err
}

// Conversations gives conversations with their references' other names.
func (r renaming) Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error) {
	list, err := r.transferStore.Conversations(ctx, tenant, user, page)
	for i := range list {
		if err != nil {
			break
		}
		list[i].RefKey, err = r.tenants.ConversationRefKey(ctx, tenant, list[i])
	}
	return list, err
}
