package e2e

import (
	"crypto/rand"
	"os"
	"strconv"
	"syscall"
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
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("verify: %v: %s", err, out)
	}
	took := time.Since(began)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Skip("this system does not tell a process's memory")
	}
	const most = 200 << 10 // KiB
	if usage.Maxrss > most {
		t.Errorf("it took %d KiB, want at most %d", usage.Maxrss, most)
	}
	t.Logf("%d events verified in %v, at most %d MiB of memory", events, took.Round(time.Millisecond), usage.Maxrss>>10)
}
