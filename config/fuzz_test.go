package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
)

// Whatever the sources say, the loader answers with problems or with a
// configuration that prints as itself, and never shows the secret.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "http:\n  addr: 127.0.0.1:1\n", "a: {b: {c: [1, 2]}}", "<<: *x", "&a [*a]", "? {}\n: x", "!!binary x: y", "data_dir: |\n  a\n  b\n",
		"http.cors_origins: [https://a.example, http://b.example:1]\nhttp.trusted_proxies: ::/0\n", "recall: {max_bytes: 1GiB}",
	} {
		f.Add([]byte(seed), "HTTP_ADDR=:1", "log.level", "debug")
	}
	f.Add([]byte("log.level: warn"), "REGISTRATION_MODE=token", "http.trusted_proxies", "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, file []byte, variable, flag, text string) {
		if strings.Contains(string(file)+variable+flag+text, "canary") || strings.Contains(variable, "_FILE=") {
			t.Skip("the secret must come from its variable only, and no file but ours be read")
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "raven.yaml")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.LoadOptions{
			File:  path,
			Env:   []string{"RAVEN_REGISTRATION_TOKEN=" + canary, "RAVEN_" + variable},
			Flags: map[string]string{flag: text},
		})
		if err != nil {
			mustHide(t, err.Error())
			return
		}
		first := printed(t, c)
		mustHide(t, first)
		again := load(t, config.LoadOptions{
			File: write(t, "again.yaml", strings.Replace(first, `token: "********"`, `token: "`+canary+`"`, 1)),
		})
		if second := printed(t, again); stripped(first) != stripped(second) {
			t.Errorf("printed\n%sloaded and printed again\n%s", first, second)
		}
	})
}

// Whatever a key is set to, it is refused, or prints as what sets it to the same.
func FuzzValues(f *testing.F) {
	for _, text := range []string{"", "1h", "1GiB", "-1", "127.0.0.1:0", "a=b,c=d", "https://a.example", "10.0.0.0/8,::/0", "true", "1e3", "0.5", "9223372036854775807TiB"} {
		f.Add(uint8(0), text)
	}
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		var c config.Config
		for i, k := range config.TableOf(&c) {
			if (n != 0 && i != int(n)) || k.Set(text) != nil {
				continue
			}
			shown := k.Text()
			if strings.Contains(shown, "****") {
				continue // a secret
			}
			if err := k.Set(shown); err != nil || k.Text() != shown {
				t.Errorf("%s: %q is shown as %q, then %q, %v", k.Name, text, shown, k.Text(), err)
			}
		}
	})
}
