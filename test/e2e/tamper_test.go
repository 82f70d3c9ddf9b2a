package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/raven-memory/raven/test/backend"
)

// logUnderTest is an audit log at rest, and what may be done to it.
type logUnderTest struct {
	dir           string
	env           []string
	tenant, other string
	last          int64  // of tenant
	checkpoint    string // kept outside the log, of all of it
	exec          func(t *testing.T, statement string)
	reset         func(t *testing.T) // brings back what was recorded
}

// earlier is how much of the log an old copy holds.
const earlier = 500

// tampering is one way to change a log. It is done to the tenant's: seq is
// where it must show, without a checkpoint kept elsewhere and with one; 0 for
// nowhere. In SQL, T and O stand for the tenant and the other, N for the last.
type tampering struct {
	name             string
	sql              string
	alone, anchored  int64
	ofOther, nothing bool // look at the other's log; nothing is wrong
}

func tamperings(n int64) []tampering {
	const copied = `INSERT INTO audit_events SELECT tenant_id, %s, event_id, type, at, actor, data, leaf, chain, added_at FROM audit_events WHERE tenant_id = T AND seq = %s`
	list := []tampering{
		{name: "nothing", nothing: true},
		{name: "time of arrival", sql: `UPDATE audit_events SET added_at = AT WHERE tenant_id = T AND seq = 9`, nothing: true},
		{name: "delete", sql: `DELETE FROM audit_events WHERE tenant_id = T AND seq = 9`, alone: 9, anchored: 9},
		{name: "insert behind the end", sql: fmt.Sprintf(copied, "N+1", "9"), alone: n + 1, anchored: n + 1},
		{name: "insert, and move the rest", sql: `UPDATE audit_events SET seq = -seq-1 WHERE tenant_id = T AND seq >= 9;
			UPDATE audit_events SET seq = -seq WHERE tenant_id = T AND seq < 0;` +
			strings.Replace(fmt.Sprintf(copied, "9", "3"), "event_id,", "'evt_new',", 1), alone: 9, anchored: 9},
		{name: "swap", sql: `UPDATE audit_events SET seq = -1 WHERE tenant_id = T AND seq = 9;
			UPDATE audit_events SET seq = 9 WHERE tenant_id = T AND seq = 30;
			UPDATE audit_events SET seq = 30 WHERE tenant_id = T AND seq = -1`, alone: 9, anchored: 9},
		{name: "truncate the tail", sql: `DELETE FROM audit_events WHERE tenant_id = T AND seq > N-5`, alone: n - 4, anchored: n - 4},
		{name: "restore an old copy", sql: `DELETE FROM audit_events WHERE tenant_id = T AND seq > 500; DELETE FROM audit_heads WHERE tenant_id = T;
			INSERT INTO audit_heads SELECT * FROM old_heads; DELETE FROM audit_checkpoints WHERE tenant_id = T`, nothing: true, anchored: earlier + 1},
		{name: "move to another tenant", sql: `UPDATE audit_events SET tenant_id = O, seq = 77 WHERE tenant_id = T AND seq = 9`, alone: 9, anchored: 9},
		{name: "move to another tenant, seen there", sql: `UPDATE audit_events SET tenant_id = O, seq = 77 WHERE tenant_id = T AND seq = 9`, alone: 77, ofOther: true},
		{name: "forge the checkpoint", sql: `UPDATE audit_checkpoints SET note = LEAF WHERE tenant_id = T`, alone: n, anchored: n},
		{name: "change the head", sql: `UPDATE audit_heads SET chain = LEAF WHERE tenant_id = T`, alone: n, anchored: n},
	}
	for field, value := range map[string]string{
		"event_id": "'evt_00000000000000000000000000'", "type": "'user.deleted'", "at": "AT", "actor": "'key_00000000000000000000000000'",
		"data": `'{"user_id":"usr_00000000000000000000000000"}'`, "leaf": "LEAF", "chain": "LEAF",
	} {
		list = append(list, tampering{name: "change " + field, alone: 9, anchored: 9,
			sql: fmt.Sprintf(`UPDATE audit_events SET %s = %s WHERE tenant_id = T AND seq = 9`, field, value)})
	}
	return list
}

var firstBad = regexp.MustCompile(`seq (-?\d+): (.*)`)

func (l *logUnderTest) verify(t *testing.T, tenant string, more ...string) (code int, seq int64, why string) {
	t.Helper()
	code, out := raven(t, l.dir, l.env, append([]string{"audit", "verify", "--tenant", tenant}, more...)...)
	if m := firstBad.FindStringSubmatch(out); m != nil {
		seq, _ = strconv.ParseInt(m[1], 10, 64)
		why = m[2]
	} else if code != 0 {
		t.Errorf("verify said %s", out)
	}
	return code, seq, why
}

