package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// backingUp is raven backup, in a folder of its own.
func backingUp(t *testing.T, dir string) (cmd *exec.Cmd, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "raven.backup")
	return process.Command(binary, []string{"backup", "--out", file}, dir, backupPassphrase), file
}

// TestBackupThatCannotBeWrittenLeavesNothing lets the file of a backup grow to more
// and more of what it needs, and no further.
func TestBackupThatCannotBeWrittenLeavesNothing(t *testing.T) {
	t.Parallel()
	const block = 512 // bytes, of POSIX's ulimit
	dir := t.TempDir()
	deployment := start(t, dir)
	fillDeployment(t, deployment.URL)
	info, err := os.Stat(backUp(t, dir, nil))
	if err != nil {
		t.Fatal(err)
	}
	blocks := int(info.Size() / block)
	for room := 0; room <= blocks; room += max(1, blocks/16) {
		cmd, file := backingUp(t, dir)
		cmd.Args = append([]string{"sh", "-c", `ulimit -f "$0" && exec "$@"`, strconv.Itoa(room)}, cmd.Args...)
		if cmd.Path, err = exec.LookPath("sh"); err != nil {
			t.Fatal(err)
		}
		said, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), "file too large") {
			t.Errorf("with room for %d of %d blocks: %v: %s", room, blocks, err, said)
		}
		if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) > 0 {
			t.Errorf("with room for %d of %d blocks, it left %v, %v", room, blocks, left, err)
		}
	}
	t.Logf("%d bytes, cut at %d places", info.Size(), blocks/max(1, blocks/16)+1)
}

// TestBackupThatIsKilledIsWholeOrNotThere kills raven backup at more and more of the
// time that it takes.
func TestBackupThatIsKilledIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deployment := start(t, dir)
	fillDeployment(t, deployment.URL)
	begun := time.Now()
	backUp(t, dir, nil)
	whole, absent := 0, 0
	for took, n := time.Since(begun), kills(20); whole+absent < n && !t.Failed(); {
		cmd, file := backingUp(t, dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took * time.Duration(whole+absent) / time.Duration(n))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if _, err := os.Stat(file); err != nil {
			absent++
			continue
		}
		whole++
		succeeds(t, filepath.Join(t.TempDir(), "data"), []string{backupPassphrase}, "restore", "--in", file)
	}
	t.Logf("killed %d times: %d files are there, and are whole; %d are not", whole+absent, whole, absent)
}
