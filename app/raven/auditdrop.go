package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/core"
)

func auditDropCommand() *cobra.Command {
	var month *string
	cmd := auditSubcommand("drop", "Drop the oldest months of an audit log in Postgres, once all of it was verified, and sign what stands for them.", cobra.NoArgs,
		func(cmd *cobra.Command, log *app.AuditReader, _ []string) error {
			before, err := time.Parse("2006-01", *month)
			if err != nil {
				return usageError{errors.New("--before takes a month, such as 2026-01")}
			}
			if before.After(time.Now()) {
				return usageError{fmt.Errorf("the month before %s is not over", *month)}
			}
			list, err := log.Drop(cmd.Context(), before)
			if err != nil {
				return err
			}
			return printDropped(outputOf(cmd), list)
		})
	month = cmd.Flags().String("before", "", "the first month to keep, as 2026-01; events that happened before it, in UTC, go")
	return cmd
}

// droppedLog is what became of a log, as --output json prints it.
type droppedLog struct {
	Tenant  core.TenantID `json:"tenant_id"`
	First   int64         `json:"first"`
	Last    int64         `json:"last"` // less than first where nothing was dropped
	Verdict string        `json:"verdict"`
}

func printDropped(out *output, list []app.AuditDropped) error {
	logs, lines := []droppedLog{}, ""
	events, faults := int64(0), 0
	for _, d := range list {
		text := "nothing was dropped"
		if d.Last >= d.First {
			events += d.Last - d.First + 1
			text = fmt.Sprintf("events %d to %d were dropped", d.First, d.Last)
		}
		if d.Why != "" {
			text += "; " + d.Why
		}
		if d.Fault != nil {
			faults++
			text += ": " + d.Fault.Error()
		}
		logs = append(logs, droppedLog{Tenant: d.Tenant, First: d.First, Last: d.Last, Verdict: text})
		lines += fmt.Sprintf("%s: %s\n", d.Tenant, text)
	}
	if err := out.print(logs, "%s%d events were dropped.\n", lines, events); err != nil {
		return err
	}
	if faults > 0 {
		return fmt.Errorf("%d of %d logs are not as they were recorded, and were left alone", faults, len(list))
	}
	return nil
}
