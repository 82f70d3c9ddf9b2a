package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/test/process"
)

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// fillLog puts events into the log of a store at rest.
func fillLog(t *testing.T, dir string, tenant core.TenantID, events int) (last core.EventID) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ids := core.NewIDs(time.Now, rand.Reader)
	sink := audit.New(audit.Deps{Log: store, Clock: wallClock{}}, audit.Options{}).LogSink()
	head, err := store.AuditHead(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for seq := head.Seq; seq < int64(events); {
		var batch []core.Event
		for len(batch) < 1000 && seq < int64(events) {
			seq++
			last = ids.Event()
			batch = append(batch, core.Event{
				ID: last, Type: core.EventUserCreated, At: wallClock{}.Now(), Tenant: tenant, Seq: seq,
				Actor: core.Actor{Key: "key_01hzzzzzzzzzzzzzzzzzzzzzzz"}, Data: core.EventData{"user_id": string(ids.User())},
			})
		}
		if err := sink.Deliver(t.Context(), tenant, batch); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// TestLargeLogIsVerifiedInBoundedMemory verifies 50,000 events; RAVEN_TEST_EVENTS
// asks for more.
func TestLargeLogIsVerifiedInBoundedMemory(t *testing.T) {
	t.Parallel()
	events := 50_000
	if n, err := strconv.Atoi(os.Getenv("RAVEN_TEST_EVENTS")); err == nil {
		events = n
	}
	dir := t.TempDir()
	server := start(t, dir)
	tenant := core.TenantID(register(t, server.URL, "large", nil).id(t))
	server.Stop()
	fillLog(t, dir, tenant, events)
	cmd := process.Command(binary, []string{"audit", "verify", "--tenant", string(tenant)}, dir)
	began := time.Now()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := watchMemory(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("verify: %v: %s", err, &out)
	}
	took, memory := time.Since(began), <-peak
	if runtime.GOOS == "linux" && memory == 0 {
		t.Fatal("the process was never looked at")
	}
	const most = 200 << 10 // KiB
	if memory > most {
		t.Errorf("it took %d KiB, want at most %d", memory, most)
	}
	t.Logf("%d events verified in %v, at most %d MiB of memory", events, took.Round(time.Millisecond), memory>>10)
}

// watchMemory gives the most memory that a process had, in KiB, once it ended; 0
// where the system has no /proc. The usage that a parent is told of a child that
// ended counts the parent's own memory at the fork.
func watchMemory(pid int) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		most := int64(0)
		for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, rest, there := strings.Cut(string(status), "VmHWM:")
			if err != nil || !there { // it ended
				tick.Stop()
				peak <- most
				return
			}
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			most = max(most, n)
		}
	}()
	return peak
}
