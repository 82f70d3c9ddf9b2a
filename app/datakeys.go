package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/ports"
)

// tenantsAtOnce is how many tenants' ids are asked for at once.
const tenantsAtOnce = 500

// ErrNothingStored says that there is no store yet, or nothing in it.
var ErrNothingStored = errors.New("nothing is stored yet")

// openExisting opens the store to change it, without making one where none is.
func openExisting(ctx context.Context, cfg config.Config) (store, error) {
	if _, err := readDeployment(ctx, cfg); err != nil {
		return nil, err
	}
	s, _, err := openStore(ctx, cfg)
	if err != nil && cfg.Store.Backend == config.StoreEmbedded {
		err = fmt.Errorf("the embedded store opens only while no server runs on it: %w", err)
	}
	return s, err
}

// readDeployment fails with ErrNothingStored where there is none.
func readDeployment(ctx context.Context, cfg config.Config) (d core.Deployment, err error) {
	s, err := openReadOnly(ctx, cfg)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	d, err = s.Deployment(ctx)
	if core.Is(err, core.CodeNotFound) {
		err = ErrNothingStored
	}
	return d, err
}

// CountDataKeys counts the stored data keys that each version of the keyring
// wraps. It may do so beside a running server.
func CountDataKeys(ctx context.Context, cfg config.Config, keyring *localkeys.Keyring) (counts map[uint32]int, err error) {
	counts = map[uint32]int{}
	s, err := openReadOnly(ctx, cfg)
	if errors.Is(err, ErrNothingStored) {
		return counts, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	d, err := s.Deployment(ctx)
	if core.Is(err, core.CodeNotFound) {
		return counts, nil
	}
	if err != nil {
		return nil, err
	}
	count := func(list []core.WrappedKey) {
		for _, w := range list {
			if w.Provider == keyring.Provider() {
				counts[keyring.WrappedBy(w.Wrapped)]++
			}
		}
	}
	count(d.DataKeys)
	return counts, eachTenant(ctx, s, func(id core.TenantID) error {
		list, err := s.DataKeys(ctx, id)
		if core.Is(err, core.CodeNotFound) { // deleted meanwhile
			return nil
		}
		count(list)
		return err
	})
}

func eachTenant(ctx context.Context, s store, do func(core.TenantID) error) error {
	var after core.TenantID
	for {
		ids, err := s.TenantIDs(ctx, after, tenantsAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := do(id); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// RewrapDataKeys brings every stored data key under the active version of its
// wrapping key; progress is told after each of total owners of keys. It may be
// run again at any time. On the embedded store no server may run meanwhile; on
// Redis every server must know the keyring's active version.
func RewrapDataKeys(ctx context.Context, cfg config.Config, log *slog.Logger, progress func(done, total int)) (err error) {
	s, err := openExisting(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	rotation, ok := any(s).(ports.KeyRotation)
	if !ok {
		return fmt.Errorf("the store of store.backend %s can't rewrap", cfg.Store.Backend)
	}
	holders, err := openKeyHolders(cfg, LoadKeyring, log)
	if err != nil {
		return err
	}
	defer holders.close()
	service := sealing.New(sealing.Deps{
		Providers: holders.Providers,
		Keys:      s, Rotation: rotation, Tenants: s, Clock: clock{}, Random: rand.Reader,
		Report: func(_ context.Context, doing string, err error) {
			log.Error("failed", "doing", doing, "error", err.Error())
		},
	}, sealing.Options{})
	ids := core.NewIDs(clock{}.Now, rand.Reader)
	if err := service.Start(ctx, ids.Deployment, holders.keyringChecks); err != nil {
		return err
	}
	return service.RewrapAll(ctx, progress)
}
