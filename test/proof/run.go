package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/test/machine"
)

// section is a claim, and the command that tries to break it or measures it.
type section struct {
	title, claim string
	command      []string // of Go
	short, long  []string // what the form adds: flags, and variables of the environment
}

// form gives the command with the flags of a form, and its variables.
func (s section) form(long bool) (command, env []string) {
	command = slices.Clone(s.command)
	added := s.short
	if long {
		added = s.long
	}
	for _, a := range added {
		if strings.HasPrefix(a, "-") {
			command = append(command, a)
		} else {
			env = append(env, a)
		}
	}
	return command, env
}

var ( // what a command prints of figures
	figure = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: (.+)$`)
	ended  = regexp.MustCompile(`(?m)^\s*--- (PASS|FAIL): (\S+) \(([\d.]+)s\)`)
	// started is where a server of the test listens, which is no figure.
	started = regexp.MustCompile(`^\w+ on 127\.0\.0\.1:\d+ from `)
	table   = regexp.MustCompile(`(?m)^\|.*\|$`)
	bench   = regexp.MustCompile(`(?m)^Benchmark\S+\s.*$`)
	plain   = regexp.MustCompile(`(?m)^(recall@|\d+ facts found|\s+category ).*$`)
	note    = regexp.MustCompile(`(?m)^- .*$`)
)

// run runs the section and gives its part of the page.
func (s section) run(long bool) (string, error) {
	command, env := s.form(long)
	cmd := exec.Command("go", command...) //nolint:gosec // the table's own
	cmd.Env = append(os.Environ(), env...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began).Round(time.Second)
	var page strings.Builder
	fmt.Fprintf(&page, "%s\n\n`%s`\n\n%s in %s, on %s, of commit %s, on %s.\n\n", s.claim,
		strings.Join(append(slices.Clone(env), "go "+machine.Quoted(command)), " "), verdict(err), took,
		began.UTC().Format("2 January 2006"), machine.Commit(), machine.Describe())
	figures(&page, out)
	if err != nil {
		fmt.Fprintf(&page, "\n```\n%s\n```\n", tail(out))
	}
	return page.String(), err
}

func verdict(err error) string {
	if err != nil {
		return "**Failed**"
	}
	return "Passed"
}

// figures writes what a command printed of figures: what tests logged and how
// they ended, tables, benchmarks.
func figures(page *strings.Builder, out []byte) {
	for _, m := range ended.FindAllSubmatch(out, -1) {
		if string(m[1]) == "PASS" && bytes.Count(m[2], []byte("/")) > 1 {
			continue // of a table of hundreds
		}
		fmt.Fprintf(page, "- `%s`: %s, %s s\n", m[2], strings.ToLower(string(m[1])), m[3])
	}
	var lines [][]byte
	for _, m := range figure.FindAllSubmatch(out, -1) {
		if !started.Match(m[1]) {
			lines = append(lines, m[1])
		}
	}
	lines = append(lines, bench.FindAll(out, -1)...)
	lines = append(lines, plain.FindAll(out, -1)...)
	if len(lines) > 0 {
		fmt.Fprintf(page, "\n```\n%s\n```\n", bytes.Join(lines, []byte("\n")))
	}
	if rows := table.FindAll(out, -1); len(rows) > 0 {
		fmt.Fprintf(page, "\n%s\n", bytes.Join(rows, []byte("\n")))
	}
	if notes := note.FindAll(out, -1); len(notes) > 0 {
		fmt.Fprintf(page, "\n%s\n", bytes.Join(notes, []byte("\n")))
	}
}

func tail(out []byte) []byte {
	const most = 3000
	return out[max(0, len(out)-most):]
}
