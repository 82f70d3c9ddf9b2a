package localkeys_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
)

func write(t *testing.T, mode fs.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestGeneratedKeyringIsItsOwnersAndLoads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	made, err := localkeys.Generate(path, "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := localkeys.LoadFile(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(made.Checks(), loaded.Checks()) || len(loaded.Checks()) != 1 || loaded.Checks()[1] == "" {
		t.Errorf("made %v, loaded %v", made.Checks(), loaded.Checks())
	}
	if n := entries(t, filepath.Dir(path)); n != 1 {
		t.Errorf("%d files are left", n)
	}
}

func TestGenerateNeverReplacesAFile(t *testing.T) {
	t.Parallel()
	path := write(t, 0o600, "1:"+knownMaster)
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, dangling} {
		if _, err := localkeys.Generate(p, "", rand.Reader); !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v", err)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "1:"+knownMaster {
		t.Error("the file was changed")
	}
	if n := entries(t, filepath.Dir(path)); n != 1 {
		t.Errorf("%d files are left", n)
	}
}

// Of servers that start at once, all but one are refused, and what that one
// has in memory is what the file holds.
func TestOneOfManyGeneratesTheKeyring(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	made := make([]*localkeys.Keyring, 16)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			k, err := localkeys.Generate(path, "", rand.Reader)
			if err == nil {
				made[i] = k
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	loaded, err := localkeys.LoadFile(path, "")
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for _, k := range made {
		if k != nil {
			winners++
			if !maps.Equal(k.Checks(), loaded.Checks()) {
				t.Error("the winner's keyring is not the file's")
			}
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

func TestGenerateWithoutRandomnessLeavesNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, random := range []io.Reader{strings.NewReader("short"), bytes.NewReader(make([]byte, 32))} {
		if _, err := localkeys.Generate(filepath.Join(dir, "keyring"), "", random); err == nil {
			t.Error("made a keyring of no randomness")
		}
	}
	if _, err := localkeys.Generate(filepath.Join(dir, "missing", "keyring"), "", rand.Reader); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if n := entries(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestFileThatOthersMayReadIsRefused(t *testing.T) {
	t.Parallel()
	text := "1:" + knownMaster
	for _, mode := range []fs.FileMode{0o400, 0o600, 0o700} {
		if _, err := localkeys.LoadFile(write(t, mode, text), ""); err != nil {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o601, 0o610, 0o644, 0o777} {
		_, err := localkeys.LoadFile(write(t, mode, text), "")
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(write(t, 0o644, text), link); err != nil {
		t.Fatal(err)
	}
	if _, err := localkeys.LoadFile(link, ""); err == nil {
		t.Error("a link to an open file was read")
	}
}

func TestFileThatIsNoKeyringIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := localkeys.LoadFile(filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := localkeys.LoadFile(t.TempDir(), ""); err == nil {
		t.Error("a directory was read")
	}
	for name, text := range map[string]string{
		"empty": "", "a comment": "# keys\n1:" + knownMaster, "large": "1:" + knownMaster + strings.Repeat(" ", 64<<10),
	} {
		path := write(t, 0o600, text)
		_, err := localkeys.LoadFile(path, "")
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), knownMaster[:8]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
