package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
)

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate --from STORE --to STORE",
		Short: "Move everything from the embedded store to Redis, or back, and verify it. No server may run meanwhile.",
		Args:  usageArgs(cobra.NoArgs), Example: "  raven migrate --from embedded --to redis --config /etc/raven/raven.yaml",
	}
	load := configFlags(cmd.Flags(), false)
	from := cmd.Flags().String("from", "", "the store to move from: embedded or redis")
	to := cmd.Flags().String("to", "", "the store to move to: embedded or redis")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkMigration(*from, *to); err != nil {
			return usageError{err}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		if cfg.Store.Redis.URL == "" {
			return usageError{fmt.Errorf("store.redis.url is not set: it says which Redis to move %s", map[bool]string{true: "to", false: "from"}[*to == config.StoreRedis])}
		}
		if *from == config.StoreRedis { // a server's leases outlive it, and one at rest holds none
			fmt.Fprintln(os.Stderr, "Nobody can tell whether a server still runs on that Redis; what one acknowledges from now on is not moved. Stop all of them first.")
		}
		show, end := showTransfer(os.Stderr)
		result, err := app.Migrate(cmd.Context(), cfg, *from, *to, app.NewLog(cfg.Log, os.Stderr), show)
		end()
		if err != nil {
			return err
		}
		return outputOf(cmd).print(result, "moved and verified %d tenants (%d were there already): %d users, %d conversations, %d interactions, %d blobs\n",
			result.Tenants, result.Skipped, result.Users, result.Conversations, result.Interactions, result.Blobs)
	}
	return cmd
}

func checkMigration(from, to string) error {
	known := map[string]bool{config.StoreEmbedded: true, config.StoreRedis: true}
	switch {
	case !known[from] || !known[to]:
		return fmt.Errorf("--from and --to are %s and %s, one each", config.StoreEmbedded, config.StoreRedis)
	case from == to:
		return fmt.Errorf("--from and --to are both %s", from)
	}
	return nil
}
