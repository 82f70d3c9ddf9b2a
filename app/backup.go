package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/argon2"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/backup"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/transfer"
)

// BackupOptions say what goes where.
type BackupOptions struct {
	File       string
	Passphrase string        // backup.MinPassphrase characters or more
	Tenant     core.TenantID // the one tenant that is wanted; "" for everything
}

// BackupResult sums up a backup or a restore.
type BackupResult struct {
	File  string `json:"file"`
	Store string `json:"store"` // where what was backed up is, or what was restored
	Bytes int64  `json:"bytes"`
	backup.Totals
	Keyring bool `json:"keyring"` // the file holds the platform keyring
}

// Backup writes everything that the configured store holds, and the platform
// keyring, to a new file. A server may run meanwhile. Of the embedded store it
// is the state of one moment; of Redis each user is, and what is acknowledged
// before Backup is called is in it. Answers kept for an Idempotency-Key and
// deliveries of webhooks stay behind.
func Backup(ctx context.Context, cfg config.Config, opt BackupOptions, report func(transfer.Progress)) (r BackupResult, err error) {
	if _, err := os.Lstat(opt.File); !errors.Is(err, fs.ErrNotExist) {
		return r, errors.Join(fmt.Errorf("there is something at %s already; it was not touched", opt.File), err)
	}
	s, err := openBackupSource(ctx, cfg)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	header, err := backupHeader(ctx, cfg, s)
	if err != nil {
		return r, err
	}
	header.Tenant = opt.Tenant
	log, err := openAuditLog(ctx, cfg, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	r = BackupResult{File: opt.File, Store: storePlace(cfg), Keyring: header.Keyring != ""}
	r.Bytes, err = writeNewFile(opt.File, func(f *os.File) error {
		w, err := backup.NewWriter(f, opt.Passphrase, argon2id, rand.Reader)
		if err != nil {
			return err
		}
		b := backingUp{store: s, log: log, to: w, report: report, done: map[core.TenantID]bool{}}
		if err := b.all(ctx, header); err != nil {
			return err
		}
		r.Totals, err = w.Close()
		return err
	})
	return r, err
}

// argon2id is RFC 9106's.
func argon2id(passphrase string, salt []byte, c backup.Cost) []byte {
	return argon2.IDKey([]byte(passphrase), salt, c.Passes, c.Memory, c.Lanes, core.EnvelopeKeySize)
}

func openBackupSource(ctx context.Context, cfg config.Config) (transferStore, error) {
	if cfg.Store.Backend == config.StoreEmbedded {
		s, err := sqlite.OpenSnapshot(ctx, cfg.DataDir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("data_dir: %w in %s", ErrNothingStored, cfg.DataDir)
		}
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return openTransfer(ctx, cfg, cfg.Store.Backend, false)
}

// backupHeader takes the keyring, which has to open what is stored.
func backupHeader(ctx context.Context, cfg config.Config, s transferStore) (*backup.Header, error) {
	d, err := s.Deployment(ctx)
	if core.Is(err, core.CodeNotFound) {
		err = ErrNothingStored
	}
	if err != nil {
		return nil, err
	}
	h := &backup.Header{CreatedAt: clock{}.Now().UTC(), PlainRefs: plainRefs(cfg), Deployment: d}
	keyring, err := LoadKeyring(cfg)
	switch {
	case err == nil:
		h.Keyring = string(keyring.Text())
	case errors.Is(err, fs.ErrNotExist) && cfg.Keys.Platform.Provider != config.KeysLocal:
		return h, nil // Vault holds what a restore needs
	default:
		return nil, fmt.Errorf("a backup without the keyring could not be restored: %w", err)
	}
	if cfg.Keys.Platform.Provider != config.KeysLocal {
		return h, nil
	}
	service := sealing.New(sealing.Deps{
		Providers: sealing.Providers{Platform: keyring}, Keys: unchanged{s}, Clock: clock{}, Random: rand.Reader,
	}, sealing.Options{})
	err = proveKeys(ctx, cfg, service, d.ID, keyring.Checks())
	return h, err
}

// proveKeys finds out whether the wrapping keys are those of the deployment. A
// Vault that wrapped for it once is not asked.
func proveKeys(ctx context.Context, cfg config.Config, service *sealing.Service, id string, checks map[uint32]string) error {
	if cfg.Keys.Vault.Addr != "" {
		return nil
	}
	return service.Start(ctx, func() string { return id }, checks)
}

// writeNewFile writes a file that only its owner reads, which is at the path
// when it is whole and on the disk, and never in the place of another.
func writeNewFile(path string, write func(*os.File) error) (size int64, err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".raven-backup-*") // mode 0600
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone where it was renamed
	if err = write(f); err == nil {
		err = f.Sync()
	}
	info, bad := f.Stat()
	if err = errors.Join(err, bad, f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), putInPlace(f.Name(), path)
}

// putInPlace gives a file its name, if nothing has it.
func putInPlace(from, to string) error {
	err := os.Link(from, to)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		if _, there := os.Lstat(to); errors.Is(there, fs.ErrNotExist) {
			err = os.Rename(from, to)
		}
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
