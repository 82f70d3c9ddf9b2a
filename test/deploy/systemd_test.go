package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/test/backend"
)

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
