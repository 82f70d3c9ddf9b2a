package backend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// vaultModule is the folder of the module that Vault is built from, below ours.
const vaultModule = "test/vaultserver"

// buildKept is how long a build stays in the cache that another has followed.
const buildKept = 30 * 24 * time.Hour

// vaultProgram gives the path of Vault's program, which it builds when there is
// none of these sources in the user's cache: some minutes.
var vaultProgram = sync.OnceValues(func() (string, error) {
	source, err := vaultSource()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return buildVault(source, filepath.Join(cache, "raven-test"))
})

// vaultSource finds the module from wherever the test runs.
func vaultSource() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), filepath.FromSlash(vaultModule)), nil
}

// BuildModule builds the program of a module that is nested in ours, once for the
// user's cache, and gives its path.
func BuildModule(source, name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return buildModule(source, filepath.Join(cache, "raven-test"), name)
}

func buildVault(source, cache string) (string, error) { return buildModule(source, cache, "vault") }

// buildModule builds into a file of the cache that the sources name. Of processes
// that want it at once, one builds.
func buildModule(source, cache, name string) (string, error) {
	sum, err := hashOf(source)
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, name+"-"+sum)
	if isProgram(program) {
		return program, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, name+".lock"), syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isProgram(program) {
		return program, nil
	}
	removeOld(cache, name)
	building := program + ".building"
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", building, ".")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return program, os.Rename(building, program)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// removeOld removes programs of sources that have changed since.
func removeOld(cache, name string) {
	found, _ := filepath.Glob(filepath.Join(cache, name+"-*"))
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > buildKept {
			_ = os.Remove(path)
		}
	}
}

// hashOf names what a build depends on: the files of the module, and the
// toolchain.
func hashOf(source string) (string, error) {
	files, err := os.ReadDir(source)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, ".go") && name != "go.mod" && name != "go.sum" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
		fmt.Fprintln(h, name, len(content))
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}
