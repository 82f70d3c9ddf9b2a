package config_test

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
)

func TestEveryFieldHasOneKey(t *testing.T) {
	t.Parallel()
	var c config.Config
	keys := map[uintptr]string{}
	for _, k := range config.TableOf(&c) {
		at := reflect.ValueOf(k.Target())
		if other, ok := keys[at.Pointer()]; ok {
			t.Errorf("%s and %s set the same field", other, k.Name)
		}
		keys[at.Pointer()] = k.Name
	}
	fields := leaves("Config", reflect.ValueOf(&c).Elem())
	for at, name := range fields {
		if _, ok := keys[at]; !ok {
			t.Errorf("%s has no key", name)
		}
	}
	if len(fields) != len(keys) {
		t.Errorf("%d fields, %d keys", len(fields), len(keys))
	}
}

// leaves lists the exported fields of nested structures by their addresses.
func leaves(name string, v reflect.Value) map[uintptr]string {
	found := map[uintptr]string{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if inner := v.Field(i); inner.Kind() == reflect.Struct {
			for at, n := range leaves(name+"."+field.Name, inner) {
				found[at] = n
			}
		} else {
			found[inner.Addr().Pointer()] = name + "." + field.Name
		}
	}
	return found
}

func TestEveryKeyIsDocumentedAndWellNamed(t *testing.T) {
	t.Parallel()
	wellNamed := regexp.MustCompile(`^[a-z][a-z_]*(\.[a-z][a-z_]*)*$`)
	names, variables := map[string]bool{}, map[string]string{}
	for _, k := range config.Table() {
		if !wellNamed.MatchString(k.Name) || names[k.Name] {
			t.Errorf("%s is not a good name, or there twice", k.Name)
		}
		names[k.Name] = true
		if !strings.HasSuffix(k.Doc, ".") || len(k.Doc) < 20 || k.Allowed() == "" {
			t.Errorf("%s is not documented: %q, allowed %q", k.Name, k.Doc, k.Allowed())
		}
		if other, ok := variables[k.Env()]; ok {
			t.Errorf("%s and %s share %s", k.Name, other, k.Env())
		}
		variables[k.Env()] = k.Name
	}
	for name := range names {
		for other := range names {
			if strings.HasPrefix(other, name+".") {
				t.Errorf("%s is a key and a section", name)
			}
		}
	}
}

func TestTheVariableOfAKeyIsItsNameInCapitals(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"http.addr": "RAVEN_HTTP_ADDR", "data_dir": "RAVEN_DATA_DIR", "keys.platform.keyring_file": "RAVEN_KEYS_PLATFORM_KEYRING_FILE",
	} {
		if got := key(t, name).Env(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestDefaultsAreAllowedAndShownAsWritten(t *testing.T) {
	t.Parallel()
	for _, k := range config.Table() {
		if k.Default == "" {
			continue
		}
		if err := k.Set(k.Default); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

const begin = "<!-- config:begin -->\n"

// reference is the README's part between the markers, without them.
func reference(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), begin)
	table, _, closed := strings.Cut(rest, "<!-- config:end -->")
	if !ok || !closed {
		t.Fatal("README.md lacks the markers <!-- config:begin --> and <!-- config:end -->")
	}
	return table
}

// With RAVEN_TEST_UPDATE set it writes the table instead.
func TestTheREADMEHoldsTheReference(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := config.Reference(&want); err != nil {
		t.Fatal(err)
	}
	have := reference(t)
	if have == want.String() {
		return
	}
	if os.Getenv("RAVEN_TEST_UPDATE") == "" {
		t.Fatal("README.md does not hold the table of keys as it is now; RAVEN_TEST_UPDATE=1 go test ./config writes it")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	updated := strings.Replace(string(readme), begin+have, begin+want.String(), 1)
	if err := os.WriteFile("../README.md", []byte(updated), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAPrintedConfigurationLoadsAsItself(t *testing.T) {
	t.Parallel()
	c := load(t, config.LoadOptions{
		File:  write(t, "raven.yaml", "data_dir: \"~\"\nhttp.cors_origins: [https://a.example]\n"),
		Env:   []string{"RAVEN_RECALL_MAX_BYTES=1GiB", "RAVEN_HTTP_ADDR=:3000"},
		Flags: map[string]string{"log.level": "debug"},
	})
	first := printed(t, c)
	for _, line := range []string{
		`data_dir: "~" # file `, `  cors_origins: "https://a.example" # file `, `  max_bytes: "1GiB" # env RAVEN_RECALL_MAX_BYTES`,
		`  level: "debug" # flag --log.level`, `  format: "json" # default`, `  mode: "" # default`,
	} {
		if !strings.Contains(first, line) {
			t.Errorf("the print lacks %q:\n%s", line, first)
		}
	}
	again := load(t, config.LoadOptions{File: write(t, "again.yaml", first)})
	if second := printed(t, again); stripped(first) != stripped(second) {
		t.Errorf("loaded again it is\n%s", second)
	}
}

func printed(t *testing.T, c config.Config) string {
	t.Helper()
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var comment = regexp.MustCompile(` # .*`)

func stripped(text string) string { return comment.ReplaceAllString(text, "") }
