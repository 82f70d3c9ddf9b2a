package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// doctorCheckpoints looks whether copies of checkpoints can go where they should.
func doctorCheckpoints(ctx context.Context, cfg config.Config, found *core.Findings) {
	if file := cfg.Audit.CheckpointFile; file != "" {
		at := file
		if _, err := os.Stat(file); err != nil {
			at = filepath.Dir(file)
		}
		if !writable(at) {
			found.Fail("audit: checkpoint_file", "this user may not write "+at, "let the server's user write there")
		} else {
			found.OK("audit: checkpoint_file", file+" can be written")
		}
	}
	if text := cfg.Audit.CheckpointURL.Reveal(); text != "" {
		u, err := url.Parse(text)
		if err != nil {
			found.Fail("audit: checkpoint_url", "it is no URL", "correct audit.checkpoint_url")
			return
		}
		doctorReach(ctx, "audit: checkpoint_url", u, found)
	}
	if cfg.Audit.CheckpointFile == "" && cfg.Audit.CheckpointURL == "" {
		found.Warn("audit: checkpoints", "no copies are kept elsewhere: who may write the store may cut the log's end unseen", "set audit.checkpoint_file or audit.checkpoint_url to a place that the server's machine can't change")
	}
}

// doctorReach looks whether something listens where a URL leads. It sends nothing.
func doctorReach(ctx context.Context, check string, u *url.URL, found *core.Findings) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80"}[u.Scheme]
		if port == "" {
			port = "443"
		}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorDial)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		found.Fail(check, err.Error(), "start what should be there, or correct the URL and the network between")
		return
	}
	_ = conn.Close()
	found.OK(check, u.Hostname()+" answers")
}

func doctorWebhooks(cfg config.Config, found *core.Findings) {
	special := netip.MustParsePrefix("169.254.0.0/16")
	for _, p := range cfg.Webhooks.AllowNetworks {
		switch {
		case p.Bits() == 0:
			found.Fail("webhooks: allow_networks", p.String()+" lets tenants reach everything that this machine reaches", "name only the networks that receivers are in")
		case p.Overlaps(special):
			found.Fail("webhooks: allow_networks", p.String()+" holds the metadata services of clouds, which give out credentials", "name only the networks that receivers are in")
		case p.Contains(netip.MustParseAddr("127.0.0.1")):
			found.Warn("webhooks: allow_networks", p.String()+" lets tenants reach what listens on this machine alone, the admin listener too", "name only the networks that receivers are in")
		default:
			found.Warn("webhooks: allow_networks", "tenants may reach "+p.String(), "see that nothing there trusts who merely reaches it")
		}
	}
	if cfg.Webhooks.AllowHTTP {
		found.Warn("webhooks: allow_http", "events may go in the clear", "unset it where receivers have TLS")
	}
}

// doctorModels asks the servers of models which models they have.
func doctorModels(ctx context.Context, cfg config.Config, found *core.Findings) {
	for name, m := range map[string]config.Model{"embedder": cfg.Embedder.Model, "reranker": cfg.Reranker.Model, "extractor": cfg.Extractor.Model} {
		u, err := url.Parse(m.URL)
		if m.URL == "" || m.Provider == config.ModelsNone || m.Provider == config.ExtractorRules || err != nil {
			continue
		}
		path := "/models"
		if m.Provider == config.RerankerTEI {
			path = "/health"
		}
		doctorModel(ctx, name, strings.TrimRight(m.URL, "/")+path, m, found)
		if u.Scheme == "http" && u.Hostname() != "localhost" && !loopbackHost(u.Hostname()) {
			found.Warn(name, "what users say goes to "+u.Hostname()+" in the clear", "https:// in "+name+".url")
		}
	}
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func doctorModel(ctx context.Context, name, where string, m config.Model, found *core.Findings) {
	ctx, cancel := context.WithTimeout(ctx, doctorDial)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, http.NoBody)
	if err != nil {
		found.Fail(name, "it has no URL that can be asked", "correct "+name+".url")
		return
	}
	if m.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+m.APIKey.Reveal())
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		found.Fail(name, err.Error(), "start it, or correct "+name+".url; meanwhile Raven goes on without it")
		return
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		found.Fail(name, fmt.Sprintf("it answers %d", res.StatusCode), "correct "+name+".api_key")
	case res.StatusCode >= http.StatusInternalServerError:
		found.Fail(name, fmt.Sprintf("it answers %d", res.StatusCode), "see its log")
	case res.StatusCode >= http.StatusBadRequest:
		found.Warn(name, fmt.Sprintf("it answers %d when asked for its models", res.StatusCode), "see that "+name+".url has the path that its API is under, such as /v1")
	default:
		found.OK(name, "it answers")
	}
}
