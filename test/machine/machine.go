// Package machine says what a measurement was made on, of and with.
package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// unknown stands for what the system does not tell.
const unknown = "?"

// Describe gives processors, memory and the version of Go.
func Describe() string {
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(),
		match("/proc/cpuinfo", `model name\s*: (.+)`), match("/proc/meminfo", `MemTotal:\s*(.+)`), runtime.Version())
}

// Load is the load average of the last minute.
func Load() string { return match("/proc/loadavg", `^(\S+)`) }

// Commit is what the working directory is of. The page of results changes
// nothing of it, as who measures writes it.
func Commit() string {
	name := Said("git", "describe", "--tags", "--always")
	if Said("git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)test/RESULTS.md") != "" {
		name += "-dirty"
	}
	return name
}

// Said is what a command prints; "?" when it fails.
func Said(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output() //nolint:noctx,gosec // it ends by itself
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(out))
}

// Quoted is a command as a shell takes it, with files by their names alone:
// where they lie is this machine's own.
func Quoted(args []string) string {
	var list []string
	for _, a := range args {
		if filepath.IsAbs(a) {
			a = filepath.Base(a)
		}
		if strings.ContainsAny(a, "|^$ *") {
			a = "'" + a + "'"
		}
		list = append(list, a)
	}
	return strings.Join(list, " ")
}

// match is what a pattern's group finds in a file; "?" for nothing.
func match(file, pattern string) string {
	raw, err := os.ReadFile(file) //nolint:gosec // the system's own
	if found := regexp.MustCompile(pattern).FindSubmatch(raw); err == nil && found != nil {
		return string(found[1])
	}
	return unknown
}
