package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/test/backend"
)

// unitSettings are the unit's lines, by their names.
func unitSettings(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/systemd/raven.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && name[0] != '#' {
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

// TestUnitLetsTheServerListenForItsOperator holds the families of sockets: the
// API's listeners, and the operator's socket in data_dir.
func TestUnitLetsTheServerListenForItsOperator(t *testing.T) {
	t.Parallel()
	families := strings.Fields(strings.Join(unitSettings(t)["RestrictAddressFamilies"], " "))
	for _, needed := range []string{"AF_INET", "AF_INET6", "AF_UNIX"} {
		if !slices.Contains(families, needed) {
			t.Errorf("the unit allows %v, and the server needs %s", families, needed)
		}
	}
}

// TestCommandsWithTheUnitsConfigurationWorkOnItsData takes the configuration that
// start.md has written: what the unit says beside it, no command would know.
func TestCommandsWithTheUnitsConfigurationWorkOnItsData(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../deploy/runbooks/start.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "<<'YAML'\n")
	text, _, ok := strings.Cut(rest, "\nYAML\n")
	file := filepath.Join(t.TempDir(), "raven.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil || !ok {
		t.Fatal(err, ok)
	}
	cfg, err := config.Load(config.LoadOptions{File: file})
	if err != nil {
		t.Fatal(err)
	}
	unit := unitSettings(t)
	if want := "/var/lib/" + strings.Join(unit["StateDirectory"], " "); cfg.DataDir != want {
		t.Errorf("data_dir is %s, the unit's folder %s", cfg.DataDir, want)
	}
	for _, set := range unit["Environment"] {
		if strings.Contains(set, "RAVEN_") {
			t.Errorf("the unit sets %s beside the file", set)
		}
	}
}

// TestUnitIsValidAndExposesLittle has systemd judge the unit: what it does not
// know in it is an error, and it rates what the service could still do, from 0
// to 10.
func TestUnitIsValidAndExposesLittle(t *testing.T) {
	t.Parallel()
	analyze, err := backend.Program("systemd-analyze", "systemd")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../../deploy/systemd/raven.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "raven.service")
	there := strings.ReplaceAll(string(raw), "/usr/bin/raven", "/bin/true") // it asks for the program
	if err := os.WriteFile(unit, []byte(there), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	const tenths = "20"
	out, err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold="+tenths, unit).CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
}
