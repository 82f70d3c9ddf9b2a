package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/backup"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/transfer"
)

// databaseFile is the embedded store's, in data_dir.
const databaseFile = "raven.db"

// ErrNotEmpty says that there is something already where a backup should go.
var ErrNotEmpty = errors.New("a backup is restored only where nothing is")

// Restore puts a backup into the configured store, which has to be empty, writes
// the platform keyring where it belongs, and reads everything back. The file is
// checked to its end before anything is written. When it fails, nothing is left:
// what was written to Redis is removed again, or, where that can't be done or the
// process ends, by the next run with the same file; until then no server starts
// on it. Of a Postgres, whose audit log nobody removes from, the error says so.
func Restore(ctx context.Context, cfg config.Config, opt BackupOptions, report func(transfer.Progress)) (r BackupResult, err error) {
	f, err := os.Open(opt.File)
	if err != nil {
		return r, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	plan, err := readBackup(ctx, f, opt.Passphrase)
	if err != nil {
		return r, err
	}
	info, err := f.Stat()
	if err != nil {
		return r, err
	}
	r = BackupResult{File: opt.File, Store: storePlace(cfg), Bytes: info.Size(), Totals: plan.totals, Keyring: plan.keyring != nil}
	if err := plan.checkKeyring(cfg); err != nil {
		return r, err
	}
	plan.passphrase, plan.file, plan.report = opt.Passphrase, f, report
	if cfg.Store.Backend == config.StoreEmbedded {
		return r, plan.toDirectory(ctx, cfg)
	}
	return r, plan.toShared(ctx, cfg)
}

// restoring is a backup that was checked to its end.
type restoring struct {
	header  backup.Header
	keyring *localkeys.Keyring // nil where it is held elsewhere
	later   map[core.TenantID][]core.WrappedKey
	totals  backup.Totals

	writeKeyring bool

	file       io.ReadSeeker
	passphrase string
	report     func(transfer.Progress)
}

// readBackup reads all of it, with the hashes of the audit logs.
func readBackup(ctx context.Context, from io.Reader, passphrase string) (*restoring, error) {
	r, err := backup.NewReader(from, passphrase, argon2id)
	if err != nil {
		return nil, err
	}
	plan := &restoring{later: map[core.TenantID][]core.WrappedKey{}}
	logs := newAuditCopy(nil)
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
		case record.Header != nil:
			plan.header = *record.Header
		case record.Keys != nil:
			plan.later[record.Keys.Tenant] = record.Keys.DataKeys
		case record.Log != nil:
			err = logs.add(ctx, *record.Log)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
	}
	plan.totals = r.Totals()
	if plan.header.Keyring != "" {
		plan.keyring, err = localkeys.Parse(plan.header.Keyring)
	}
	return plan, err
}

// checkKeyring finds out whether the keyring is to be written. One that is there
// has to have all that the backup's has.
func (r *restoring) checkKeyring(cfg config.Config) error {
	if r.keyring == nil {
		return nil
	}
	there, err := LoadKeyring(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		r.writeKeyring = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("the keyring that is there already: %w", err)
	}
	checks := there.Checks()
	for version, check := range r.keyring.Checks() {
		if checks[version] != check {
			return fmt.Errorf("%w: keys.platform names another keyring than the backup's (its version %d is missing or differs)", ErrNotEmpty, version)
		}
	}
	return nil
}

// putKeyring writes the keyring, and returns what takes it away again.
func (r *restoring) putKeyring(cfg config.Config) (undo func(), err error) {
	if !r.writeKeyring {
		return func() {}, nil
	}
	p := cfg.Keys.Platform
	undoDir, err := makeDir(filepath.Dir(p.KeyringFile))
	if err != nil {
		return nil, ofKeyringFile(err)
	}
	if err := r.keyring.WriteNew(p.KeyringFile, p.Passphrase.Reveal(), rand.Reader); err != nil {
		undoDir()
		return nil, ofKeyringFile(err)
	}
	return func() { _ = os.Remove(p.KeyringFile); undoDir() }, nil
}

// makeDir makes a directory, and returns what removes those that it made.
func makeDir(dir string) (undo func(), err error) {
	var made []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, at)
	}
	undo = func() {
		for _, at := range made {
			_ = os.Remove(at) // it stays when somebody else put something in
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		undo()
		return nil, err
	}
	return undo, nil
}

// toDirectory restores beside where the database will be, on the same file
// system, and gives it its name when it is whole.
func (r *restoring) toDirectory(ctx context.Context, cfg config.Config) (err error) {
	database := filepath.Join(cfg.DataDir, databaseFile)
	for _, side := range []string{"", "-wal", "-shm", "-journal"} { // an old log would be written over what is restored
		if _, err := os.Lstat(database + side); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("%w: there is %s in %s", ErrNotEmpty, databaseFile+side, cfg.DataDir), err)
		}
	}
	undo, err := makeDir(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	defer func() {
		if err != nil {
			undo()
		}
	}()
	dir, err := os.MkdirTemp(cfg.DataDir, ".restoring-*")
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // nothing would follow from it
	s, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return err
	}
	log, err := openAuditLog(ctx, cfg, s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	err = errors.Join(r.into(ctx, cfg, s, log), log.close(), s.Close())
	if err != nil {
		return err
	}
	undoKeyring, err := r.putKeyring(cfg)
	if err != nil {
		return err
	}
	if err := putInPlace(filepath.Join(dir, databaseFile), database); err != nil {
		undoKeyring()
		return err
	}
	return nil
}

