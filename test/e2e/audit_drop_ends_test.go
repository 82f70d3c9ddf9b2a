package e2e

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/test/backend"
)

// TestDropOfSealedMonthsMayEndAtAnyRequest ends the program that drops at each of
// its requests to Postgres, before and after it took effect, and looks at the logs:
// nothing was dropped of any, or all that was to be; each verifies.
func TestDropOfSealedMonthsMayEndAtAnyRequest(t *testing.T) {
	t.Parallel()
	l := newAgedLog(t)
	at, err := url.Parse(l.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := backend.Proxy(t, at.Host)
	at.Host = proxy.Addr()
	through := *l
	through.env = slices.Concat(l.env, onPostgres(at.String()))
	drop := []string{"drop", "--before", time.Now().UTC().Format("2006-01")}

	requests, dropped := 0, false
	for ; !dropped; requests++ {
		for _, arrives := range []bool{false, true} {
			proxy.EndAt(requests, arrives)
			code, out := through.run(t, drop...)
			if ended := proxy.Revive(); ended == (code == 0) && !l.isDropped(t) {
				t.Fatalf("request %d, which arrived: %t; it ended: %t, with %d: %s", requests, arrives, ended, code, out)
			}
			if dropped = l.isDropped(t); dropped {
				break
			}
			l.must(t, "", "verify")
		}
	}
	if requests < 20 {
		t.Errorf("everything was dropped at request %d", requests)
	}
	l.must(t, "the first 40 were verified and dropped", "verify", "--tenant", l.tenant)
	l.must(t, "under a checkpoint", "verify", "--tenant", l.tenant, "--checkpoint", l.checkpoint)
	l.must(t, "0 events were dropped", drop...)
	t.Logf("ended at each of %d requests, before and after it took effect", requests)
}

// isDropped tells whether what was to go is gone: of both logs, or of none.
func (l *agedLog) isDropped(t *testing.T) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), l.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var records, old int64
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM audit_drops),
		(SELECT count(*) FROM audit_events WHERE tenant_id = $1 AND seq <= $2)`, l.tenant, l.old).Scan(&records, &old)
	if err != nil {
		t.Fatal(err)
	}
	switch [2]int64{records, old} {
	case [2]int64{0, l.old}:
		return false
	case [2]int64{2, 0}:
		return true
	}
	t.Fatalf("there are %d records of drops, and %d old events", records, old)
	return false
}
