package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raven-memory/raven/config"
)

const (
	healthPatience = 4 * time.Second // longer than /readyz waits for what it asks
	maxHealth      = 64 << 10
)

func healthcheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server on this machine whether it is ready, at the configured http.addr.",
		Long: "Ask the server on this machine whether it is ready, at the configured http.addr.\n" +
			"Exits with 0 when it is, and with 1 when it is not or does not answer: for containers without a shell.",
		Args: usageArgs(cobra.NoArgs), Example: "  raven healthcheck && echo ready",
	}
	load := configFlags(cmd.Flags(), false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		address, err := readinessURL(cfg.HTTP)
		if err != nil {
			return usageError{err}
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), healthPatience)
		defer cancel()
		if err := askReadiness(ctx, address); err != nil {
			return err
		}
		return outputOf(cmd).print(map[string]string{"status": "ready"}, "")
	}
	return cmd
}

// readinessURL is where a server that is configured so answers on its own
// machine.
func readinessURL(cfg config.HTTP) (string, error) {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil || port == "0" {
		return "", fmt.Errorf("http.addr %s does not say which port the server has", cfg.Addr)
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip.Is4() && ip.IsUnspecified():
		host = "127.0.0.1" // an image from nothing knows no localhost
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/readyz"}
	if cfg.TLS.Cert != "" {
		u.Scheme = "https"
	}
	return u.String(), nil
}

func askReadiness(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		// The certificate is for the name that others use. Nothing secret is sent.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	}}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return notReady(answer)
}

// notReady says what a server lacks to be ready.
func notReady(answer *http.Response) error {
	var said struct {
		Status       string `json:"status"`
		Dependencies []struct{ Name, State string }
	}
	if json.NewDecoder(io.LimitReader(answer.Body, maxHealth)).Decode(&said) != nil || said.Status == "" {
		return fmt.Errorf("the server answered with status %d", answer.StatusCode)
	}
	var down []string
	for _, d := range said.Dependencies {
		if d.State != "up" {
			down = append(down, d.Name)
		}
	}
	if len(down) == 0 {
		return errors.New("the server is " + said.Status)
	}
	return fmt.Errorf("the server is %s; down: %s", said.Status, strings.Join(down, ", "))
}
