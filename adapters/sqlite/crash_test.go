package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
)

// The crash tests start this test binary again, as a program that appends until
// it is killed and says on its output what was acknowledged. TestMain sees to it.
const crashDir = "RAVEN_TEST_CRASH_DIR"

const (
	crashWriters = 8
	crashRounds  = 5
)

func appendUntilKilled(dir string) {
	umaskZero()
	t := &fatalTB{}
	w := newWorldIn(t, dir)
	fmt.Println("world", w.id, w.user)
	var output sync.Mutex
	var wg sync.WaitGroup
	for range crashWriters {
		conversation := w.createConversation(w.user)
		wg.Go(func() {
			for {
				a := w.entries(conversation, 2, 400)
				_, err := w.Append(context.Background(), w.id, core.Op{}, a)
				w.ok(err)
				output.Lock()
				fmt.Println(conversation, a.Entries[0].ID, a.Entries[1].ID)
				output.Unlock()
			}
		})
	}
	wg.Wait()
}

// fatalTB lets the program use the helpers of tests.
type fatalTB struct{ testing.TB }

func (*fatalTB) Helper()                  {}
func (*fatalTB) Cleanup(func())           {}
func (*fatalTB) Context() context.Context { return context.Background() }
func (*fatalTB) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }

func TestAcknowledgedIsThereOnceAfterKill(t *testing.T) {
	t.Parallel()
	for round := range crashRounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			acknowledged, id, user := killAfter(t, dir, 200+150*round)
			if round == 0 {
				checkModes(t, dir, "raven.db", "raven.db-wal", "raven.db-shm", "raven.lock") // with a umask of 0
			}
			w := &world{Store: open(t, dir), t: t, ctx: t.Context(), id: id, user: user}
			w.checkAcknowledged(acknowledged)
		})
	}
}

// killAfter runs the program until so many appends are acknowledged and kills
// it. What it said until it died counts.
func killAfter(t *testing.T, dir string, n int) (acknowledged []string, id core.TenantID, user core.UserID) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); fields[0] == "world" {
			id, user = core.TenantID(fields[1]), core.UserID(fields[2])
			continue
		}
		if len(acknowledged) == n {
			cmd.Process.Kill() //nolint:errcheck // it may be dead already
		}
		acknowledged = append(acknowledged, lines.Text())
	}
	cmd.Wait() //nolint:errcheck // it was killed
	if len(acknowledged) <= n {
		t.Fatalf("the program ended after %d appends", len(acknowledged))
	}
	return acknowledged, id, user
}

// checkAcknowledged finds each acknowledged append once and whole, and every
// counter as what is there says.
func (w *world) checkAcknowledged(acknowledged []string) {
	w.t.Helper()
	there := map[core.InteractionID]int{}
	buffer, err := w.UserBuffer(w.ctx, w.id, w.user, core.Page{Limit: 1 << 20})
	w.ok(err)
	numbers := map[core.ConversationID][]int64{}
	for _, e := range buffer {
		there[e.ID]++
		numbers[e.Conversation] = append(numbers[e.Conversation], e.Number)
	}
	for _, line := range acknowledged {
		fields := strings.Fields(line)
		for _, id := range fields[1:] {
			if n := there[core.InteractionID(id)]; n != 1 {
				w.t.Errorf("acknowledged %s is there %d times", id, n)
			}
		}
	}
	appends := 0
	for conversation, list := range numbers {
		for i, n := range list {
			if n != int64(i+1) {
				w.t.Fatalf("%s has number %d in place %d", conversation, n, i+1)
			}
		}
		if len(list)%2 != 0 {
			w.t.Errorf("%s has half an append: %d entries", conversation, len(list))
		}
		appends += len(list) / 2
	}
	n := int64(len(buffer))
	if u := w.usage(); u.Interactions != n || u.Buffered != n {
		w.t.Errorf("the usage is %+v, %d entries are there", u, n)
	}
	if version, err := w.MemoryVersion(w.ctx, w.id, w.user); err != nil || version != int64(appends) {
		w.t.Errorf("the memory version is %d, %v after %d appends", version, err, appends)
	}
}

// A copy of the files taken while steps run is what a crash of the machine
// leaves at worst: the database of then, and the log of a little later.
func TestFilesWithoutCloseAreWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 50 {
		w.append(2)
	}
	w.flush(7)
	copied := t.TempDir()
	for _, name := range []string{"raven.db", "raven.db-wal"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		w.ok(err)
		w.ok(os.WriteFile(filepath.Join(copied, name), b, 0o600))
	}
	want := w.usage()
	w.Store = open(t, copied)
	if got := w.usage(); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	check, err := w.Text(w.ctx, `PRAGMA integrity_check`)
	if err != nil || check != "ok" {
		t.Fatalf("%s, %v", check, err)
	}
}
