package main

import (
	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
)

func auditInitCommand() *cobra.Command {
	return auditSubcommand("init", "Make the audit log's tables in Postgres, as the role that owns them; what is there stays, or is brought up to date.", cobra.NoArgs,
		func(cmd *cobra.Command, log *app.AuditReader, _ []string) error {
			_, err := tenantsOf(cmd.Context(), log, "") // opening made the tables; this has to find them
			return err
		})
}
