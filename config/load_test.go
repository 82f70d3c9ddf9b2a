package config_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// write puts text into a new file that only its owner can open.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, o config.LoadOptions) config.Config {
	t.Helper()
	c, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refuse loads what must be refused and gives the problems.
func refuse(t *testing.T, o config.LoadOptions) []config.Problem {
	t.Helper()
	c, err := config.Load(o)
	var refused *config.Error
	if !errors.As(err, &refused) {
		t.Fatalf("Load = %v, want an *Error", err)
	}
	if c.HTTP.Addr != "" {
		t.Error("a refused configuration is not empty")
	}
	return refused.Problems
}

// mustBlame fails unless exactly one problem has the key, and its message holds
// all the parts.
func mustBlame(t *testing.T, list []config.Problem, key, source string, parts ...string) {
	t.Helper()
	var found []config.Problem
	for _, p := range list {
		if p.Key == key && p.Source == source {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		t.Fatalf("problems with %s from %q: %v, all: %v", key, source, found, list)
	}
	for _, part := range parts {
		if !strings.Contains(found[0].Message, part) {
			t.Errorf("%s: %q does not say %q", key, found[0].Message, part)
		}
	}
}

func TestNothingGivenIsTheDefaults(t *testing.T) {
	t.Parallel()
	c := load(t, config.LoadOptions{Serve: true})
	if c.HTTP.Addr != "127.0.0.1:3000" || c.Admin.Addr != "127.0.0.1:9090" {
		t.Errorf("addresses %q and %q", c.HTTP.Addr, c.Admin.Addr)
	}
	if c.HTTP.RequestTimeout != 10*time.Second || c.HTTP.ShutdownTimeout != 20*time.Second {
		t.Errorf("timeouts %v and %v", c.HTTP.RequestTimeout, c.HTTP.ShutdownTimeout)
	}
	if c.Registration.Mode != config.RegistrationOpen {
		t.Errorf("registration.mode %q on the loopback", c.Registration.Mode)
	}
	if c.DataDir != "./raven-data" || c.Keys.Platform.KeyringFile != "raven-data/platform.keyring" {
		t.Errorf("data_dir %q, keyring_file %q", c.DataDir, c.Keys.Platform.KeyringFile)
	}
	if c.Store.Backend != "embedded" || c.Audit.Backend != "store" || c.Keys.Platform.Provider != "local" ||
		c.Keys.Tenant.Provider != "none" || c.Embedder.Provider != "none" || c.Extractor.Provider != "rules" {
		t.Errorf("backends and providers: %+v", c)
	}
	if c.Keys.CacheTTL != time.Minute || c.Recall.MaxBytes != 512<<20 || c.Memory.IdleFlush != 15*time.Minute {
		t.Errorf("figures: %+v", c)
	}
	if c.Log.Level != slog.LevelInfo || c.Log.Format != "json" {
		t.Errorf("log: %+v", c.Log)
	}
	if got := c.DefaultSettings(); got != core.DefaultSettings() {
		t.Errorf("DefaultSettings = %+v", got)
	}
}

func TestFileGivesWayToEnvironmentAndThatToFlags(t *testing.T) {
	t.Parallel()
	file := write(t, "raven.yaml", `
http:
  addr: 127.0.0.1:1
  request_timeout: 1s
log.level: warn
memory: {idle_flush: 1m}
`)
	c := load(t, config.LoadOptions{
		File:  file,
		Env:   []string{"RAVEN_HTTP_ADDR=127.0.0.1:2", "RAVEN_LOG_LEVEL=error", "PATH=/bin"},
		Flags: map[string]string{"log.level": "debug"},
	})
	if c.HTTP.Addr != "127.0.0.1:2" || c.Log.Level != slog.LevelDebug ||
		c.HTTP.RequestTimeout != time.Second || c.Memory.IdleFlush != time.Minute {
		t.Errorf("got %+v", c)
	}
}

func TestEveryKindOfValueIsRead(t *testing.T) {
	t.Parallel()
	c := load(t, config.LoadOptions{
		File: write(t, "raven.yaml", `
http.trusted_proxies: [10.0.0.0/8, "::1"]
http.cors_origins:
  - https://app.example.com
  - http://localhost:5173
tenants:
  defaults: {retention_days: 0}
  ceilings.batch_size: 100
limits: {rate_per_minute: 60}
recall.max_bytes: 1048577
`),
		Env: []string{"RAVEN_LOG_FORMAT=text", "RAVEN_KEYS_CACHE_TTL=0"},
	})
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if !slices.Equal(c.HTTP.TrustedProxies, proxies) {
		t.Errorf("trusted_proxies %v", c.HTTP.TrustedProxies)
	}
	if !slices.Equal(c.HTTP.CORSOrigins, []string{"https://app.example.com", "http://localhost:5173"}) {
		t.Errorf("cors_origins %v", c.HTTP.CORSOrigins)
	}
	if c.Tenants.Ceilings.BatchSize != 100 || c.Recall.MaxBytes != 1<<20+1 || c.Log.Format != "text" || c.Keys.CacheTTL != 0 {
		t.Errorf("got %+v", c)
	}
	if s := c.DefaultSettings(); s.RetentionDays != 0 || s.RateLimitPerMinute != 60 {
		t.Errorf("DefaultSettings = %+v", s)
	}
}

func TestListsInTheEnvironmentAreSeparatedByCommas(t *testing.T) {
	t.Parallel()
	c := load(t, config.LoadOptions{Env: []string{"RAVEN_HTTP_TRUSTED_PROXIES=127.0.0.1, 10.1.0.0/16,"}})
	want := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.1.0.0/16")}
	if !slices.Equal(c.HTTP.TrustedProxies, want) {
		t.Errorf("trusted_proxies %v", c.HTTP.TrustedProxies)
	}
}

func TestAllProblemsAreListedAtOnce(t *testing.T) {
	t.Parallel()
	file := write(t, "raven.yaml", "http:\n  adr: 127.0.0.1:1\nkeys.cache_ttl: 2h\n")
	list := refuse(t, config.LoadOptions{
		File:  file,
		Env:   []string{"RAVEN_HTP_ADDR=x", "RAVEN_RECALL_MAX_BYTES=1GB"},
		Flags: map[string]string{"log.levle": "info", "log.format": "xml"},
	})
	if len(list) != 6 {
		t.Errorf("%d problems: %v", len(list), list)
	}
	mustBlame(t, list, "http.adr", "file "+file+":2", "no such key", "did you mean http.addr?")
	mustBlame(t, list, "keys.cache_ttl", "file "+file+":3", `"2h"`, "0s to 1h")
	mustBlame(t, list, "RAVEN_HTP_ADDR", "env", "no such variable", "did you mean RAVEN_HTTP_ADDR?")
	mustBlame(t, list, "recall.max_bytes", "env RAVEN_RECALL_MAX_BYTES", `"1GB"`, "1MiB to 16TiB")
	mustBlame(t, list, "log.levle", "flag --log.levle", "did you mean log.level?")
	mustBlame(t, list, "log.format", "flag --log.format", `"xml"`, "json or text")
	if !slices.IsSortedFunc(list, func(a, b config.Problem) int { return strings.Compare(a.Key, b.Key) }) {
		t.Errorf("not sorted: %v", list)
	}
	text := (&config.Error{Problems: list}).Error()
	for _, p := range list {
		if !strings.Contains(text, p.Key) || !strings.Contains(text, p.Message) {
			t.Errorf("%q lacks %v", text, p)
		}
	}
}

func TestABadValueIsRefusedAlsoWhenAnotherSourceWins(t *testing.T) {
	t.Parallel()
	file := write(t, "raven.yaml", "log.level: loud\n")
	list := refuse(t, config.LoadOptions{File: file, Env: []string{"RAVEN_LOG_LEVEL=info"}})
	mustBlame(t, list, "log.level", "file "+file+":1", "debug, info, warn or error")
}

func TestVariablesOfClientsTestsAndKubernetesAreLeftAlone(t *testing.T) {
	t.Parallel()
	load(t, config.LoadOptions{Env: []string{
		"RAVEN_URL=http://127.0.0.1:3000", "RAVEN_API_KEY=x", "RAVEN_BACKUP_PASSPHRASE=x",
		"RAVEN_BACKUP_PASSPHRASE_FILE=x", "RAVEN_TEST_REDIS=x", "RAVENHTTP=x", "raven_http_addr=x",
		"KUBERNETES_SERVICE_HOST=10.0.0.1", "RAVEN_SERVICE_HOST=10.0.0.2", "RAVEN_SERVICE_PORT=3000",
		"RAVEN_SERVICE_PORT_HTTP=3000", "RAVEN_PORT=tcp://10.0.0.2:3000", "RAVEN_PORT_3000_TCP_ADDR=10.0.0.2",
		"RAVEN_METRICS_SERVICE_HOST=10.0.0.3",
	}})
	list := refuse(t, config.LoadOptions{Env: []string{"KUBERNETES_SERVICE_HOST=10.0.0.1", "RAVEN_HTTP_PORT=3000"}})
	mustBlame(t, list, "RAVEN_HTTP_PORT", "env")
	list = refuse(t, config.LoadOptions{Env: []string{"RAVEN_SERVICE_HOST=10.0.0.2"}})
	mustBlame(t, list, "RAVEN_SERVICE_HOST", "env")
}

func TestFilesThatAreNotKeysAndValuesAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a list":           "- http.addr\n",
		"a word":           "hello\n",
		"broken":           "http: [\n",
		"two documents":    "log.level: info\n---\nlog.level: warn\n",
		"a section's name": "http: 3\n",
		"no value":         "log.level:\n",
		"a mapping":        "log.level: {}\n",
		"nested list":      "http.cors_origins: [[https://a.example]]\n",
		"null in a list":   "http.cors_origins: [~]\n",
		"an alias":         "data_dir: &a x\nlog.level: *a\n",
		"twice":            "log: {level: info}\nlog.level: info\n",
		"twice nested":     "log: {level: info}\nlog: {level: info}\n",
		"not UTF-8":        "data_dir: \"\xff\"\n",
		"a key of lists":   "? [a]\n: b\n",
		"too large":        "#" + strings.Repeat("x", 1<<20),
		"a null section":   "htp:\n",
		"a number's key":   "1: 2\n",
		"list for one":     "log.level: [info, warn]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuse(t, config.LoadOptions{File: write(t, "raven.yaml", text)})
		})
	}
	refuse(t, config.LoadOptions{File: filepath.Join(t.TempDir(), "absent.yaml")})
}

func TestFilesThatSayNothingAreTaken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n", "~\n", "http:\n", "http: {}\nhttp.tls:\n", "{}\n"} {
		load(t, config.LoadOptions{File: write(t, "raven.yaml", text)})
	}
}
