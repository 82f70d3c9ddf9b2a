package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
)

func keyringCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keyring",
		Short:   "Make, extend and look at the platform keyring, and rewrap data keys.",
		Example: "  raven keyring init\n  raven keyring add && raven keyring rewrap\n  raven keyring list --output json",
		Args:    usageArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keyringInitCommand(), keyringAddCommand(), keyringListCommand(), keyringRewrapCommand(), keyringDropCommand())
	return cmd
}

// keyringVersion is a version of a keyring as commands show it.
type keyringVersion struct {
	Version  uint32 `json:"version"`
	Active   bool   `json:"active"`
	Check    string `json:"check"`     // tells two keys apart, and nothing else
	DataKeys *int   `json:"data_keys"` // that it wraps; null when nobody counted
}

// keyringReport is a keyring as commands show it.
type keyringReport struct {
	File      string           `json:"file"` // "" when it stands in the configuration
	Protected bool             `json:"protected"`
	Versions  []keyringVersion `json:"versions"`
	Uncounted string           `json:"uncounted,omitempty"` // why the data keys are not counted
}

func reportOf(cfg config.Config, k *localkeys.Keyring) keyringReport {
	r := keyringReport{File: cfg.Keys.Platform.KeyringFile, Protected: cfg.Keys.Platform.Passphrase != ""}
	checks := k.Checks()
	for i, version := range k.Versions() {
		r.Versions = append(r.Versions, keyringVersion{Version: version, Active: i == 0, Check: checks[version]})
	}
	return r
}

// keyringSubcommand is a command with the configuration's flags.
func keyringSubcommand(use, short string, do func(ctx context.Context, cfg config.Config, out *output) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: usageArgs(cobra.NoArgs)}
	load := configFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		err = do(cmd.Context(), cfg, outputOf(cmd))
		if errors.Is(err, app.ErrKeyringInline) {
			return usageError{err}
		}
		return err
	}
	return cmd
}

func keyringInitCommand() *cobra.Command {
	var protect *bool
	cmd := keyringSubcommand("init", "Make the file of the keyring. One that is there stays as it is.",
		func(_ context.Context, cfg config.Config, out *output) error {
			if *protect && cfg.Keys.Platform.Passphrase == "" {
				return usageError{errors.New("--passphrase takes the passphrase from RAVEN_KEYS_PLATFORM_PASSPHRASE, " +
					"or from the file that RAVEN_KEYS_PLATFORM_PASSPHRASE_FILE names; neither is set")}
			}
			k, err := app.InitKeyring(cfg)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("there is a keyring at %s already; it was not touched", cfg.Keys.Platform.KeyringFile)
			}
			if err != nil {
				return err
			}
			return out.print(reportOf(cfg, k), "Made the keyring %s%s.\nBack it up, apart from the data: without it nothing stored can be read.\n",
				cfg.Keys.Platform.KeyringFile, protectedWord(cfg))
		})
	protect = cmd.Flags().Bool("passphrase", false,
		"protect the file by keys.platform.passphrase, which then has to be set; where it is set, the file is always protected")
	return cmd
}

func protectedWord(cfg config.Config) string {
	if cfg.Keys.Platform.Passphrase != "" {
		return ", protected by the passphrase"
	}
	return ""
}

func keyringAddCommand() *cobra.Command {
	return keyringSubcommand("add", "Put a new version before those in the keyring's file; it becomes the active one.",
		func(_ context.Context, cfg config.Config, out *output) error {
			k, err := app.AddKeyringVersion(cfg)
			if err != nil {
				return err
			}
			return out.print(reportOf(cfg, k), "Added version %d to %s.\n"+
				"Back the file up, give it to every server, and restart them; then raven keyring rewrap, after which older versions may be removed.\n",
				k.Versions()[0], cfg.Keys.Platform.KeyringFile)
		})
}

func keyringDropCommand() *cobra.Command {
	var version uint64
	cmd := keyringSubcommand("drop VERSION", "Take a version off the keyring's file that wraps no stored data key any more.",
		func(ctx context.Context, cfg config.Config, out *output) error {
			k, err := app.DropKeyringVersion(ctx, cfg, uint32(version)) //nolint:gosec // 32 bits were parsed
			if err != nil {
				return err
			}
			return out.print(reportOf(cfg, k), "Took version %d off %s. Backups of the data from before the rewrapping need it still.\n",
				version, cfg.Keys.Platform.KeyringFile)
		})
	cmd.Args = usageArgs(func(_ *cobra.Command, args []string) (err error) {
		if len(args) != 1 {
			return errors.New("keyring drop takes a version")
		}
		if version, err = strconv.ParseUint(args[0], 10, 32); err != nil {
			return fmt.Errorf("%q is not a version", args[0])
		}
		return nil
	})
	return cmd
}

func keyringListCommand() *cobra.Command {
	return keyringSubcommand("list", "List the keyring's versions, the active one first, and how many stored data keys each wraps.",
		func(ctx context.Context, cfg config.Config, out *output) error {
			k, err := app.LoadKeyring(cfg)
			if err != nil {
				return err
			}
			r := reportOf(cfg, k)
			counts, err := app.CountDataKeys(ctx, cfg, k)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				r.Uncounted = err.Error()
			default:
				r.count(counts)
			}
			return out.print(r, "%s", r.table())
		})
}

// count adds the counts, and versions that wrap data keys and are not in the
// keyring any more.
func (r *keyringReport) count(counts map[uint32]int) {
	for i := range r.Versions {
		n := counts[r.Versions[i].Version]
		r.Versions[i].DataKeys = &n
		delete(counts, r.Versions[i].Version)
	}
	for _, version := range slices.Sorted(maps.Keys(counts)) {
		n := counts[version]
		r.Versions = append(r.Versions, keyringVersion{Version: version, DataKeys: &n})
	}
}

func (r *keyringReport) table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VERSION\tSTATE\tCHECK\tDATA KEYS")
	for _, v := range r.Versions {
		state, keys := "opens", "?"
		switch {
		case v.Active:
			state = "active"
		case v.Check == "":
			state = "MISSING"
		}
		if v.DataKeys != nil {
			keys = fmt.Sprint(*v.DataKeys)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", v.Version, state, v.Check, keys)
	}
	_ = w.Flush() // it writes to memory
	if r.Uncounted != "" {
		fmt.Fprintf(&text, "The data keys are not counted: %s\n", r.Uncounted)
	}
	return text.String()
}

func keyringRewrapCommand() *cobra.Command {
	return keyringSubcommand("rewrap", "Bring every stored data key under the active version. The embedded store's server has to be stopped.",
		func(ctx context.Context, cfg config.Config, out *output) error {
			var result struct {
				Done  int `json:"done"`
				Total int `json:"total"`
			}
			show := progress(os.Stderr, "rewrapping the data keys of tenants")
			err := app.RewrapDataKeys(ctx, cfg, app.NewLog(cfg.Log, os.Stderr), func(done, total int) {
				result.Done, result.Total = done, total
				show(done, total)
			})
			if err != nil {
				return err
			}
			return out.print(result, "Every stored data key is under the active version (%d tenants, the deployment included).\n", result.Total)
		})
}
