//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/raven-memory/raven/test/process"
)

// TestCrashLeavesNoCore has the server die of signals that dump core, with what
// people wrote in its memory, where the machine and the Go runtime are set to
// allow it, and looks for it in all that is left.
func TestCrashLeavesNoCore(t *testing.T) {
	t.Parallel()
	c := canaries{"content": "Kanarienvogel-Absturz-4711", "name": "Kanarienvogel-Absturz-Name-4712"}
	for _, signal := range []syscall.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT, syscall.SIGBUS} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir, data := t.TempDir(), t.TempDir()
			s, err := process.Start(unlimited(t, dir), data, "GOTRACEBACK=crash", "TMPDIR="+dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Kill)
			owner := register(t, s.URL, "crash", nil)
			owner.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", object{"display_name": c["name"]})
			owner.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
			owner.must(t, http.StatusCreated, "POST", onlyConversation, object{"interactions": []object{interaction(c["content"])}})
			owner.must(t, http.StatusOK, "POST", "/api/v1/users/ext:u/memory/search", object{"query": c["content"]})
			if limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.Pid())); err != nil || !strings.Contains(string(limits), "Max core file size        0                    0") {
				t.Errorf("core files are not forbidden: %v\n%s", err, limits)
			}
			if err := syscall.Kill(s.Pid(), signal); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the end of the process", func() bool { return syscall.Kill(s.Pid(), 0) != nil })
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 1 {
				t.Errorf("the crash left %v, %v", left, err)
			}
			scan(t, dir, c)
			scan(t, data, c)
			if names := c.find([]byte(s.Log())); len(names) > 0 {
				t.Errorf("the log holds %v", names)
			}
		})
	}
	t.Log(otherwise(t))
}

// unlimited is a command that runs raven in a directory with core dumps allowed.
func unlimited(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "raven.sh")
	script := fmt.Sprintf("#!/bin/sh\ncd %q && ulimit -c unlimited && exec %q \"$@\"\n", dir, binary)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// otherwise says whether a program that does not forbid it leaves a core on this
// machine.
func otherwise(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "ulimit -c unlimited && kill -ABRT $$")
	cmd.Dir = t.TempDir()
	err := cmd.Run()
	left, _ := os.ReadDir(cmd.Dir)
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	return fmt.Sprintf("another program (%v) leaves %d core files here, with core_pattern %q; Raven left none", err, len(left), strings.TrimSpace(string(pattern)))
}
