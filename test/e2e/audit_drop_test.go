package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/test/backend"
)

// agedLog is a deployment whose log in Postgres begins in months that are over.
type agedLog struct {
	dir, checkpoint string
	url             string // of Postgres
	env             []string
	owner           *client
	tenant          string
	old, last       int64 // of the tenant's events
	oldID, newID    string
	exec            func(t *testing.T, statement string)
}

// backdate has what is in a log have happened months ago, as a deployment of that
// age would have recorded it.
func backdate(t *testing.T, url string, tenant core.TenantID, exec func(*testing.T, string)) {
	t.Helper()
	log, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	entries, err := log.AuditEntries(t.Context(), tenant, 0, 10_000)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries of %s, %v", len(entries), tenant, err)
	}
	for _, table := range []string{"audit_events", "audit_heads", "audit_checkpoints"} {
		exec(t, `DELETE FROM `+table+` WHERE tenant_id = '`+string(tenant)+`'`)
	}
	events := make([]core.Event, len(entries))
	for i, e := range entries {
		e.Event.At = e.Event.At.AddDate(0, -4+2*i/len(entries), 0)
		events[i] = e.Event
	}
	sink := audit.New(audit.Deps{Log: log, Clock: wallClock{}}, audit.Options{}).LogSink()
	if err := sink.Deliver(t.Context(), tenant, events); err != nil {
		t.Fatal(err)
	}
}

func newAgedLog(t *testing.T) *agedLog {
	t.Helper()
	server := backend.Postgres(t)
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	l := &agedLog{dir: t.TempDir(), url: server.URL(), env: append(onPostgres(server.URL()), "RAVEN_LIMITS_RATE_PER_MINUTE=0")}
	l.exec = func(t *testing.T, statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), `SET session_replication_role = replica; `+statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	app := start(t, l.dir, l.env...)
	l.owner = register(t, app.URL, "aged", object{"max_users": 5000})
	l.tenant, l.old = l.owner.id(t), 2
	for ; l.old < 40; l.old++ {
		l.owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	}
	refused(t, app.URL)
	l.oldID, _ = l.owner.pages(t, auditPath)[20]["id"].(string)
	app.Stop()
	backdate(t, server.URL(), core.TenantID(l.tenant), l.exec)
	backdate(t, server.URL(), core.DeploymentTenant, l.exec)
	app = start(t, l.dir, l.env...)
	l.owner.url = app.URL
	refused(t, app.URL)
	for l.last = l.old; l.last < l.old+1000; l.last++ {
		l.owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	}
	note := l.owner.must(t, http.StatusOK, "GET", auditPath+"/checkpoint", nil).raw
	l.checkpoint = filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(l.checkpoint, note, 0o600); err != nil {
		t.Fatal(err)
	}
	app.Stop()
	l.sealOwnLog(t, conn)
	l.owner.url = start(t, l.dir, l.env...).URL
	return l
}

// refused has the deployment's own log get an event.
func refused(t *testing.T, url string) {
	t.Helper()
	newClient(url).must(t, http.StatusUnauthorized, "GET", "/api/v1/tenant", nil, "Authorization", "Bearer rvn_nobody")
}

