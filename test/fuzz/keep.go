package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// maxKept bounds a kept input, in bytes.
const maxKept = 4 << 10

// keepAll puts the smallest of the inputs that the cache has of each target into
// the tree, where plain go test runs them. Those already there stay.
func keepAll(targets []target, most int) error {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	module, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return err
	}
	cache := filepath.Join(strings.TrimSpace(string(out)), "fuzz", strings.TrimSpace(string(module)))
	for _, t := range targets {
		n, err := t.keep(filepath.Join(cache, t.dir, t.name), most)
		if err != nil {
			return err
		}
		fmt.Printf("| `%s` | %d inputs |\n", t.name, n)
	}
	return nil
}

type input struct {
	name string
	size int64
}

func (t target) keep(cache string, most int) (kept int, err error) {
	to := filepath.Join(t.dir, "testdata", "fuzz", t.name)
	there, err := os.ReadDir(to)
	if err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	files, err := os.ReadDir(cache)
	if err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	var inputs []input
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Size() <= maxKept {
			inputs = append(inputs, input{f.Name(), info.Size()})
		}
	}
	slices.SortFunc(inputs, func(a, b input) int { return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.name, b.name)) })
	kept = len(there)
	for _, in := range spread(inputs, most-kept) {
		raw, err := os.ReadFile(filepath.Join(cache, in.name)) //nolint:gosec // the Go cache
		if err != nil {
			return kept, err
		}
		if err := os.MkdirAll(to, 0o755); err != nil { //nolint:gosec // part of the tree
			return kept, err
		}
		if err := os.WriteFile(filepath.Join(to, in.name), raw, 0o644); err != nil { //nolint:gosec // part of the tree
			return kept, err
		}
		kept++
	}
	return kept, nil
}

// spread takes so many of a list, from all over it.
func spread(list []input, n int) (some []input) {
	n = min(max(n, 0), len(list))
	for i := range n {
		some = append(some, list[i*len(list)/n])
	}
	return some
}
