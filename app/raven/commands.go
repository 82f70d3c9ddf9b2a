package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
)

// usageError is a call that was wrong, as opposed to work that failed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "raven",
		Short:         "Raven is the memory platform for AI agents that you run on your own machines.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), demoCommand(), configCommand(), keyringCommand(), versionCommand(), auditCommand(), mcpCommand(), migrateCommand())
	root.AddCommand(healthcheckCommand(), backupCommand(), restoreCommand(), tenantsCommand(), keysCommand(), doctorCommand(), importCommand())
	addOutput(root)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			return nil
		}
		if missing := missingArgument(cmd, args); missing != "" {
			err = fmt.Errorf("%s is missing: %s", missing, cmd.UseLine())
		}
		return usageError{fmt.Errorf("%w; see raven help", err)}
	}
}

// missingArgument is the first argument of a command's use that args lack.
func missingArgument(cmd *cobra.Command, args []string) string {
	names := strings.Fields(cmd.Use)[1:]
	if len(args) >= len(names) || strings.Contains(cmd.Use, "--") {
		return ""
	}
	return names[len(args)]
}

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the API until it is told to stop.", Args: usageArgs(cobra.NoArgs),
		Example: "  raven serve\n  raven serve --config /etc/raven/raven.yaml\n  RAVEN_STORE_BACKEND=redis RAVEN_STORE_REDIS_URL=redis://localhost:6379/0 raven serve",
	}
	load := configFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		signal.Ignore(syscall.SIGHUP) // who sends it wants a configuration read again, not the end
		tuneCollector(cfg.Recall.MaxBytes)
		return app.Serve(cmd.Context(), cfg, app.NewLog(cfg.Log, os.Stderr))
	}
	return cmd
}

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve, walk through the main job over HTTP with a sample conversation, and keep serving.",
		Args:  usageArgs(cobra.NoArgs), Example: "  raven demo --data_dir ./raven-demo",
	}
	load := configFlags(cmd.Flags(), true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		cfg.Log.Level = max(cfg.Log.Level, slog.LevelWarn) // the walk says what happens
		tuneCollector(cfg.Recall.MaxBytes)
		return app.Demo(cmd.Context(), cfg, app.NewLog(cfg.Log, os.Stderr), os.Stdout)
	}
	return cmd
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration, secrets masked, and where each value comes from.",
		Args:  usageArgs(cobra.NoArgs), Example: "  raven config --config /etc/raven/raven.yaml\n  raven config --output json | jq '.[\"http.addr\"]'",
	}
	load := configFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		out := outputOf(cmd)
		if out.json {
			return out.print(cfg.Values(), "")
		}
		return cfg.Print(out.to)
	}
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version.", Example: "  raven version --output json",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				System  string `json:"system"`
			}{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return outputOf(cmd).print(v, "raven %s %s %s\n", v.Version, v.Go, v.System)
		},
	}
}

// configFlags gives a command --config and a flag for every key, and returns what
// loads the configuration once they are parsed. Those of secrets are not shown:
// they are there to be refused with what to do instead.
func configFlags(flags *pflag.FlagSet, serve bool) func() (config.Config, error) {
	file := flags.String("config", "", "YAML file with the configuration")
	values := map[string]*string{}
	for _, k := range config.Table() {
		values[k.Name] = flags.String(k.Name, k.Default, strings.ReplaceAll(k.Doc, "`", ""))
		if k.Secret() {
			_ = flags.MarkHidden(k.Name)
		}
	}
	return func() (config.Config, error) {
		set := map[string]string{}
		flags.Visit(func(f *pflag.Flag) {
			if v, ok := values[f.Name]; ok {
				set[f.Name] = *v
			}
		})
		cfg, err := config.Load(config.LoadOptions{File: *file, Env: os.Environ(), Flags: set, Serve: serve})
		var wrong *config.Error
		if errors.As(err, &wrong) {
			return cfg, usageError{err}
		}
		return cfg, err
	}
}
