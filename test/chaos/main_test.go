package chaos

import (
	"os"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// ravenPath is the raven with a clock that can be moved.
var ravenPath string

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	os.Exit(process.Main(m, &ravenPath, "-overlay", "test/chaos/testdata/overlay.json"))
}
