package arch_test

import (
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/raven-memory/raven/test/arch"
)

func TestTheTreeKeepsToTheRules(t *testing.T) {
	t.Parallel()
	breaches, err := arch.Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breaches {
		t.Error(b)
	}
}

const ours = "github.com/raven-memory/raven/"

// pkg is a source of a package with the imports given.
func pkg(name string, imports ...string) string {
	var b strings.Builder
	b.WriteString("package " + name + "\n")
	for _, i := range imports {
		b.WriteString("import _ \"" + i + "\"\n")
	}
	return b.String()
}

func doc(source string) string { return "// Package p is documented.\n" + source }

// good is a tree that keeps to every rule.
func good() map[string]string {
	return map[string]string{
		".gitignore":         "/bin/\n# a comment\n*.out\n",
		".golangci.yml":      "",
		"README.md":          "",
		"go.mod":             "",
		"bin/x.go":           "not Go at all",
		"cpu.out":            "",
		"core/doc.go":        doc(pkg("core", "time", "net/url", "crypto/sha256", "encoding/json")),
		"core/ids.go":        pkg("core", "io"),
		"core/ids_test.go":   pkg("core_test", "os", "pgregory.net/rapid", ours+"adapters/sqlite"),
		"core/keys/a.go":     doc(pkg("keys", "context", ours+"core", ours+"ports", ours+"core/keys/crc")),
		"core/keys/crc/a.go": doc(pkg("crc", "hash/crc32")),
		"core/keys/clock.go": `package keys
import "time"
type at = time.Time
type stub struct{ Now func() at }
func now(time stub) at { return time.Now() } // time.Now in words is no use of it
const text = "time.Now()"
`,
		"ports/doc.go":                doc(pkg("ports", "context", "time", ours+"core")),
		"adapters/sqlite/a.go":        doc(pkg("sqlite", "os", "database/sql", "modernc.org/sqlite", ours+"core", ours+"ports", ours+"adapters/sqlite/sub")),
		"adapters/sqlite/b.go":        "package sqlite\nimport \"time\"\nvar now = time.Now()\n",
		"adapters/sqlite/sub/a.go":    doc(pkg("sub", ours+"core")),
		"adapters/fiber/a.go":         doc(pkg("fiber", ours+"core/keys", ours+"ports", "github.com/gofiber/fiber/v2", ours+"adapters/fiber/docs")),
		"adapters/fiber/docs/a.go":    doc(pkg("docs", ours+"core/keys", ours+"adapters/fiber")),
		"config/a.go":                 doc(pkg("config", "os", "go.yaml.in/yaml/v3", ours+"core")),
		"app/a.go":                    doc(pkg("app", ours+"config", ours+"adapters/sqlite", ours+"adapters/fiber", ours+"core/keys", "github.com/a/b")),
		"app/raven/main.go":           doc("package main\nimport \"os\"\nvar e = os.Environ()\nfunc main() {}\n"),
		"test/contract/a.go":          doc(pkg("contract", "testing", "pgregory.net/rapid", ours+"ports", ours+"app")),
		"test/load/main.go":           doc("package main\nimport \"os\"\nvar e = os.Getenv(\"X\")\nfunc main() {}\n"),
		"test/contract/testdata/x.go": "not Go at all",
	}
}

func check(t *testing.T, files map[string]string) []string {
	t.Helper()
	tree := fstest.MapFS{}
	for name, source := range files {
		tree[name] = &fstest.MapFile{Data: []byte(source)}
	}
	breaches, err := arch.Check(tree)
	if err != nil {
		t.Fatal(err)
	}
	return breaches
}

func TestAGoodTreeIsNotBlamed(t *testing.T) {
	t.Parallel()
	if breaches := check(t, good()); len(breaches) != 0 {
		t.Errorf("blamed for %q", breaches)
	}
}

