package sqlite_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
	"github.com/raven-memory/raven/core"
)

// TestSnapshotStaysAsOfItsOpening changes the store while a snapshot of it is open.
func TestSnapshotStaysAsOfItsOpening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := sqlite.OpenSnapshot(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	server, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	before, err := sqlite.OpenSnapshot(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.InitDeployment(t.Context(), core.Deployment{ID: "dep_a"}); err != nil {
		t.Fatal(err)
	}
	after, err := sqlite.OpenSnapshot(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // reads of one statement and of several
		if d, err := before.Deployment(t.Context()); !core.Is(err, core.CodeNotFound) {
			t.Errorf("the one before reads %v, %v", d, err)
		}
		if d, err := after.Deployment(t.Context()); err != nil || d.ID != "dep_a" {
			t.Errorf("the one after reads %v, %v", d, err)
		}
		if list, err := before.Outboxes(t.Context(), "", 10); err != nil || len(list) != 0 {
			t.Errorf("the outboxes are %v, %v", list, err)
		}
	}
	if err := errors.Join(before.Close(), after.Close()); err != nil {
		t.Error(err)
	}
	if err := server.Ping(t.Context()); err != nil {
		t.Errorf("their closing harmed the server: %v", err)
	}
}
