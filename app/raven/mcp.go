package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

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
			key := os.Getenv(envAPIKey)
			if key == "" {
				return usageError{errors.New(envAPIKey + " is not set")}
			}
			b, err := mcp.NewBridge(serverURL(), key, cmd.OutOrStdout())
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", envURL, err)}
			}
			return b.Run(cmd.Context(), cmd.InOrStdin())
		},
	}
}

// checkServerURL refuses what is no server's address: what is asked for goes below
// it.
func checkServerURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s is %q; allowed: an http:// or https:// URL without a path, such as %s", envURL, text, defaultURL)
	}
	return nil
}

// serverURL is where the server is.
func serverURL() string {
	if url := os.Getenv(envURL); url != "" {
		return url
	}
	return defaultURL
}