func TestEveryBreachIsFound(t *testing.T) {
	t.Parallel()
	body := func(imports, code string) string { return "package p\nimport " + imports + "\n" + code + "\n" }
	for name, c := range map[string]struct{ file, source, blame string }{
		"core imports ports":               {"core/bad.go", pkg("core", ours+"ports"), "may import of ours: nothing"},
		"core imports a service":           {"core/bad.go", pkg("core", ours+"core/keys"), "may import of ours: nothing"},
		"core imports a library":           {"core/bad.go", pkg("core", "golang.org/x/text"), "may import of others: nothing"},
		"core imports os":                  {"core/bad.go", pkg("core", "os"), "must not reach"},
		"core imports os/exec":             {"core/bad.go", pkg("core", "os/exec"), "must not reach"},
		"core imports net":                 {"core/bad.go", pkg("core", "net"), "must not reach"},
		"core imports unsafe":              {"core/bad.go", pkg("core", "unsafe"), "must not reach"},
		"a service imports net/http":       {"core/keys/bad.go", pkg("keys", "net/http"), "must not reach"},
		"a service imports chance":         {"core/keys/bad.go", pkg("keys", "math/rand/v2"), "must not reach"},
		"a service imports a service":      {"core/recall/bad.go", doc(pkg("recall", ours+"core/keys")), "may import of ours: core, ports"},
		"a service's part imports one":     {"core/recall/x/bad.go", doc(pkg("x", ours+"core/keys/crc")), "may import of ours: core, ports"},
		"a look-alike of a service":        {"core/keysx/bad.go", doc(pkg("keysx", ours+"core/keys")), "may import of ours: core, ports"},
		"a service imports an adapter":     {"core/keys/bad.go", pkg("keys", ours+"adapters/sqlite"), "may import of ours: core, ports"},
		"a service imports a library":      {"core/keys/bad.go", pkg("keys", "golang.org/x/crypto/argon2"), "may import of others: nothing"},
		"ports import the machine":         {"ports/bad.go", pkg("ports", "io"), "may import of the standard library: context, time"},
		"ports import a service":           {"ports/bad.go", pkg("ports", ours+"core/keys"), "may import of ours: core"},
		"a folder below ports":             {"ports/sub/bad.go", pkg("sub"), "no package may be in ports/sub"},
		"an adapter imports an adapter":    {"adapters/redis/bad.go", doc(pkg("redis", ours+"adapters/sqlite")), "may import of ours: core, ports"},
		"an adapter imports a service":     {"adapters/sqlite/bad.go", pkg("sqlite", ours+"core/keys"), "may import of ours: core, ports"},
		"an adapter imports config":        {"adapters/sqlite/bad.go", pkg("sqlite", ours+"config"), "may import of ours: core, ports"},
		"an adapter imports test helpers":  {"adapters/sqlite/bad.go", pkg("sqlite", ours+"test/contract"), "may import of ours: core, ports"},
		"a driving adapter imports one":    {"adapters/fiber/bad.go", pkg("fiber", ours+"adapters/sqlite"), "may import of ours: core, core/*, ports"},
		"a look-alike of a driving one":    {"adapters/fiberx/bad.go", doc(pkg("fiberx", ours+"core/keys")), "may import of ours: core, ports"},
		"behind a build tag":               {"core/bad.go", "//go:build neverset\n\n" + pkg("core", "os"), "must not reach"},
		"for another system":               {"core/bad_plan9.go", pkg("core", "os"), "must not reach"},
		"config imports a library":         {"config/bad.go", pkg("config", "github.com/spf13/viper"), "may import of others: go.yaml.in/yaml/v3"},
		"config imports a port":            {"config/bad.go", pkg("config", ours+"ports"), "may import of ours: core"},
		"app imports test helpers":         {"app/bad.go", pkg("app", ours+"test/contract"), "app may import of ours"},
		"app imports dockertest":           {"app/bad.go", pkg("app", "github.com/ory/dockertest/v3"), "it is for tests"},
		"an adapter imports goleak":        {"adapters/sqlite/bad.go", pkg("sqlite", "go.uber.org/goleak"), "it is for tests"},
		"an adapter imports testing":       {"adapters/sqlite/bad.go", pkg("sqlite", "testing"), "it is for tests"},
		"cgo":                              {"adapters/sqlite/bad.go", pkg("sqlite", "C"), "without cgo"},
		"core reads the clock":             {"core/bad.go", body(`"time"`, "var x = time.Now()"), "uses time.Now: core takes the time from a port"},
		"core hands the clock on":          {"core/keys/bad.go", body(`"time"`, "var now = time.Now"), "uses time.Now"},
		"by another name":                  {"core/keys/bad.go", body(`clock "time"`, "func f() { clock.Sleep(1) }"), "uses time.Sleep"},
		"by no name":                       {"core/keys/bad.go", body(`. "time"`, "func f() { Sleep(1) }"), "imports time into its own names"},
		"core waits":                       {"core/keys/bad.go", body(`"time"`, "func f() { <-time.After(1) }"), "uses time.After"},
		"an adapter reads the environment": {"adapters/sqlite/bad.go", body(`"os"`, `var x = os.Getenv("X")`), "uses os.Getenv: only the command"},
		"config reads the environment":     {"config/bad.go", body(`"os"`, `var x, ok = os.LookupEnv("X")`), "uses os.LookupEnv"},
		"app reads the environment":        {"app/bad.go", body(`"os"`, "var x = os.Environ()"), "uses os.Environ"},
		"by way of syscall":                {"app/bad.go", body(`"syscall"`, `var x, ok = syscall.Getenv("X")`), "uses syscall.Getenv"},
		"a package at the top":             {"bad.go", pkg("raven"), "no package may be in ."},
		"a package in deploy":              {"deploy/bad.go", pkg("deploy"), "no package may be in deploy"},
		"a new folder at the top":          {"pkg/bad.go", pkg("pkg"), "has no place at the top"},
		"a new file at the top":            {"NOTES.md", "", "has no place at the top"},
		"a second command":                 {"app/tool/main.go", doc(pkg("main")), "only app/raven holds a command"},
		"no package comment":               {"core/quotas/a.go", pkg("quotas"), "package comment in 0 files"},
		"two package comments":             {"core/keys/b.go", doc(pkg("keys")), "package comment in 2 files, not in one: a.go, b.go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(good())
			if _, ok := files[c.file]; ok {
				t.Fatal("the case replaces a file of the good tree")
			}
			files[c.file] = c.source
			breaches := check(t, files)
			if !strings.Contains(strings.Join(breaches, "\n"), c.blame) {
				t.Errorf("%q is not among %q", c.blame, breaches)
			}
		})
	}
}

func TestASourceThatDoesNotParseIsAnError(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{".gitignore": {}, "core/bad.go": {Data: []byte("package")}}
	if _, err := arch.Check(tree); err == nil {
		t.Error("it was passed over")
	}
}
