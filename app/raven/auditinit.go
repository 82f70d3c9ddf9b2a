package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/config"
)

func auditInitCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the audit log's tables in Postgres, as the role that owns them; what is there stays, or is brought up to date.",
		Args:  usageArgs(cobra.NoArgs),
	}
	load := configFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := load()
		if err != nil {
			return err
		}
		if cfg.Audit.Backend != config.AuditPostgres {
			return errors.New("only an audit log in Postgres has tables to make: audit.backend is " + cfg.Audit.Backend)
		}
		log, err := openAudit(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		logs, err := tenantsOf(cmd.Context(), log, "") // opening made the tables; this has to find them
		if err != nil {
			return err
		}
		result := struct {
			Logs int `json:"logs"`
		}{len(logs)}
		return outputOf(cmd).print(result, "The audit log's tables are in Postgres, made or brought up to date; they hold %d logs.\n", result.Logs)
	}
	return cmd
}
