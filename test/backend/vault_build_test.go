package backend

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// smallModule is sources that build in no time.
func smallModule(t *testing.T, says string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.test/server\n\ngo 1.26.0\n",
		"go.sum":  "",
		"main.go": "package main\n\nfunc main() { print(\"" + says + "\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSourcesAreBuiltOnce(t *testing.T) {
	t.Parallel()
	source, cache := smallModule(t, "one"), t.TempDir()
	built := make([]string, 4)
	var wg sync.WaitGroup
	for i := range built {
		wg.Go(func() {
			path, err := buildVault(source, cache)
			if err != nil {
				t.Error(err)
			}
			built[i] = path
		})
	}
	wg.Wait()
	first, err := os.Stat(built[0])
	if err != nil {
		t.Fatal(err)
	}
	again, err := buildVault(source, cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Concat(built, []string{again}) {
		if info, err := os.Stat(path); path != built[0] || err != nil || !os.SameFile(first, info) {
			t.Errorf("built at %s and %s (%v)", built[0], path, err)
		}
	}
}

func TestChangedSourcesAreBuiltAnew(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	for _, says := range []string{"one", "two"} {
		path, err := buildVault(smallModule(t, says), cache)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(path).CombinedOutput(); string(out) != says || err != nil {
			t.Errorf("the program says %q, %v", out, err)
		}
	}
}

func TestSourcesThatDoNotBuildLeaveNothing(t *testing.T) {
	t.Parallel()
	source, cache := smallModule(t, `" + nothing + "`), t.TempDir()
	if path, err := buildVault(source, cache); err == nil {
		t.Errorf("built %s", path)
	}
	if found, _ := filepath.Glob(filepath.Join(cache, "vault-*")); len(found) > 0 {
		t.Errorf("left %v", found)
	}
}