func (l *logUnderTest) run(t *testing.T, literals map[string]string) {
	t.Helper()
	var table strings.Builder
	for _, c := range tamperings(l.last) {
		l.reset(t)
		statement := c.sql
		for name, value := range literals {
			statement = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(statement, value)
		}
		if statement != "" {
			l.exec(t, statement)
		}
		tenant := l.tenant
		if c.ofOther {
			tenant = l.other
		}
		code, seq, why := l.verify(t, tenant)
		if (code == 0) != c.nothing || seq != c.alone {
			t.Errorf("%s: exit %d, seq %d, want %d (%s)", c.name, code, seq, c.alone, why)
		}
		fmt.Fprintf(&table, "\n%-34s | %-5v seq %-4d %s", c.name, code != 0, seq, why)
		if c.ofOther {
			continue
		}
		code, seq, why = l.verify(t, tenant, "--checkpoint", l.checkpoint)
		if (code == 0) != (c.anchored == 0) || seq != c.anchored {
			t.Errorf("%s, with a checkpoint: exit %d, seq %d, want %d (%s)", c.name, code, seq, c.anchored, why)
		}
		fmt.Fprintf(&table, "\n%-34s | %-5v seq %-4d %s", "  with a checkpoint kept outside", code != 0, seq, why)
	}
	t.Log(table.String())
}

// recorded fills a log, and calls between when a part of it is there.
func recorded(t *testing.T, dir string, env []string, between func(tenant string)) *logUnderTest {
	t.Helper()
	server := start(t, dir, env...)
	owner := register(t, server.URL, "tampered", object{"max_users": 5000})
	other := register(t, server.URL, "other", nil)
	l := &logUnderTest{dir: dir, env: env, tenant: owner.id(t), other: other.id(t)}
	fill := func(upTo int) {
		for n := int(l.last); n < upTo; n++ {
			owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
		}
		l.last = int64(upTo)
		if seq := owner.must(t, http.StatusOK, "GET", auditPath+"?limit=1", nil).list("data")[0]["seq"]; seq != float64(upTo) {
			t.Fatalf("the last seq is %v, want %d", seq, upTo)
		}
	}
	for _, c := range []*client{owner, other} {
		c.must(t, http.StatusOK, "GET", auditPath, nil)
	}
	l.last = 2 // tenant.created, key.created
	fill(earlier)
	between(l.tenant)
	fill(1020)
	note := owner.must(t, http.StatusOK, "GET", auditPath+"/checkpoint", nil).raw
	l.checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(l.checkpoint, note, 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(note), "\n1020\n") {
		t.Fatalf("the checkpoint is %s", note)
	}
	if code := server.Stop(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	return l
}

func TestTamperingOnTheEmbeddedStoreIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "raven.db")
	exec := func(t *testing.T, statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)") // the server may be writing
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	l := recorded(t, dir, nil, func(tenant string) {
		exec(t, `CREATE TABLE old_heads AS SELECT * FROM audit_heads WHERE tenant_id = '`+tenant+`'`)
	})
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.exec = exec
	l.reset = func(t *testing.T) {
		t.Helper()
		for _, side := range []string{"-wal", "-shm"} {
			_ = os.Remove(path + side)
		}
		if err := os.WriteFile(path, kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.run(t, map[string]string{
		"T": "'" + l.tenant + "'", "O": "'" + l.other + "'", "N": fmt.Sprint(l.last),
		"AT": "1234567890123", "LEAF": "zeroblob(32)",
	})
}

func TestTamperingInPostgresIsFound(t *testing.T) {
	t.Parallel()
	server := backend.Postgres(t)
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	exec := func(t *testing.T, statement string) {
		t.Helper()
		// Whoever owns the server gets past the triggers.
		if _, err := conn.Exec(t.Context(), `SET session_replication_role = replica; `+statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	l := recorded(t, t.TempDir(), onPostgres(server.URL()), func(tenant string) {
		exec(t, `CREATE TABLE old_heads AS SELECT * FROM audit_heads WHERE tenant_id = '`+tenant+`'`)
	})
	l.exec = exec
	tables := []string{"audit_events", "audit_heads", "audit_checkpoints"}
	for _, table := range tables {
		exec(t, `CREATE TABLE kept_`+table+` AS SELECT * FROM `+table)
	}
	l.reset = func(t *testing.T) {
		t.Helper()
		for _, table := range tables {
			overriding := ""
			if table == "audit_checkpoints" {
				overriding = "OVERRIDING SYSTEM VALUE"
			}
			exec(t, `DELETE FROM `+table+`; INSERT INTO `+table+` `+overriding+` SELECT * FROM kept_`+table)
		}
	}
	literals := map[string]string{
		"T": "'" + l.tenant + "'", "O": "'" + l.other + "'", "N": fmt.Sprint(l.last),
		"AT": "(at + interval '1 microsecond')", "LEAF": `'\x` + strings.Repeat("00", 32) + `'::bytea`,
	}
	l.run(t, literals)
	l.reset(t)
	exec(t, `INSERT INTO audit_events SELECT tenant_id, seq, event_id, type, at + interval '1 microsecond', actor, data, leaf, chain, added_at
		FROM audit_events WHERE tenant_id = '`+l.tenant+`' AND seq = 9`)
	if code, seq, why := l.verify(t, l.tenant); code != 1 || seq != 9 {
		t.Errorf("duplicate: exit %d, seq %d (%s)", code, seq, why)
	} else {
		t.Logf("duplicate: seq %d: %s", seq, why)
	}
}
