// Command fuzz runs every fuzz target of the module for a while, one after the
// other, and prints what each came to. What it finds that adds coverage stays in
// the Go cache for the next run; what breaks a target lies, after it, in the
// testdata of its package.
//
//	go run ./test/fuzz -time 30s
//	go run ./test/fuzz -time 10m -only Envelope
//	go run ./test/fuzz -keep 40     no fuzzing: fill testdata/fuzz from the cache
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	long := flag.Duration("time", 30*time.Second, "how long to run each target")
	only := flag.String("only", "", "run the targets whose name has this in it")
	parallel := flag.Int("parallel", 1, "how many inputs are tried at once")
	most := flag.Int("keep", 0, "keep at most so many inputs of each target in the tree, and run none")
	flag.Parse()
	targets, err := list(*only)
	if err != nil {
		log.Fatal(err)
	}
	if *most > 0 {
		if err := keepAll(targets, *most); err != nil {
			log.Fatal(err)
		}
		return
	}
	failed, total := 0, time.Duration(0)
	fmt.Println("| target | inputs tried | new ones kept | seconds | |\n|---|---|---|---|---|")
	for _, t := range targets {
		began := time.Now()
		execs, fresh, err := t.run(*long, *parallel)
		took := time.Since(began)
		total += took
		how := "held"
		if err != nil {
			failed++
			how = "**broken**"
			log.Print(err)
		}
		fmt.Printf("| `%s` in `%s` | %d | %d | %.0f | %s |\n", t.name, t.dir, execs, fresh, took.Seconds(), how)
	}
	fmt.Printf("| **%d targets** | | | %.0f | %d broken |\n", len(targets), total.Seconds(), failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// target is a fuzz target.
type target struct{ dir, name string }

// list finds the targets whose name has a text in it.
func list(only string) (targets []target, err error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	for dir := range strings.FieldsSeq(string(out)) {
		files, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), "_test.go") {
				continue
			}
			source, err := os.ReadFile(dir + "/" + file.Name()) //nolint:gosec // the module's own
			if err != nil {
				return nil, err
			}
			for _, m := range declared.FindAllSubmatch(source, -1) {
				if name := string(m[1]); strings.Contains(name, only) {
					targets = append(targets, target{"." + strings.TrimPrefix(dir, here), name})
				}
			}
		}
	}
	return targets, nil
}

var progress = regexp.MustCompile(`execs: (\d+) .*new interesting: (\d+)`)

// run fuzzes a target. That time ran out while an input was being tried is no
// failure, though go test may call it one.
func (t target) run(long time.Duration, parallel int) (execs, fresh int64, err error) {
	cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", //nolint:gosec // the module's own
		"-fuzztime", long.String(), "-parallel", strconv.Itoa(parallel), t.dir)
	out, err := cmd.CombinedOutput()
	if all := progress.FindAllSubmatch(out, -1); len(all) > 0 {
		last := all[len(all)-1]
		execs, _ = strconv.ParseInt(string(last[1]), 10, 64)
		fresh, _ = strconv.ParseInt(string(last[2]), 10, 64)
	}
	if err != nil && bytes.Contains(out, []byte("context deadline exceeded")) && !bytes.Contains(out, []byte("Failing input")) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", t.name, err, out[max(0, len(out)-3000):])
	}
	return execs, fresh, err
}