// sealOwnLog has the deployment's own log get its checkpoint without the wait for
// it: what the outbox holds is made older.
func (l *agedLog) sealOwnLog(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(l.dir, "raven.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `UPDATE events SET at = at - 120000 WHERE tenant = 0`)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	app := start(t, l.dir, l.env...)
	for began, n := time.Now(), 0; n == 0; time.Sleep(20 * time.Millisecond) {
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM audit_checkpoints WHERE tenant_id = $1`, string(core.DeploymentTenant)).Scan(&n)
		if err != nil || time.Since(began) > patience {
			t.Fatalf("the deployment's log has no checkpoint (%v)", err)
		}
	}
	app.Stop()
}

func (l *agedLog) run(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	return raven(t, l.dir, l.env, append([]string{"audit"}, args...)...)
}

func (l *agedLog) must(t *testing.T, want string, args ...string) (out string) {
	t.Helper()
	code, out := l.run(t, args...)
	if code != 0 || !strings.Contains(out, want) {
		t.Fatalf("%v: exit %d, want 0 and %q: %s", args, code, want, out)
	}
	return out
}

// TestSealedMonthsAreDroppedAndTheLogStillProvesItself drops the oldest months
// beside the running server, and has everything that reads a log read it.
func TestSealedMonthsAreDroppedAndTheLogStillProvesItself(t *testing.T) {
	t.Parallel()
	l := newAgedLog(t)
	thisMonth := time.Now().UTC().Format("2006-01")
	for _, bad := range []string{"", "2026", "2026-13", time.Now().UTC().AddDate(0, 1, 0).Format("2006-01")} {
		if code, out := l.run(t, "drop", "--before", bad); code == 0 {
			t.Errorf("--before %q: %s", bad, out)
		}
	}
	out := l.must(t, "41 events were dropped", "drop", "--before", thisMonth)
	if !strings.Contains(out, l.tenant+": events 1 to 40 were dropped") {
		t.Errorf("it said %s", out)
	}
	l.must(t, "0 events were dropped", "drop", "--before", thisMonth)

	l.must(t, "the first 40 were verified and dropped", "verify", "--tenant", l.tenant)
	l.must(t, "under a checkpoint", "verify", "--tenant", l.tenant, "--checkpoint", l.checkpoint)
	l.owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{}) // the log goes on
	events := l.owner.pages(t, auditPath)
	if n := len(events); n != 1001 || events[n-1]["seq"] != float64(41) {
		t.Errorf("%d events are listed", n)
	}
	l.newID, _ = events[500]["id"].(string)
	l.must(t, `"inclusion"`, "prove", l.newID)
	if code, out := l.run(t, "prove", l.oldID); code != 1 || !strings.Contains(out, "dropped") {
		t.Errorf("a proof of what was dropped: %d, %s", code, out)
	}
	lines := strings.Split(strings.TrimSpace(l.must(t, "", "export", "--tenant", l.tenant)), "\n")
	if len(lines) != 1002 || !strings.HasPrefix(lines[0], `{"dropped_through":40,`) || !strings.Contains(lines[1], `"seq":41,`) {
		t.Errorf("%d lines are exported, of which the first are %.300s", len(lines), lines[:2])
	}
	l.tamper(t)
	l.restores(t)
}

// tamper tampers with what stands for the drop, and with what is left.
func (l *agedLog) tamper(t *testing.T) {
	t.Helper()
	kept := []string{"audit_events", "audit_heads", "audit_drops"}
	for _, table := range kept {
		l.exec(t, `CREATE TABLE kept_`+table+` AS SELECT * FROM `+table)
	}
	reset := func() {
		for _, table := range kept {
			l.exec(t, `DELETE FROM `+table+`; INSERT INTO `+table+` SELECT * FROM kept_`+table)
		}
	}
	ofTenant := ` WHERE tenant_id = '` + l.tenant + `'`
	var table strings.Builder
	for _, c := range []struct {
		name, sql       string
		alone, anchored int64
	}{
		{"remove the record of the drop", `DELETE FROM audit_drops` + ofTenant, 1, 1},
		{"change its seq", `UPDATE audit_drops SET seq = 41` + ofTenant, 1, 1},
		{"change its chain hash", `UPDATE audit_drops SET chain = sha256(chain)` + ofTenant, 1, 1},
		{"change its tree", `UPDATE audit_drops SET tree = sha256(tree) || sha256(chain)` + ofTenant, 1, 1},
		{"change its time", `UPDATE audit_drops SET dropped_at = dropped_at + interval '1 day'` + ofTenant, 1, 1},
		{"a checkpoint in its place", `UPDATE audit_drops SET note = (SELECT note FROM audit_checkpoints c` + ofTenant + ` ORDER BY id DESC LIMIT 1)` + ofTenant, 1, 1},
		{"another log's record", `UPDATE audit_drops SET note = (SELECT note FROM audit_drops WHERE tenant_id <> '` + l.tenant + `' LIMIT 1)` + ofTenant, 1, 1},
		{"drop more than it says", `DELETE FROM audit_events` + ofTenant + ` AND seq <= 45`, 41, 41},
		{"put a dropped event back, changed", `INSERT INTO audit_events SELECT tenant_id, 7, event_id, type, at, actor, data, leaf, chain, added_at
			FROM audit_events` + ofTenant + ` AND seq = 50`, 7, 7},
		{"remove the log, its head and record", `DELETE FROM audit_drops` + ofTenant + `; DELETE FROM audit_events` + ofTenant + `; DELETE FROM audit_heads` + ofTenant, 1, 1},
	} {
		l.exec(t, c.sql)
		for _, with := range []struct {
			args []string
			seq  int64
		}{{nil, c.alone}, {[]string{"--checkpoint", l.checkpoint}, c.anchored}} {
			code, out := l.run(t, append([]string{"verify", "--tenant", l.tenant}, with.args...)...)
			if code != 1 || !strings.Contains(out, fmt.Sprintf("seq %d: ", with.seq)) {
				t.Errorf("%s %v: exit %d, want seq %d: %s", c.name, with.args, code, with.seq, out)
			}
			fmt.Fprintf(&table, "\n%-36s | %d checkpoint kept outside | %s", c.name, len(with.args)/2, strings.SplitN(out, "\n", 2)[0])
		}
		reset()
	}
	t.Log(table.String())
}

// restores backs the deployment up and restores it with its log in the store.
func (l *agedLog) restores(t *testing.T) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	file := backUp(t, l.dir, l.env)
	succeeds(t, dir, []string{backupPassphrase}, "restore", "--in", file)
	server := start(t, dir, "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	owner := newClient(server.URL)
	owner.key = l.owner.key
	owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	refused(t, server.URL)
	if events := owner.pages(t, auditPath); len(events) != 1002 || events[0]["seq"] != float64(l.last+2) {
		t.Errorf("%d events after the restore", len(events))
	}
	server.Stop()
	code, out := raven(t, dir, nil, "audit", "verify")
	if code != 0 || strings.Count(out, "dropped") != 2 {
		t.Errorf("verify after the restore: %d, %s", code, out)
	}
}
