package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/adapters/operator"
	"github.com/raven-memory/raven/core"
)

func keysCommand() *cobra.Command {
	short := "Make, list and revoke API keys of any tenant, as the deployment's operator."
	cmd := &cobra.Command{
		Use: "keys", Short: short, Args: usageArgs(cobra.NoArgs),
		Long: short + "\n\nA tenant that lost its last key gets a new one by: raven keys create --tenant TENANT --preset full_access\n\n" + operatorHelp,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keysCreateCommand(), keysListCommand(), keysRevokeCommand())
	return cmd
}

// keysSubcommand is an operator's command on the tenant that --tenant names.
func keysSubcommand(use, short, example string, args cobra.PositionalArgs,
	do func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID, args []string) error,
) *cobra.Command {
	var tenant *string
	cmd := operatorCommand(use, short, example, args, false, func(cmd *cobra.Command, c *operator.Client, out *output, args []string) error {
		id, err := tenantArg(*tenant)
		if err != nil {
			return err
		}
		if err = do(cmd, c, out, id, args); core.Is(err, core.CodeNotFound) {
			return &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("there is no tenant %s, or it has no such key", id)}
		}
		return err
	})
	tenant = cmd.Flags().String("tenant", "", "whose keys")
	require(cmd, "tenant")
	return cmd
}

func keysCreateCommand() *cobra.Command {
	var name, preset, environment, expires *string
	var scopes *[]string
	cmd := keysSubcommand("create", "Make an API key, and print it this once.",
		"  raven keys create --tenant ten_01j9… --preset full_access\n  raven keys create --tenant ten_01j9… --name crawler --scopes memory:read,users:read --expires-in 720h",
		cobra.NoArgs,
		func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID, _ []string) error {
			n := operator.NewKey{Name: *name, Scopes: *scopes, Environment: core.Environment(*environment)}
			switch {
			case *preset == "" && len(*scopes) == 0:
				return usageError{errors.New("give --preset or --scopes")}
			case *preset != "" && len(*scopes) > 0:
				return usageError{errors.New("--preset and --scopes exclude each other: a preset is a list of scopes")}
			case *preset != "":
				n.Scopes = []string{*preset}
			}
			if *expires != "" {
				life, err := time.ParseDuration(*expires)
				if err != nil || life <= 0 {
					return usageError{fmt.Errorf("--expires-in: %q is no duration such as 720h", *expires)}
				}
				at := time.Now().Add(life).UTC()
				n.ExpiresAt = &at
			}
			key, err := c.CreateKey(cmd.Context(), id, n)
			if err != nil {
				return err
			}
			return out.print(key, "%s\n%s\n", key.ID, key.Secret)
		})
	name = cmd.Flags().String("name", "made by the operator", "what the key is for")
	preset = cmd.Flags().String("preset", "", "full_access, read_only or agent_only")
	scopes = cmd.Flags().StringSlice("scopes", nil, "in place of a preset: "+strings.Join(core.ScopeNames(), ", "))
	environment = cmd.Flags().String("environment", string(core.EnvironmentLive), "live, or test for a key that is not for production")
	expires = cmd.Flags().String("expires-in", "", "how long the key lives, such as 720h; left out, for ever")
	return cmd
}

func keysListCommand() *cobra.Command {
	return keysSubcommand("list", "List a tenant's API keys, without their secrets.", "  raven keys list --tenant ten_01j9…", cobra.NoArgs,
		func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID, _ []string) error {
			list, err := c.Keys(cmd.Context(), id)
			if err != nil {
				return err
			}
			rows := make([][]any, 0, len(list))
			for _, k := range list {
				rows = append(rows, []any{k.ID, k.Prefix, keyState(k, time.Now()), k.CreatedAt.Format("2006-01-02"), strings.Join(k.Scopes, " "), k.Name})
			}
			return out.table(list, "KEY\tPREFIX\tSTATE\tCREATED\tSCOPES\tNAME", rows)
		})
}

func keyState(k operator.Key, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked"
	case k.ExpiresAt == nil:
		return "active" // "live" is an environment
	case now.Before(*k.ExpiresAt):
		return "until " + k.ExpiresAt.Format("2006-01-02")
	default:
		return "expired"
	}
}

func keysRevokeCommand() *cobra.Command {
	return keysSubcommand("revoke KEY", "Revoke an API key, within a second on every server. The last one with tenant:admin stays.",
		"  raven keys revoke --tenant ten_01j9… key_01j9…", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *operator.Client, out *output, id core.TenantID, args []string) error {
			key := core.KeyID(args[0])
			if !key.Valid() {
				return usageError{fmt.Errorf("%q is no key's id; raven keys list shows them", args[0])}
			}
			err := c.RevokeKey(cmd.Context(), id, key)
			if core.Is(err, core.CodeLastAdminKey) {
				last := &core.Error{Code: core.CodeLastAdminKey, Message: fmt.Sprintf("%s is the tenant's last key with tenant:admin that does not expire", key)}
				return hinted{last, fmt.Sprintf("make another first: raven keys create --tenant %s --preset full_access", id)}
			}
			if err != nil {
				return err
			}
			return out.print(map[string]core.KeyID{"revoked": key}, "%s is revoked.\n", key)
		})
}
