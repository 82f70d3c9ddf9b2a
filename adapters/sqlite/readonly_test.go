package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
)

func TestReadOnlyStoreReadsBesideItsServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	reader, err := sqlite.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := server.InitDeployment(t.Context(), core.Deployment{ID: "dep_a"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Deployment(t.Context()); err != nil || got.ID != kept.ID {
		t.Errorf("it reads %v, %v", got, err)
	}
	if err := reader.Ping(t.Context()); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("it writes: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Ping(t.Context()); err != nil {
		t.Errorf("its closing harmed the server: %v", err)
	}
}

func TestReadOnlyStoreIsNotMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := sqlite.OpenReadOnly(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if err := os.WriteFile(dir+"/raven.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.OpenReadOnly(t.Context(), dir); err == nil {
		t.Error("a store without a schema is opened")
	}
}
