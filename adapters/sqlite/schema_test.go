package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/sqlite"
)

func connect(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); db.Close() })
	return conn
}

func number(t *testing.T, conn *sql.Conn, query string) (n int64) {
	t.Helper()
	if err := conn.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.Do(w.ctx, `PRAGMA user_version = 999`))
	w.ok(w.Close())
	_, err := sqlite.Open(w.ctx, w.dir, sqlite.Options{})
	if err == nil || !strings.Contains(err.Error(), "schema version 999") || !strings.Contains(err.Error(), "knows up to") {
		t.Fatalf("got %v", err)
	}
	conn := connect(t, filepath.Join(w.dir, "raven.db")) // and nothing was touched
	if v := number(t, conn, `PRAGMA user_version`); v != 999 {
		t.Fatalf("the version is %d now", v)
	}
}

func TestMigrationsRunOnceAndInOrder(t *testing.T) {
	t.Parallel()
	conn := connect(t, filepath.Join(t.TempDir(), "x.db"))
	scripts := []string{
		`CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1);`,
		`INSERT INTO a SELECT n + 1 FROM a;`,
	}
	for range 2 {
		if err := sqlite.Migrate(t.Context(), conn, scripts); err != nil {
			t.Fatal(err)
		}
	}
	if n := number(t, conn, `SELECT sum(n) FROM a`); n != 3 {
		t.Fatalf("the sum is %d", n)
	}
	if v := number(t, conn, `PRAGMA user_version`); v != 2 {
		t.Fatalf("the version is %d", v)
	}
}

func TestFailedMigrationLeavesTheOneBefore(t *testing.T) {
	t.Parallel()
	conn := connect(t, filepath.Join(t.TempDir(), "x.db"))
	scripts := []string{
		`CREATE TABLE a (n INTEGER);`,
		`INSERT INTO a VALUES (1); CREATE TABLE a (n INTEGER);`,
	}
	if err := sqlite.Migrate(t.Context(), conn, scripts); err == nil {
		t.Fatal("it went through")
	}
	if n := number(t, conn, `SELECT count(*) FROM a`); n != 0 {
		t.Fatalf("half of it happened: %d rows", n)
	}
	if v := number(t, conn, `PRAGMA user_version`); v != 1 {
		t.Fatalf("the version is %d", v)
	}
}

func TestWriterHasItsPragmas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for pragma, want := range map[string]int64{
		"synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "temp_store": 2, "busy_timeout": 5000, "wal_autocheckpoint": 0,
	} {
		if got := w.WriterNumber(w.ctx, `PRAGMA `+pragma); got != want {
			t.Errorf("%s is %d, want %d", pragma, got, want)
		}
	}
	if got, err := w.Number(w.ctx, `PRAGMA query_only`); err != nil || got != 1 {
		t.Errorf("query_only of a reader is %d, %v", got, err)
	}
}
