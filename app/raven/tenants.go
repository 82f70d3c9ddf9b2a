package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/adapters/operator"
	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

const operatorHelp = "It works on the configured store. Where a server runs on the embedded store, it works through that server, by the socket " +
	"admin.sock in data_dir: whoever may read that folder may do this. No API key is needed. Each change is in the tenant's audit log, as the system's."

func tenantsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tenants",
		Short: "Make, look at, suspend and delete tenants, as the deployment's operator.",
		Long:  "Make, look at, suspend and delete tenants, as the deployment's operator.\n\n" + operatorHelp,
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tenantsCreateCommand(), tenantsListCommand(), tenantsShowCommand(),
		tenantsSuspendCommand(), tenantsResumeCommand(), tenantsQuotasCommand(), tenantsDeleteCommand())
	return cmd
}

// operation is what an operator's command does.
type operation func(cmd *cobra.Command, c *operator.Client, out *output, args []string) error

// operatorCommand is a command with the configuration's flags that does
// something as the operator.
func operatorCommand(use, short, example string, args cobra.PositionalArgs, makes bool, do operation) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: short + "\n\n" + operatorHelp, Example: example, Args: usageArgs(args)}
	load := configFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		cfg, err := load()
		if err != nil {
			return err
		}
		log := cfg.Log
		log.Format = config.LogText // a person reads it, beside the result
		log.Level = max(log.Level, slog.LevelWarn)
		client, end, err := app.OpenOperator(cmd.Context(), cfg, app.NewLog(log, os.Stderr), makes)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		err = do(cmd, client, outputOf(cmd), args)
		if core.Is(err, core.CodeValidation) { // of what else than the command line?
			err = usageError{err}
		}
		return err
	}
	return cmd
}

// tenantArg reads a tenant's id.
func tenantArg(text string) (core.TenantID, error) {
	if id := core.TenantID(text); id.Valid() {
		return id, nil
	}
	return "", usageError{fmt.Errorf("%q is no tenant's id; raven tenants list shows them", text)}
}

// ofTenant is an operation on the tenant that the first argument names.
func ofTenant(do func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID) error) operation {
	return func(cmd *cobra.Command, c *operator.Client, out *output, args []string) error {
		id, err := tenantArg(args[0])
		if err != nil {
			return err
		}
		if err = do(cmd, c, out, id); core.Is(err, core.CodeNotFound) {
			return &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("there is no tenant %s", id)}
		}
		return err
	}
}

func tenantsCreateCommand() *cobra.Command {
	var name, email *string
	var quotas func() (operator.Quotas, error)
	cmd := operatorCommand("create", "Make a tenant, and print its first API key, which has full access, this once.",
		"  raven tenants create --name Acme --email dev@acme.example\n  raven tenants create --name Acme --email dev@acme.example --max-users 50000 --output json",
		cobra.NoArgs, true,
		func(cmd *cobra.Command, c *operator.Client, out *output, _ []string) error {
			q, err := quotas()
			if err != nil {
				return err
			}
			made, err := c.CreateTenant(cmd.Context(), operator.NewTenant{Name: *name, Email: *email, Quotas: q})
			if err != nil {
				return err
			}
			return out.print(made, "tenant   %s\nAPI key  %s\n", made.Tenant.ID, made.APIKey.Secret)
		})
	name = cmd.Flags().String("name", "", "the tenant's name")
	email = cmd.Flags().String("email", "", "whom to write to; unique among tenants")
	require(cmd, "name", "email")
	quotas = quotaFlags(cmd)
	return cmd
}

// require makes flags needed.
func require(cmd *cobra.Command, names ...string) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range names {
			if text, _ := cmd.Flags().GetString(name); text == "" {
				return usageError{fmt.Errorf("--%s is missing", name)}
			}
		}
		return nil
	}
}

func tenantsListCommand() *cobra.Command {
	return operatorCommand("list", "List the tenants.", "  raven tenants list\n  raven tenants list --output json | jq -r '.[] | select(.status == \"suspended\") | .id'",
		cobra.NoArgs, false,
		func(cmd *cobra.Command, c *operator.Client, out *output, _ []string) error {
			list, err := c.Tenants(cmd.Context())
			if err != nil {
				return err
			}
			rows := make([][]any, 0, len(list))
			for _, t := range list {
				rows = append(rows, []any{t.ID, t.Status, t.CreatedAt.Format("2006-01-02"), t.Email, t.Name})
			}
			return out.table(list, "TENANT\tSTATUS\tCREATED\tEMAIL\tNAME", rows)
		})
}

