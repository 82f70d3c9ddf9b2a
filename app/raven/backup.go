package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/backup"
	"github.com/raven-memory/raven/core/transfer"
)

// Where the passphrase of a backup comes from.
const (
	envPassphrase     = "RAVEN_BACKUP_PASSPHRASE"
	envPassphraseFile = "RAVEN_BACKUP_PASSPHRASE_FILE"

	mostPassphrase = 1024 // bytes
)

const passphraseHelp = "The passphrase is taken from " + envPassphrase + ", or from the file that " + envPassphraseFile + " names."

func backupCommand() *cobra.Command {
	var tenant func() (core.TenantID, error)
	cmd := fileCommand("backup --out FILE", "Write everything, the platform keyring too, to one encrypted file. The server may go on.", "out",
		func(ctx context.Context, cfg config.Config, opt app.BackupOptions, show func(transfer.Progress), out *output) (err error) {
			if opt.Tenant, err = tenant(); err != nil {
				return err
			}
			if opt.Tenant == core.DeploymentTenant {
				return usageError{fmt.Errorf("%s is no tenant", opt.Tenant)}
			}
			r, err := app.Backup(ctx, cfg, opt, show)
			if err != nil {
				return err
			}
			return out.print(r, "Wrote %s (%d bytes) of the store in %s: %s.\n%s\n", r.File, r.Bytes, r.Store, totals(r.Totals), backupNotes(cfg, r))
		})
	cmd.Long = cmd.Short + "\n" + passphraseHelp + "\n\n" +
		"Of the embedded store the file holds the state of one moment. Of Redis it holds each user as of one moment, one after the other, " +
		"and everything that was acknowledged before the command began. Answers kept for an Idempotency-Key, and deliveries of webhooks, are not in it."
	cmd.Example = "  export RAVEN_BACKUP_PASSPHRASE_FILE=/etc/raven/backup-passphrase\n  raven backup --out raven-$(date +%F).backup\n  raven backup --out acme.backup --tenant ten_01j9…"
	tenant = tenantFlag(cmd, "the one tenant to back up, with the deployment's keys; left out, all of them")
	return cmd
}

func restoreCommand() *cobra.Command {
	cmd := fileCommand("restore --in FILE", "Put a backup into an empty store, and its keyring where keys.platform.keyring_file says, and verify it.", "in",
		func(ctx context.Context, cfg config.Config, opt app.BackupOptions, show func(transfer.Progress), out *output) error {
			r, err := app.Restore(ctx, cfg, opt, show)
			if err != nil {
				return err
			}
			return out.print(r, "Restored to %s and verified: %s.\n", r.Store, totals(r.Totals))
		})
	cmd.Long = cmd.Short + "\n" + passphraseHelp + "\n\n" +
		"The file is checked to its end before anything is written. No server may run on the store meanwhile. " +
		"A restore that fails leaves nothing; one that was cut short on Redis is begun anew by the next with the same file."
	cmd.Example = "  RAVEN_BACKUP_PASSPHRASE_FILE=/etc/raven/backup-passphrase raven restore --in raven-2026-11-24.backup --data_dir /var/lib/raven"
	return cmd
}

// fileCommand is a command with the configuration's flags, --output, and a flag
// for the file, that needs the passphrase.
func fileCommand(
	use, short, flag string,
	do func(ctx context.Context, cfg config.Config, opt app.BackupOptions, show func(transfer.Progress), out *output) error,
) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: usageArgs(cobra.NoArgs)}
	load := configFlags(cmd.Flags(), false)
	file := cmd.Flags().String(flag, "", "the backup's file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" {
			return usageError{fmt.Errorf("--%s is missing", flag)}
		}
		passphrase, err := backupPassphrase()
		if err != nil {
			return usageError{err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		show, end := showTransfer(os.Stderr)
		opt := app.BackupOptions{File: *file, Passphrase: passphrase}
		err = do(cmd.Context(), cfg, opt, show, outputOf(cmd))
		end()
		return err
	}
	return cmd
}

func backupPassphrase() (string, error) {
	direct, isSet := os.LookupEnv(envPassphrase)
	name, isFile := os.LookupEnv(envPassphraseFile)
	switch {
	case isSet && isFile:
		return "", fmt.Errorf("%s and %s are both set; set one", envPassphrase, envPassphraseFile)
	case isSet:
		return direct, backup.CheckPassphrase(direct)
	case !isFile:
		return "", fmt.Errorf("there is no passphrase: set %s or %s", envPassphrase, envPassphraseFile)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("%s: the file can't be opened", envPassphraseFile) // what stands there by mistake is often the secret
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil || info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s: the file is open to every user of the machine; close it with chmod o-rwx", envPassphraseFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostPassphrase+1))
	if err == nil && len(text) > mostPassphrase {
		err = errors.New("the file is too large")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", envPassphraseFile, err)
	}
	passphrase := strings.TrimRight(string(text), "\r\n")
	return passphrase, backup.CheckPassphrase(passphrase)
}

func totals(t backup.Totals) string {
	return fmt.Sprintf("%d tenants, %d users, %d conversations, %d interactions, %d blobs, %d audit entries",
		t.Tenants, t.Users, t.Conversations, t.Interactions, t.Blobs, t.AuditEntries)
}

// backupNotes says what somebody who restores it has to know.
func backupNotes(cfg config.Config, r app.BackupResult) string {
	note := "It restores with its passphrase alone: keep that elsewhere."
	if !r.Keyring {
		note = "Its data keys are wrapped by Vault, which a restore needs too."
	} else if cfg.Keys.Tenant.Provider != config.KeysNone {
		note += " Tenants with keys of their own need their Vault too."
	}
	if cfg.Store.Backend == config.StoreRedis {
		note += "\nEach user is as it was at one moment, one after the other."
	}
	return note
}
