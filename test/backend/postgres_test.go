package backend_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/test/backend"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func count(t *testing.T, conn *pgx.Conn, query string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestWhatPostgresAcknowledgedSurvivesKills(t *testing.T) {
	t.Parallel()
	s := backend.Postgres(t)
	exec(t, connect(t, s.URL()), "CREATE TABLE kept (n int)")
	for lives := 1; lives <= 3; lives++ {
		conn := connect(t, s.URL())
		exec(t, conn, "INSERT INTO kept VALUES ($1)", lives)
		s.Kill()
		if err := conn.Ping(t.Context()); err == nil {
			t.Fatal("a killed server answers")
		}
		s.Restart()
		if n := count(t, connect(t, s.URL()), "SELECT count(*) FROM kept"); n != lives {
			t.Fatalf("%d rows after %d kills", n, lives)
		}
	}
}

func TestPostgresIsDurableAndAsksForThePassword(t *testing.T) {
	t.Parallel()
	s := backend.Postgres(t)
	conn := connect(t, s.URL())
	for setting, want := range map[string]string{"fsync": "on", "synchronous_commit": "on"} {
		var got string
		if err := conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&got); got != want {
			t.Errorf("%s is %q and %v, want %q", setting, got, err, want)
		}
	}
	if n := count(t, conn, "SELECT current_setting('server_version_num')::int / 10000"); n < 15 {
		t.Errorf("it is version %d, want at least 15", n)
	}
	if _, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://postgres:wrong@%s/postgres", s.Addr())); err == nil {
		t.Error("a wrong password was let in")
	}
}

func TestAKilledPostgresFinishesNothingMore(t *testing.T) {
	t.Parallel()
	s := backend.Postgres(t)
	conn := connect(t, s.URL())
	exec(t, conn, "CREATE TABLE late (n int)")
	busy := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(),
			"DO $$BEGIN FOR i IN 1..300000000 LOOP NULL; END LOOP; INSERT INTO late VALUES (1); END$$")
		busy <- err
	}()
	watch := connect(t, s.URL())
	for count(t, watch, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") == 0 {
		time.Sleep(time.Millisecond)
	}
	s.Kill()
	if err := <-busy; err == nil {
		t.Error("a statement was done by a killed server")
	}
	s.Restart()
	if n := count(t, connect(t, s.URL()), "SELECT count(*) FROM late"); n != 0 {
		t.Errorf("%d rows of a killed statement", n)
	}
}

func TestSharedPostgresGivesEachTestADatabaseOfItsOwnAndDropsIt(t *testing.T) {
	hold := connect(t, backend.SharedPostgres(t)) // keeps the server
	databases := "SELECT count(*) FROM pg_database WHERE datname LIKE 'raven_test_%'"
	t.Run("used at the same time", func(t *testing.T) {
		for range 2 {
			exec(t, connect(t, backend.SharedPostgres(t)), "CREATE TABLE same (n int)")
		}
		if n := count(t, hold, databases); n != 3 {
			t.Errorf("%d databases, want 3", n)
		}
	})
	if n := count(t, hold, databases); n != 1 {
		t.Errorf("%d databases are left, want 1", n)
	}
}

func TestSharedPostgresComesFromTheEnvironmentFirst(t *testing.T) {
	s := backend.Postgres(t)
	t.Setenv("RAVEN_TEST_POSTGRES_URL", s.URL())
	conn := connect(t, backend.SharedPostgres(t))
	if got := fmt.Sprintf("127.0.0.1:%d", conn.Config().Port); got != s.Addr() {
		t.Errorf("the server is %s, want %s", got, s.Addr())
	}
}