// toShared restores to a store that others may reach. The keyring comes first:
// it is what can be taken back.
func (r *restoring) toShared(ctx context.Context, cfg config.Config) (err error) {
	s, err := openMovable(ctx, cfg, cfg.Store.Backend, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	log, err := openAuditLog(ctx, cfg, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	undo, err := r.putKeyring(cfg)
	if err != nil {
		return err
	}
	if err := r.into(ctx, cfg, s, log); err != nil {
		undo()
		return err
	}
	return nil
}

// into restores to a store and a log, if both are empty.
func (r *restoring) into(ctx context.Context, cfg config.Config, s transferStore, log auditLog) error {
	if err := r.takeBackEarlier(ctx, cfg, s); err != nil {
		return err
	}
	if err := checkEmpty(ctx, s, log); err != nil {
		return err
	}
	rename, done, err := r.renamer(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	records, err := r.records()
	if err != nil {
		return err
	}
	if err := r.mark(ctx, s); err != nil {
		return err
	}
	p := &puttingBack{restoring: r, store: s, log: log, copy: newAuditCopy(log), rename: rename}
	if err := p.all(ctx, records); err != nil {
		if p.foreign { // a server was faster: what is there is its own
			return errors.Join(err, r.unmark(context.WithoutCancel(ctx), s))
		}
		return leftBehind(cfg, err, r.takeBack(context.WithoutCancel(ctx), cfg, s))
	}
	return r.unmark(ctx, s)
}

// records reads the backup from its beginning.
func (r *restoring) records() (*backup.Reader, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return backup.NewReader(r.file, r.passphrase, argon2id)
}

// leftBehind says what the restore could not take back.
func leftBehind(cfg config.Config, err, kept error) error {
	if kept != nil {
		err = fmt.Errorf("%w; the Redis at store.redis.url holds a part of the backup, which raven restore with the same file removes before it begins again (%w)", err, kept)
	}
	if cfg.Audit.Backend != config.AuditStore {
		err = fmt.Errorf("%w; the audit log at audit.postgres.url may hold a part of the backup: empty it before you try again", err)
	}
	return err
}

func checkEmpty(ctx context.Context, s transferStore, log auditLog) error {
	if d, err := s.Deployment(ctx); !core.Is(err, core.CodeNotFound) {
		return errors.Join(fmt.Errorf("%w: the store holds the deployment %s", ErrNotEmpty, d.ID), err)
	}
	ids, err := s.TenantIDs(ctx, "", 1)
	if err != nil || len(ids) > 0 {
		return errors.Join(fmt.Errorf("%w: the store holds tenants", ErrNotEmpty), err)
	}
	ids, err = log.AuditTenants(ctx, "", 1)
	if err != nil || len(ids) > 0 {
		return errors.Join(fmt.Errorf("%w: the audit log is not empty", ErrNotEmpty), err)
	}
	return nil
}

// fileKeys are the data keys of the tenant that is being restored.
type fileKeys struct {
	dataKeys
	deployment core.Deployment
	tenant     []core.WrappedKey
}

// Deployment is that of the backup.
func (k *fileKeys) Deployment(context.Context) (core.Deployment, error) { return k.deployment, nil }

// DataKeys are those of the tenant at hand.
func (k *fileKeys) DataKeys(context.Context, core.TenantID) ([]core.WrappedKey, error) {
	return k.tenant, nil
}

// AddKeyChecks does nothing.
func (k *fileKeys) AddKeyChecks(context.Context, map[uint32]string) error { return nil }

// renamer makes what the store that is restored to finds records by, where that
// is not what the backup's store found them by; it is nil where it is.
func (r *restoring) renamer(ctx context.Context, cfg config.Config) (*renamer, func(), error) {
	open := func(config.Config) (*localkeys.Keyring, error) { return r.keyring, nil }
	if r.header.PlainRefs == plainRefs(cfg) {
		return nil, func() {}, nil
	}
	if r.keyring == nil {
		open = LoadKeyring
	}
	holders, err := openKeyHolders(cfg, open, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	keys := &fileKeys{deployment: r.header.Deployment}
	service := sealing.New(sealing.Deps{
		Providers: holders.Providers, Keys: keys, Clock: clock{}, Random: rand.Reader,
	}, sealing.Options{})
	if err := service.Start(ctx, func() string { return r.header.Deployment.ID }, holders.keyringChecks); err != nil {
		holders.close()
		return nil, nil, err
	}
	tenants := tenancy.New(tenancy.Deps{Seal: service, Clock: clock{}}, tenancyOptions(cfg))
	return &renamer{tenants: tenants, keys: keys}, holders.close, nil
}
