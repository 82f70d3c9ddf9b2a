package backend

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Node finds a Node.js with npm, or installs one where it is missing and that can
// be done, and what the package-lock.json in a folder names, once for the user's
// cache. program is node's path, modules the node_modules folder.
func Node(folder string) (program, modules string, err error) {
	if program, err = lookupNode(); err != nil {
		if err = aptInstall("nodejs"); err == nil {
			err = aptInstall("npm")
		}
		if err == nil {
			program, err = lookupNode()
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("there is no Node.js with npm on this machine (%w): install the packages nodejs and npm", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", err
	}
	modules, err = installModules(folder, filepath.Join(cache, "raven-test"))
	return program, modules, err
}

func lookupNode() (path string, err error) {
	if _, err = exec.LookPath("npm"); err != nil {
		return "", err
	}
	return exec.LookPath("node")
}

// installModules installs into a folder of the cache that the lock file's content
// names. Of processes that want it at once, one installs.
func installModules(folder, cache string) (modules string, err error) {
	locked, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(locked)
	place := filepath.Join(cache, "node-"+hex.EncodeToString(sum[:12]))
	modules = filepath.Join(place, "node_modules")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "node.lock"), syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer unlock()
	if info, err := os.Stat(modules); err == nil && info.IsDir() {
		return modules, nil
	}
	building, err := os.MkdirTemp(cache, "node-building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(building)
	if err := os.CopyFS(building, os.DirFS(folder)); err != nil {
		return "", err
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = building
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	_ = os.RemoveAll(place) // what another version left half done
	return modules, os.Rename(building, place)
}
