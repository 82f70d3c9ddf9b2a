// Command mutation breaks Raven on purpose, one hand-made breach at a time, and
// asks for at least one test to fail of each: a breach that no test notices is
// a hole in the tests. Nothing in the tree is changed; the Go command is told to
// read the broken file in the place of the right one (its -overlay).
//
//	go run ./test/mutation              all of breaches.go
//	go run ./test/mutation -only quota   those whose name has that in it
//	go run ./test/mutation -check        only see that each still fits the source
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	only := flag.String("only", "", "run the breaches whose name has this in it")
	check := flag.Bool("check", false, "only see that each breach fits the source and differs from it")
	flag.Parse()
	survivors, unfit := 0, 0
	fmt.Println("| breach | file | noticed by | seconds |\n|---|---|---|---|")
	for _, b := range breaches {
		if !strings.Contains(b.name, *only) {
			continue
		}
		began := time.Now()
		by, err := b.try(*check)
		switch {
		case err != nil:
			unfit++
			log.Print(err)
			continue
		case *check:
			continue
		case by == "":
			survivors++
			by = "**nothing**"
		}
		fmt.Printf("| %s | `%s` | %s | %.0f |\n", b.name, b.file, by, time.Since(began).Seconds())
	}
	if survivors+unfit > 0 {
		log.Fatalf("%d breaches were not noticed, %d could not be tried", survivors, unfit)
	}
}

// breach is one thing done wrong.
type breach struct {
	name     string
	file     string
	old, new string // old is in the file exactly once
	tests    string // packages that are to notice, separated by spaces
	filter   string // of their tests, as go test's -run
}

// try applies a breach and, unless it is only to be checked, runs the tests.
func (b breach) try(check bool) (by string, err error) {
	broken, err := b.apply()
	if err != nil || check {
		return "", err
	}
	return b.run(broken)
}

// apply gives the broken file.
func (b breach) apply() ([]byte, error) {
	source, err := os.ReadFile(b.file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	if n := bytes.Count(source, []byte(b.old)); n != 1 || b.old == b.new {
		return nil, fmt.Errorf("%s: %s has %q %d times; the breach must be written anew", b.name, b.file, b.old, n)
	}
	return bytes.Replace(source, []byte(b.old), []byte(b.new), 1), nil
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// run runs the tests on the broken file and names the first that failed, and
// what is deepest in it; "" when none did.
func (b breach) run(broken []byte) (string, error) {
	dir, err := os.MkdirTemp("", "raven-mutation-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := b.overlay(dir, broken)
	if err != nil {
		return "", err
	}
	args := []string{"test", "-count=1", "-failfast", "-timeout=15m", "-run", b.filter}
	cmd := exec.Command("go", append(args, strings.Fields(b.tests)...)...) //nolint:gosec // the table's own
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)            // so that a test that builds Raven builds this one
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil && bytes.Contains(out, []byte("no tests to run")):
		return "", fmt.Errorf("%s: no test is called %s in %s", b.name, b.filter, b.tests)
	case err == nil:
		return "", nil
	case !errors.As(err, &exit):
		return "", err
	case bytes.Contains(out, []byte("[build failed]")):
		return "", fmt.Errorf("%s: it does not compile:\n%s", b.name, out)
	}
	names := failed.FindAllSubmatch(out, -1)
	if len(names) == 0 {
		return "a test that ended at once", nil // a panic, or a time-out
	}
	deepest := ""
	for _, n := range names {
		if name := string(n[1]); len(name) > len(deepest) && strings.HasPrefix(name, string(names[0][1])) {
			deepest = name
		}
	}
	return deepest, nil
}

// overlay writes the file that tells Go to read the broken one.
func (b breach) overlay(dir string, broken []byte) (string, error) {
	at, err := filepath.Abs(b.file)
	if err != nil {
		return "", err
	}
	instead := filepath.Join(dir, "broken"+filepath.Ext(b.file))
	table, err := json.Marshal(map[string]any{"Replace": map[string]string{at: instead}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, errors.Join(os.WriteFile(instead, broken, 0o600), os.WriteFile(name, table, 0o600))
}
