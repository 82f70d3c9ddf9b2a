package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core/transfer"
)

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate --from STORE --to STORE",
		Short: "Move everything from the embedded store to Redis, or back, and verify it. No server may run meanwhile.",
		Args:  usageArgs(cobra.NoArgs),
	}
	load := configFlags(cmd.Flags(), false)
	from := cmd.Flags().String("from", "", "the store to move from: embedded or redis")
	to := cmd.Flags().String("to", "", "the store to move to: embedded or redis")
	format := cmd.Flags().String("output", outputText, "how to print: text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkMigration(*from, *to, *format); err != nil {
			return usageError{err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		if cfg.Store.Redis.URL == "" {
			return usageError{fmt.Errorf("store.redis.url is not set: it says which Redis to move %s", map[bool]string{true: "to", false: "from"}[*to == config.StoreRedis])}
		}
		result, err := app.Migrate(cmd.Context(), cfg, *from, *to, app.NewLog(cfg.Log, os.Stderr), showMigration(os.Stderr))
		if err != nil {
			return err
		}
		out := output{to: cmd.OutOrStdout(), json: *format == outputJSON}
		return out.print(result, "moved and verified %d tenants (%d were there already): %d users, %d conversations, %d interactions, %d blobs\n",
			result.Tenants, result.Skipped, result.Users, result.Conversations, result.Interactions, result.Blobs)
	}
	return cmd
}

func checkMigration(from, to, format string) error {
	known := map[string]bool{config.StoreEmbedded: true, config.StoreRedis: true}
	switch {
	case !known[from] || !known[to]:
		return fmt.Errorf("--from and --to are %s and %s, one each", config.StoreEmbedded, config.StoreRedis)
	case from == to:
		return fmt.Errorf("--from and --to are both %s", from)
	case format != outputText && format != outputJSON:
		return fmt.Errorf("--output is text or json, not %q", format)
	}
	return nil
}

// showMigration shows how far a migration is, on one line, if to is a terminal.
func showMigration(to *os.File) func(transfer.Progress) {
	info, err := to.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(transfer.Progress) {}
	}
	return func(p transfer.Progress) {
		_, _ = fmt.Fprintf(to, "\r%d tenants done; %s: %d users   ", p.Tenants, p.Tenant, p.Users)
	}
}
