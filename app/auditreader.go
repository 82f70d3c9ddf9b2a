package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/ports"
)

// AuditReader reads the audit log as it is configured, beside a server that may
// be running on it.
type AuditReader struct {
	ports.AuditLog
	monthly monthlyLog
	closers []func() error // the last is closed first
	cfg     config.Config
	store   store // nil while it is not needed
}

// OpenAuditReader opens the log. Whoever gets a reader must Close it.
func OpenAuditReader(ctx context.Context, cfg config.Config) (*AuditReader, error) {
	r := &AuditReader{cfg: cfg}
	if cfg.Audit.Backend == config.AuditStore {
		if err := r.openStore(ctx); err != nil {
			return nil, err
		}
	}
	log, err := openAuditLog(ctx, cfg, r.store)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.AuditLog, r.monthly, r.closers = log, log.monthly, append(r.closers, log.close)
	return r, nil
}

func (r *AuditReader) openStore(ctx context.Context) error {
	if r.store != nil {
		return nil
	}
	s, err := openReadOnly(ctx, r.cfg)
	if err != nil {
		return err
	}
	r.store, r.closers = s, append(r.closers, s.Close)
	return nil
}

// openReadOnly opens the store without changing anything of it.
func openReadOnly(ctx context.Context, cfg config.Config) (store, error) {
	if cfg.Store.Backend != config.StoreEmbedded {
		s, _, err := openStore(ctx, cfg)
		return s, err
	}
	s, err := sqlite.OpenReadOnly(ctx, cfg.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data_dir: %w in %s", ErrNothingStored, cfg.DataDir)
	}
	return s, err
}

// Waiting counts a tenant's events that are on their way to the log. there is false
// when nobody knows of such a tenant.
func (r *AuditReader) Waiting(ctx context.Context, tenant core.TenantID) (events int64, there bool, err error) {
	if err := r.openStore(ctx); err != nil {
		return 0, false, err
	}
	positions, err := r.store.Positions(ctx, tenant)
	if err != nil {
		return 0, false, err
	}
	waiting, err := eventsAfter(ctx, r.store, tenant, positions[audit.LogSink])
	if err != nil || len(waiting) > 0 {
		return int64(len(waiting)), true, err
	}
	_, err = r.store.Tenant(ctx, tenant)
	if core.Is(err, core.CodeNotFound) {
		return 0, false, nil
	}
	return 0, err == nil, err
}

// Close closes what was opened.
func (r *AuditReader) Close() error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	return errors.Join(errs...)
}

// Key is the deployment's public key, made of its secret, which the wrapping
// keys open.
func (r *AuditReader) Key(ctx context.Context) (audit.PublicKey, error) {
	signer, err := r.signer(ctx)
	if err != nil {
		return audit.PublicKey{}, err
	}
	return signer.Key(), nil
}

func (r *AuditReader) signer(ctx context.Context) (*audit.Signer, error) {
	if err := r.openStore(ctx); err != nil {
		return nil, err
	}
	d, err := r.store.Deployment(ctx)
	if core.Is(err, core.CodeNotFound) {
		err = ErrNothingStored
	}
	if err != nil {
		return nil, err
	}
	holders, err := openKeyHolders(r.cfg, LoadKeyring, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer holders.close()
	service := sealing.New(sealing.Deps{
		Providers: holders.Providers, Keys: unchanged{r.store}, Clock: clock{}, Random: rand.Reader,
	}, sealing.Options{})
	if err := service.Start(ctx, func() string { return d.ID }, holders.keyringChecks); err != nil {
		return nil, err
	}
	secret, err := service.Secret(ctx, core.DeploymentTenant, auditSecret)
	if err != nil {
		return nil, err
	}
	return audit.NewSigner(d.ID, secret)
}

type dataKeys = ports.DataKeys

// unchanged keeps what a server would note at its start from being noted.
type unchanged struct{ dataKeys }

// AddKeyChecks does nothing.
func (unchanged) AddKeyChecks(context.Context, map[uint32]string) error { return nil }
