package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
)

// verification is what raven audit verify was asked for.
type verification struct {
	tenant     func() (core.TenantID, error)
	key        func() (audit.PublicKey, bool, error)
	checkpoint *string
}

func auditVerifyCommand() *cobra.Command {
	var v verification
	cmd := auditSubcommand("verify", "Verify the audit log: compute all of it anew from the events in it, and say which was changed first.", cobra.NoArgs,
		func(cmd *cobra.Command, log *app.AuditReader, _ []string) error { return v.run(cmd, log) })
	v.tenant = tenantFlag(cmd, "whose log; left out, all")
	v.key = keyFlag(cmd, "the deployment's, made of the configured keys")
	v.checkpoint = cmd.Flags().String("checkpoint", "",
		"file of checkpoints that were kept elsewhere, as GET /api/v1/tenant/audit/checkpoint answered them; then what was cut or written anew is found too")
	return cmd
}

func (v verification) run(cmd *cobra.Command, log *app.AuditReader) error {
	tenant, err := v.tenant()
	if err != nil {
		return err
	}
	how, err := v.how(cmd, log)
	if err != nil {
		return err
	}
	tenants, err := tenantsOf(cmd.Context(), log, tenant)
	if err != nil {
		return err
	}
	out, bad := outputOf(cmd), 0
	logs := []verifiedLog{}
	for _, t := range tenants {
		got, err := verifyOne(cmd, log, t, how, tenant == "")
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if !got.OK {
			bad++
		}
		logs = append(logs, got)
	}
	if out.json {
		if err := out.print(logs, ""); err != nil {
			return err
		}
	} else if len(logs) == 0 {
		if err := out.print(nil, "There is no audit log yet, so that nothing was verified.\n"); err != nil {
			return err
		}
	}
	if bad > 0 {
		return failedError{fmt.Errorf("%d of %d logs are not as they were recorded", bad, len(tenants))}
	}
	return nil
}

// verifiedLog is a verdict as --output json prints it.
type verifiedLog struct {
	Tenant  core.TenantID `json:"tenant_id"`
	OK      bool          `json:"ok"`
	Verdict string        `json:"verdict"`
	Entries int64         `json:"entries"`
	Signed  int64         `json:"signed"`
}

// verifyOne verifies one tenant's log, and prints the verdict unless that is
// wanted as JSON. Of one of many, no checkpoint need be given.
func verifyOne(cmd *cobra.Command, log *app.AuditReader, tenant core.TenantID, how audit.Verification, many bool) (out verifiedLog, err error) {
	shown := progress(os.Stderr, string(tenant))
	how.Progress = func(done, total int64) { shown(int(done), int(total)) }
	got, err := audit.Verify(cmd.Context(), log, tenant, how)
	if many && errors.Is(err, audit.ErrOtherLog) {
		how.Notes = nil
		got, err = audit.Verify(cmd.Context(), log, tenant, how)
	}
	text := verdict(got)
	var fault *audit.FaultError
	switch {
	case errors.As(err, &fault):
		text, err = fault.Error(), nil
	case errors.Is(err, audit.ErrNoLog):
		text, err = waiting(cmd, log, tenant)
	}
	if err == nil && !outputOf(cmd).json {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", tenant, text)
	}
	return verifiedLog{Tenant: tenant, OK: fault == nil, Verdict: text, Entries: got.Entries, Signed: got.Signed}, err
}

// waiting says what is known of a tenant that has no log.
func waiting(cmd *cobra.Command, log *app.AuditReader, tenant core.TenantID) (string, error) {
	events, there, err := log.Waiting(cmd.Context(), tenant)
	if err != nil || !there {
		return "", audit.ErrNoLog // also where there is no store to ask
	}
	return fmt.Sprintf("no event is in the log yet; %d are in the outbox, on their way to it", events), nil
}

func verdict(got audit.Verified) string {
	signed := "none of them under a checkpoint yet"
	if got.Signed > 0 {
		signed = fmt.Sprintf("the first %d under a checkpoint", got.Signed)
	}
	text := fmt.Sprintf("all %d events are as they were recorded, %s", got.Entries, signed)
	if got.Dropped > 0 {
		text += fmt.Sprintf("; the first %d were verified and dropped for their age on %s, which is signed", got.Dropped, got.DroppedAt.Format(time.DateOnly))
	}
	if got.Older > 0 {
		text += fmt.Sprintf("; checkpoints of less than that (%d) hold by their signature alone", got.Older)
	}
	return text
}

// how gathers the key and the checkpoints.
func (v verification) how(cmd *cobra.Command, log *app.AuditReader) (audit.Verification, error) {
	key, given, err := v.key()
	if err == nil && !given {
		key, err = log.Key(cmd.Context())
	}
	how := audit.Verification{Key: key}
	if err != nil || *v.checkpoint == "" {
		return how, err
	}
	file, err := readFile(*v.checkpoint)
	if err != nil {
		return how, err
	}
	if how.Notes, err = audit.Notes(file); err != nil {
		return how, fmt.Errorf("%s: %w", *v.checkpoint, err)
	}
	return how, nil
}
