package backend

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
)

// embedded are the files of an embedded store that holds nothing, by name.
var embedded = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "raven-empty-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	store, err := sqlite.Open(context.Background(), dir, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil { //nolint:gosec // of the folder just made
			return nil, err
		}
	}
	return files, nil
})

// Embedded gives a folder of the test's own with an embedded store that holds
// nothing. It is a copy: with the race detector, making the tables takes most of
// the time of a small test.
func Embedded(t testing.TB) (dir string) {
	t.Helper()
	files, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
