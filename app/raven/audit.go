package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   "Verify the audit log, write it out, and prove what is in it.",
		Example: "  raven audit verify\n  raven audit verify --tenant ten_01j9… --checkpoint kept.txt\n  raven audit export --tenant ten_01j9… > log.jsonl",
		Args:    usageArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(auditVerifyCommand(), auditExportCommand(), auditProveCommand(), auditCheckProofCommand(), auditPubkeyCommand(), auditDropCommand(), auditInitCommand())
	return cmd
}

// auditSubcommand is a command with the configuration's flags that reads the log.
func auditSubcommand(use, short string, args cobra.PositionalArgs, do func(cmd *cobra.Command, log *app.AuditReader, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: usageArgs(args)}
	load := configFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		cfg, err := load()
		if err != nil {
			return err
		}
		log, err := openAudit(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		return do(cmd, log, args)
	}
	return cmd
}

func openAudit(ctx context.Context, cfg config.Config) (*app.AuditReader, error) {
	log, err := app.OpenAuditReader(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	return log, nil
}

// tenantFlag gives a command --tenant.
func tenantFlag(cmd *cobra.Command, doc string) func() (core.TenantID, error) {
	text := cmd.Flags().String("tenant", "", doc)
	return func() (core.TenantID, error) {
		id := core.TenantID(*text)
		if id != "" && id != core.DeploymentTenant && !id.Valid() {
			return "", usageError{fmt.Errorf("--tenant: %q is no tenant's id; raven tenants list shows them", *text)}
		}
		return id, nil
	}
}

// keyFlag gives a command --pubkey.
func keyFlag(cmd *cobra.Command, without string) func() (key audit.PublicKey, given bool, err error) {
	text := cmd.Flags().String("pubkey", "", "what checkpoints are signed by, as raven audit pubkey prints it; left out, "+without)
	return func() (audit.PublicKey, bool, error) {
		if *text == "" {
			return audit.PublicKey{}, false, nil
		}
		key, err := audit.ParsePublicKey(*text)
		if err != nil {
			return key, true, usageError{err}
		}
		return key, true, nil
	}
}

// tenantsOf lists the tenant named, or all that have a log.
func tenantsOf(ctx context.Context, log *app.AuditReader, named core.TenantID) ([]core.TenantID, error) {
	if named != "" {
		return []core.TenantID{named}, nil
	}
	const atOnce = 500
	var all []core.TenantID
	after := core.TenantID("")
	for {
		page, err := log.AuditTenants(ctx, after, atOnce)
		all = append(all, page...)
		if err != nil || len(page) < atOnce {
			return all, err
		}
		after = page[len(page)-1]
	}
}

func auditPubkeyCommand() *cobra.Command {
	return auditSubcommand("pubkey", "Print the public key that the deployment's checkpoints are signed by.", cobra.NoArgs,
		func(cmd *cobra.Command, log *app.AuditReader, _ []string) error {
			key, err := log.Key(cmd.Context())
			if err != nil {
				return err
			}
			return outputOf(cmd).print(map[string]string{"public_key": key.String()}, "%s\n", key)
		})
}

func auditExportCommand() *cobra.Command {
	var tenant func() (core.TenantID, error)
	cmd := auditSubcommand("export", "Write a tenant's audit log to the standard output, a JSON object a line, with its hashes; before them what stands for events that were dropped.", cobra.NoArgs,
		func(cmd *cobra.Command, log *app.AuditReader, _ []string) error {
			id, err := tenant()
			if err != nil {
				return err
			}
			if id == "" {
				return usageError{errors.New("--tenant is missing")}
			}
			return exportAudit(cmd.Context(), log, id, cmd.OutOrStdout())
		})
	tenant = tenantFlag(cmd, "whose log")
	return cmd
}

func exportAudit(ctx context.Context, log *app.AuditReader, tenant core.TenantID, to io.Writer) error {
	const atOnce = 1000
	lines := json.NewEncoder(to)
	lines.SetEscapeHTML(false)
	dropped, err := log.AuditDropped(ctx, tenant)
	if err != nil {
		return err
	}
	if dropped.Head.Seq > 0 {
		if err := lines.Encode(audit.DropLineOf(dropped)); err != nil {
			return err
		}
	}
	for seq := dropped.Head.Seq; ; {
		entries, err := log.AuditEntries(ctx, tenant, seq, atOnce)
		if err != nil {
			return err
		}
		if len(entries) == 0 && seq == 0 {
			return audit.ErrNoLog
		}
		for _, e := range entries {
			if err := lines.Encode(audit.EntryLineOf(e)); err != nil {
				return err
			}
			seq = e.Event.Seq
		}
		if len(entries) < atOnce {
			return nil
		}
	}
}

func auditProveCommand() *cobra.Command {
	var tenant func() (core.TenantID, error)
	cmd := auditSubcommand("prove EVENT", "Print a proof that an event is in the log that the last checkpoint signed.", cobra.ExactArgs(1),
		func(cmd *cobra.Command, log *app.AuditReader, args []string) error {
			id, err := tenant()
			if err != nil {
				return err
			}
			if !core.EventID(args[0]).Valid() {
				return usageError{fmt.Errorf("%q is no event's id; raven audit export shows them", args[0])}
			}
			proof, err := prove(cmd.Context(), log, id, core.EventID(args[0]))
			if err != nil {
				return err
			}
			out := json.NewEncoder(cmd.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(proof)
		})
	tenant = tenantFlag(cmd, "whose event; left out, it is looked for in all logs")
	return cmd
}

func prove(ctx context.Context, log *app.AuditReader, named core.TenantID, event core.EventID) (audit.Proof, error) {
	key, err := log.Key(ctx)
	if err != nil {
		return audit.Proof{}, err
	}
	tenants, err := tenantsOf(ctx, log, named)
	if err != nil {
		return audit.Proof{}, err
	}
	for _, tenant := range tenants {
		proof, err := audit.Prove(ctx, log, tenant, event, key)
		if err == nil || !core.Is(err, core.CodeNotFound) {
			return proof, err
		}
	}
	return audit.Proof{}, fmt.Errorf("no checkpoint covers an event %s: there is none, it is too new (a checkpoint comes within a minute), or it was dropped for its age", event)
}

func auditCheckProofCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "check-proof FILE", Short: "Check a proof, without log or server; - is the standard input.", Args: usageArgs(cobra.ExactArgs(1))}
	key := keyFlag(cmd, "the proof's own, which is printed to be compared")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		trusted, given, err := key()
		if err != nil {
			return err
		}
		text, err := readFile(args[0])
		if err != nil {
			return err
		}
		proof, err := audit.ParseProof(text)
		if err != nil {
			return err
		}
		if !given {
			if trusted, err = audit.ParsePublicKey(proof.PublicKey); err != nil {
				return err
			}
		}
		if err := proof.Check(trusted); err != nil {
			return err
		}
		result := struct {
			Event     any    `json:"event"`
			PublicKey string `json:"public_key"`
		}{proof.Event, trusted.String()}
		return outputOf(cmd).print(result, "%s: seq %d, %s %s, is in the log that %s signed.\n",
			proof.Event.TenantID, proof.Event.Seq, proof.Event.Type, proof.Event.ID, trusted)
	}
	return cmd
}

// readFile reads a small file, or the standard input.
func readFile(name string) ([]byte, error) {
	const most = 64 << 20
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	return io.ReadAll(io.LimitReader(in, most))
}
