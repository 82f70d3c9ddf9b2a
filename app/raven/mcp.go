package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/adapters/mcp"
)

// Where `raven mcp` finds the server, and what it shows it.
const (
	envURL    = "RAVEN_URL"
	envAPIKey = "RAVEN_API_KEY" //nolint:gosec // the variable's name

	defaultURL = "http://localhost:3000"
)

func mcpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "mcp",
		Short: "Speak the Model Context Protocol over stdin and stdout, to the server at " + envURL + " with the API key in " + envAPIKey + ".",
		Args:  usageArgs(cobra.NoArgs), Example: "  RAVEN_URL=http://localhost:3000 RAVEN_API_KEY=rk_live_… raven mcp",
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := mcp.NewBridge(serverURL(), os.Getenv(envAPIKey), cmd.OutOrStdout())
			if err != nil {
				return usageError{err}
			}
			return b.Run(cmd.Context(), cmd.InOrStdin())
		},
	}
}

// serverURL is where the server is.
func serverURL() string {
	if url := os.Getenv(envURL); url != "" {
		return url
	}
	return defaultURL
}