func tenantsShowCommand() *cobra.Command {
	return operatorCommand("show TENANT", "Show a tenant, its settings, and what it holds.", "  raven tenants show ten_01j9…",
		cobra.ExactArgs(1), false, ofTenant(func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID) error {
			t, err := c.Tenant(cmd.Context(), id)
			if err != nil {
				return err
			}
			rows := [][]any{
				{"tenant", t.ID}, {"name", t.Name}, {"email", t.Email}, {"status", t.Status},
				{"created", t.CreatedAt}, {"users", fmt.Sprintf("%d of %d", t.Usage.Users, t.Settings.MaxUsers)},
				{"conversations", t.Usage.Conversations}, {"interactions", t.Usage.Interactions},
				{"blobs", fmt.Sprintf("%d (%d bytes)", t.Usage.Blobs, t.Usage.BlobBytes)},
			}
			if e := t.Encryption; e != nil {
				rows = append(rows, []any{"encryption", fmt.Sprintf("%s, %s, data key %d of %s", t.Settings.EncryptionMode, e.Provider, e.KeyVersion, e.KeyCreatedAt)})
			}
			return out.table(t, "WHAT\t", append(rows, settingsRows(t.Settings)...))
		}))
}

func settingsRows(s operator.Settings) [][]any {
	return [][]any{
		{"max_users", s.MaxUsers}, {"max_conversations_per_user", s.MaxConversationsPerUser}, {"batch_size", s.BatchSize},
		{"retention_days", s.RetentionDays}, {"rate_limit_per_minute", s.RateLimitPerMinute}, {"webhook", s.Webhook},
	}
}

func tenantsSuspendCommand() *cobra.Command {
	return operatorCommand("suspend TENANT", "Refuse every API key of a tenant, within a second on every server. Its data is kept, and expires as ever.",
		"  raven tenants suspend ten_01j9…", cobra.ExactArgs(1), false,
		ofTenant(func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID) error {
			t, err := c.Suspend(cmd.Context(), id)
			if err != nil {
				return err
			}
			return out.print(t, "%s is suspended since %s; raven tenants resume %s ends it.\n", t.ID, t.SuspendedAt, t.ID)
		}))
}

func tenantsResumeCommand() *cobra.Command {
	return operatorCommand("resume TENANT", "End a tenant's suspension.", "  raven tenants resume ten_01j9…", cobra.ExactArgs(1), false,
		ofTenant(func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID) error {
			t, err := c.Resume(cmd.Context(), id)
			if err != nil {
				return err
			}
			return out.print(t, "%s is %s.\n", t.ID, t.Status)
		}))
}

func tenantsQuotasCommand() *cobra.Command {
	var quotas func() (operator.Quotas, error)
	cmd := operatorCommand("quotas TENANT", "Set a tenant's quotas, also past the ceilings that the tenant itself is held to; without flags, show them.",
		"  raven tenants quotas ten_01j9… --max-users 50000 --retention-days 0\n  raven tenants quotas ten_01j9… --batch-size default", cobra.ExactArgs(1), false,
		ofTenant(func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID) error {
			q, err := quotas()
			if err != nil {
				return err
			}
			t, err := c.SetQuotas(cmd.Context(), id, q)
			if err != nil {
				return err
			}
			return out.table(t, "QUOTA\tIS", settingsRows(t.Settings)[:5])
		}))
	quotas = quotaFlags(cmd)
	return cmd
}

// quotaFlags gives a command a flag for each quota.
func quotaFlags(cmd *cobra.Command) func() (operator.Quotas, error) {
	values := map[string]*string{}
	for name, doc := range map[string]string{
		"max_users":                  "users that the tenant may have",
		"max_conversations_per_user": "conversations of each user",
		"batch_size":                 "interactions in a blob",
		"retention_days":             "days that memory is kept; 0 for ever",
		"rate_limit_per_minute":      "requests a minute; at most limits.rate_per_minute",
	} {
		values[name] = cmd.Flags().String(strings.ReplaceAll(name, "_", "-"), "", doc+`; or "default"`)
	}
	return func() (operator.Quotas, error) {
		q := operator.Quotas{}
		for name, text := range values {
			switch *text {
			case "":
			case "default":
				q[name] = nil
			default:
				n, err := strconv.ParseInt(*text, 10, 64)
				if err != nil {
					return nil, usageError{fmt.Errorf("--%s: %q is no number", strings.ReplaceAll(name, "_", "-"), *text)}
				}
				q[name] = &n
			}
		}
		return q, nil
	}
}

func tenantsDeleteCommand() *cobra.Command {
	var confirm *string
	cmd := operatorCommand("delete TENANT", "Destroy a tenant: its keys first, so that nothing of it can be read from then on, then its data. It can't be undone.",
		"  raven tenants delete ten_01j9… --confirm ten_01j9…", cobra.ExactArgs(1), false,
		ofTenant(func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID) error {
			if *confirm != string(id) {
				return usageError{errors.New("--confirm has to be the tenant's id once more")}
			}
			d, err := c.DeleteTenant(cmd.Context(), id, *confirm)
			if err != nil {
				return err
			}
			return out.print(d, "%s is deleted. Keys that opened its data: %s.\n", d.ID, strings.Join(d.Keys, ", "))
		}))
	confirm = cmd.Flags().String("confirm", "", "the tenant's id once more")
	return cmd
}
