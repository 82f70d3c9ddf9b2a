package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// binary is the raven that all tests of the package run.
var binary string

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

// start runs `raven serve` on a data directory, with further settings as
// "NAME=value", and waits until it listens.
func start(t *testing.T, dataDir string, env ...string) *process.Server {
	t.Helper()
	s, err := tryStart(t, dataDir, env...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryStart(t *testing.T, dataDir string, env ...string) (*process.Server, error) {
	t.Helper()
	s, err := process.Start(binary, dataDir, env...)
	if err == nil {
		t.Cleanup(s.Kill)
	}
	return s, err
}
