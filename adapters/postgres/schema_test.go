package postgres_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

func TestManyNodesStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	list := entries(ids.Tenant(), 1, 5, now())
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			l, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			defer l.Close()
			if err := l.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if err := add(t.Context(), l, list); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mustHold(t, open(t, url), list)
	conn := superuser(t, url)
	if n := count(t, conn, `SELECT count(*) FROM audit_schema`); n != 2 {
		t.Errorf("%d steps of the schema are noted", n)
	}
}

func TestPartitionsAreMadeAhead(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	l := open(t, url)
	conn := superuser(t, url)
	partitions := func() int {
		return count(t, conn, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass`)
	}
	if n := partitions(); n != 3 {
		t.Errorf("%d partitions at the start, want this month's and two more", n)
	}
	mustAdd(t, l, entries(ids.Tenant(), 1, 1, time.Date(2040, 12, 31, 12, 0, 0, 0, time.UTC)))
	for _, name := range []string{"audit_events_2040_12", "audit_events_2041_01", "audit_events_2041_02"} {
		if count(t, conn, `SELECT count(to_regclass($1))`, name) != 1 {
			t.Errorf("there is no %s", name)
		}
	}
	if n := partitions(); n != 6 {
		t.Errorf("%d partitions", n)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	open(t, url)
	exec(t, superuser(t, url), `INSERT INTO audit_schema (version) VALUES (99)`)
	if _, err := postgres.Open(t.Context(), postgres.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("got %v", err)
	}
}

// TestTheWritersRoleCanAddAndNothingElse connects as deploy/postgres says.
func TestTheWritersRoleCanAddAndNothingElse(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	open(t, url)
	script, err := os.ReadFile("../../deploy/postgres/roles.sql")
	if err != nil {
		t.Fatal(err)
	}
	owner := superuser(t, url)
	// The server is shared, and so are its roles.
	role := strings.ToLower("writer_" + string(ids.Tenant()))
	exec(t, owner, strings.ReplaceAll(string(script), "raven_audit_writer", role))
	exec(t, owner, strings.ReplaceAll(string(script), "raven_audit_writer", role))
	exec(t, owner, `CREATE ROLE `+role+`_login LOGIN PASSWORD 'secret' IN ROLE `+role)
	t.Cleanup(func() {
		exec := func(statement string) { _, _ = owner.Exec(context.Background(), statement) }
		exec(`DROP OWNED BY ` + role)
		exec(`DROP ROLE ` + role + `_login, ` + role)
	})
	login := as(t, url, role+"_login", "secret")
	l := open(t, login)
	list := entries(ids.Tenant(), 1, 6, time.Date(2042, 1, 31, 23, 59, 57, 0, time.UTC)) // a partition to be made
	mustAdd(t, l, list[:4])
	mustAdd(t, l, list[2:])
	mustHold(t, l, list)
	if err := l.AddCheckpoint(t.Context(), list[0].Event.Tenant, core.Checkpoint{Seq: 6, Note: []byte("n"), At: now()}); err != nil {
		t.Error(err)
	}
	conn := superuser(t, login)
	for _, statement := range []string{
		`UPDATE audit_events SET type = 'x'`, `DELETE FROM audit_events`, `TRUNCATE audit_events`, `DROP TABLE audit_events`,
		`UPDATE audit_events_2042_01 SET type = 'x'`, `DELETE FROM audit_events_2042_01`, `TRUNCATE audit_events_2042_01`,
		`DROP TABLE audit_events_2042_01`, `ALTER TABLE audit_events DETACH PARTITION audit_events_2042_01`,
		`ALTER TABLE audit_events DISABLE TRIGGER ALL`, `SET session_replication_role = replica`,
		`UPDATE audit_heads SET seq = 1`, `DELETE FROM audit_heads`, `TRUNCATE audit_heads`,
		`DELETE FROM audit_checkpoints`, `UPDATE audit_checkpoints SET seq = 1`, `DELETE FROM audit_schema`,
		`DELETE FROM audit_drops`, `UPDATE audit_drops SET seq = 1`, `CREATE TABLE mine (n int)`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s was allowed", statement)
		}
	}
	mustHold(t, l, list)
	sealed := core.AuditDrop{Head: headOf(list), Note: []byte("n"), At: now()}
	if err := l.DropMonths(t.Context(), now().AddDate(100, 0, 0), map[core.TenantID]core.AuditDrop{list[0].Event.Tenant: sealed}); err == nil ||
		!strings.Contains(err.Error(), "owns them") {
		t.Errorf("a drop: %v", err)
	}
	mustHold(t, l, list)
}

func TestTheLogOnlyGrowsForAnybody(t *testing.T) {
	t.Parallel()
	url := backend.SharedPostgres(t)
	l := open(t, url)
	list := entries(ids.Tenant(), 1, 3, time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC))
	mustAdd(t, l, list)
	if err := l.AddCheckpoint(t.Context(), list[0].Event.Tenant, core.Checkpoint{Seq: 3, Note: []byte("n"), At: now()}); err != nil {
		t.Fatal(err)
	}
	conn := superuser(t, url)
	for _, statement := range []string{
		`UPDATE audit_events SET type = 'x' WHERE seq = 2`, `DELETE FROM audit_events WHERE seq = 2`, `TRUNCATE audit_events`,
		`UPDATE audit_events_2026_03 SET type = 'x'`, `DELETE FROM audit_events_2026_03`, `TRUNCATE audit_events_2026_03`,
		`UPDATE audit_heads SET seq = 2`, `UPDATE audit_heads SET seq = seq`, `DELETE FROM audit_heads`, `TRUNCATE audit_heads`,
		`UPDATE audit_checkpoints SET seq = 1`, `DELETE FROM audit_checkpoints`, `TRUNCATE audit_checkpoints`,
		`UPDATE audit_drops SET seq = 1`, `DELETE FROM audit_drops`, `TRUNCATE audit_drops`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s was allowed", statement)
		}
	}
	mustHold(t, l, list)
}
