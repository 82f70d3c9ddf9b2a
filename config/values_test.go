package config_test

import (
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
)

// key finds a row of the table bound to a new configuration.
func key(t *testing.T, name string) config.Key {
	t.Helper()
	for _, k := range config.TableOf(new(config.Config)) {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no key %s", name)
	return config.Key{}
}

func TestValuesWithinBoundsAreTakenAndOthersRefused(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string]struct{ good, bad []string }{
		"http.addr": {
			[]string{"127.0.0.1:0", ":3000", "[::1]:65535", "localhost:1", "raven.example.com:80", "[fe80::1%eth0]:1"},
			[]string{"", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "::1:3000", "http://a:1", "a b:1", "a\n:1"},
		},
		"http.tls.cert":        {[]string{"", "/etc/raven/tls.crt"}, []string{"a\x00b", "a\nb", "\xff"}},
		"data_dir":             {[]string{".", "/var/lib/raven"}, []string{"", "a\x00b"}},
		"http.request_timeout": {[]string{"100ms", "5m", "1m30s"}, []string{"", "99ms", "5m1ms", "10", "-1s", "1d", "ten"}},
		"http.cors_origins": {
			[]string{"", "https://a.example", "http://a.example:8080,https://[::1]:8443", "https://xn--bcher-kva.example"},
			[]string{
				"*", "https://*", "https://*.a.example", "a.example", "https://a.example/", "https://A.example", "null",
				"https://a.example:443", "http://a.example:80", "https://a.example:", "https://a.example:99999",
				"https://u@a.example", "https://a.example?x", "https://a.example#x", "ftp://a.example", "https://bücher.example", "https://",
				"https://a%2eexample", "https:a.example",
			},
		},
		"http.trusted_proxies": {
			[]string{"", "10.0.0.1", "10.0.0.0/8,::/0", "fd00::/8"},
			[]string{"10.0.0.1/8", "10.0.0", "proxy.example", "10.0.0.0/33", "fe80::1%eth0", "::ffff:10.0.0.1", "*"},
		},
		"registration.mode": {[]string{"", "open", "token", "closed"}, []string{"Open", "none", " open"}},
		"registration.token": {
			[]string{"", strings.Repeat("x", 8), strings.Repeat("~", 200)},
			[]string{strings.Repeat("x", 7), strings.Repeat("x", 201), "eight and more", "acht-und-mehr-ü", "********"},
		},
		"keys.platform.keyring":       {[]string{"", "1:abc", "1:abc\n2:def"}, []string{"\xff", "********", strings.Repeat("x", 64<<10+1)}},
		"keys.cache_ttl":              {[]string{"0", "0s", "1h", "60s"}, []string{"1h1s", "-1s", "60"}},
		"limits.rate_per_minute":      {[]string{"0", "1000000"}, []string{"", "-1", "1000001", "1e3", "6_000", "0x10", "1.5"}},
		"tenants.defaults.batch_size": {[]string{"1", "500"}, []string{"0", "501"}},
		"tenants.defaults.max_users":  {[]string{"0", "1000000000"}, []string{"-1", "1000000001"}},
		"tenants.ceilings.max_users":  {[]string{"0", "1000000000"}, []string{"-1", "1000000001"}},
		"recall.max_bytes":            {[]string{"1MiB", "1048576", "512MiB", "1GiB", "16TiB"}, []string{"", "1", "1MB", "1.5GiB", "17TiB", "9999999999TiB", "-1MiB", "MiB", "1 MiB"}},
		"log.level":                   {[]string{"debug", "info", "warn", "error"}, []string{"", "INFO", "info+1", "trace"}},
		"memory.idle_flush":           {[]string{"1s", "24h"}, []string{"0s", "24h1s"}},
		"embedder.url": {
			[]string{"", "http://localhost:11434/v1", "https://api.openai.com/v1/", "http://[::1]:80"},
			[]string{"localhost", "ftp://a", "https://", "https://u:p@a", "https://a?key=b", "https://a#b", "https://a\n"},
		},
		"embedder.query_timeout": {[]string{"10ms", "10s"}, []string{"9ms", "11s"}},
		"extractor.provider":     {[]string{"none", "rules", "openai"}, []string{"", "llm", "OpenAI"}},
		"reranker.provider":      {[]string{"none", "openai", "tei"}, []string{"rules"}},
		"memory.sweep_every":     {[]string{"1s", "1h"}, []string{"0s", "1h1s"}},
		"tracing.endpoint": {
			[]string{"", "http://localhost:4318", "https://collector.example/otlp/v1/traces"},
			[]string{"localhost:4318", "grpc://localhost:4317", "https://u:p@a.example", "https://a.example?key=x", "https://a.example#x", "https://"},
		},
		"tracing.headers":                 {[]string{"", "a=b", "X-Key=abc=,b=c d", "a="}, []string{"a", "=b", "a b=c", "a=\x00", "a=ü", "a:b=c"}},
		"tracing.sample_ratio":            {[]string{"0", "1", "0.25", "1e-3"}, []string{"", "-0.1", "1.1", "NaN", "Inf", "half"}},
		"tracing.service_name":            {[]string{"raven", "raven-eu/1"}, []string{"", "a b", "ü", strings.Repeat("x", 101)}},
		"tenants.defaults.retention_days": {[]string{"0", "3650"}, []string{"-1", "3651"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := key(t, name)
			for _, text := range texts.good {
				if err := k.Set(text); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			}
			before := k.Text()
			for _, text := range texts.bad {
				if err := k.Set(text); err == nil {
					t.Errorf("%q was taken", text)
				} else if !k.Secret() && !strings.Contains(err.Error(), "allowed") {
					t.Errorf("%q: %q does not say what is allowed", text, err)
				}
			}
			if k.Text() != before {
				t.Errorf("a refused value changed %q to %q", before, k.Text())
			}
		})
	}
}

func TestWhatAValueShowsIsTakenAgain(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string]map[string]string{
		"http.request_timeout": {"60s": "1m", "1m30s": "1m30s", "100ms": "100ms", "10s": "10s", "300s": "5m"},
		"memory.idle_flush":    {"60m": "1h", "24h": "24h", "90m": "1h30m", "1h0m30s": "1h0m30s"},
		"recall.max_bytes":     {"1024MiB": "1GiB", "1048577": "1048577", "1536MiB": "1536MiB"},
		"http.trusted_proxies": {" 10.0.0.1 , ::/0": "10.0.0.1/32,::/0"},
		"log.level":            {"warn": "warn"},
	} {
		for text, want := range texts {
			k := key(t, name)
			if err := k.Set(text); err != nil {
				t.Errorf("%s %q: %v", name, text, err)
				continue
			}
			if k.Text() != want {
				t.Errorf("%s %q shows as %q, want %q", name, text, k.Text(), want)
			}
			if err := k.Set(k.Text()); err != nil {
				t.Errorf("%s does not take its own %q: %v", name, k.Text(), err)
			}
		}
	}
}
