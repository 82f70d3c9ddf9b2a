package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// diagnosis is what raven doctor found.
type diagnosis struct {
	OK       int           `json:"ok"`
	Warnings int           `json:"warnings"`
	Failures int           `json:"failures"`
	Findings core.Findings `json:"findings"`
}

func doctorCommand() *cobra.Command {
	short := "Check every dependency, permission and durability setting, and say how to mend what is wrong."
	cmd := &cobra.Command{
		Use: "doctor", Short: short, Args: usageArgs(cobra.NoArgs),
		Long: short + "\n\nIt reads the configuration that the server reads, changes nothing, and may be run beside the server; run it as the server's user. " +
			"Exit 0: all is in order, or only warnings; 1: something fails; 2: wrong usage.",
		Example: "  raven doctor\n  raven doctor --config /etc/raven/raven.yaml --output json | jq '.findings[] | select(.level != \"ok\")'",
	}
	load := configFlags(cmd.Flags(), false)
	limit := cmd.Flags().Duration("timeout", 2*time.Minute, "how long the checks may take together")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), *limit)
		defer cancel()
		cfg, err := load()
		var wrong *config.Error
		var usage usageError
		switch {
		case errors.As(err, &wrong):
			return printDiagnosis(outputOf(cmd), app.DoctorConfig(err))
		case errors.As(err, &usage):
			return err
		case err != nil:
			return printDiagnosis(outputOf(cmd), app.DoctorConfig(err))
		}
		return printDiagnosis(outputOf(cmd), app.Doctor(ctx, cfg))
	}
	return cmd
}

func printDiagnosis(out *output, found core.Findings) error {
	d := diagnosis{Findings: found}
	for _, f := range found {
		switch f.Level {
		case core.LevelOK:
			d.OK++
		case core.LevelWarn:
			d.Warnings++
		case core.LevelFail:
			d.Failures++
		}
	}
	if err := out.print(d, "%s", d.text()); err != nil {
		return err
	}
	if d.Failures > 0 {
		return failedError{fmt.Errorf("%d checks failed", d.Failures)}
	}
	return nil
}

// text shows what is worst last, where it is read first.
func (d diagnosis) text() string {
	var text strings.Builder
	order := map[core.Level]int{core.LevelOK: 0, core.LevelWarn: 1, core.LevelFail: 2}
	list := slices.Clone(d.Findings)
	slices.SortStableFunc(list, func(a, b core.Finding) int { return order[a.Level] - order[b.Level] })
	for _, f := range list {
		fmt.Fprintf(&text, "%-4s  %s: %s\n", f.Level, f.Check, oneLine(f.Detail))
		if f.Mend != "" {
			fmt.Fprintf(&text, "      → %s\n", f.Mend)
		}
	}
	fmt.Fprintf(&text, "%d in order, %d warnings, %d failures\n", d.OK, d.Warnings, d.Failures)
	return text.String()
}
