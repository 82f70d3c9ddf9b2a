package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/test/backend"
)

// load creates users until it is stopped, and counts.
type load struct {
	done, failed atomic.Int64
	lastFailure  atomic.Pointer[string]
	cancel       context.CancelFunc
	wg           sync.WaitGroup
}

func startLoad(owner *client, workers int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	for range workers {
		l.wg.Go(func() {
			c := newClient(owner.url)
			c.key = owner.key
			for ctx.Err() == nil {
				a, err := c.do("POST", "/api/v1/users", object{})
				if err == nil && a.status == http.StatusCreated {
					l.done.Add(1)
					continue
				}
				l.failed.Add(1)
				why := fmt.Sprint(err, a.status, string(a.raw))
				l.lastFailure.Store(&why)
			}
		})
	}
	return l
}

func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// rows counts a tenant's events in Postgres, and how many are there twice.
func rows(t *testing.T, url, tenant string) (count, most, doubled int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(t.Context(), `SELECT count(*), coalesce(max(seq), 0), count(*) - count(DISTINCT event_id)
		FROM audit_events WHERE tenant_id = $1`, tenant).Scan(&count, &most, &doubled)
	if err != nil {
		t.Fatal(err)
	}
	return count, most, doubled
}

// outage is how long Postgres is stopped; RAVEN_TEST_OUTAGE says otherwise.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("RAVEN_TEST_OUTAGE")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPostgresStoppedFailsNoRequest stops Postgres under load: requests go on,
// the audit log alone is not to be had, and catches up after.
func TestPostgresStoppedFailsNoRequest(t *testing.T) {
	t.Parallel()
	server := backend.Postgres(t)
	dir := t.TempDir()
	env := append(onPostgres(server.URL()), "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	app := start(t, dir, env...)
	owner := register(t, app.URL, "outage", object{"max_users": 100_000_000})
	tenant := owner.id(t)
	owner.must(t, http.StatusOK, "GET", auditPath, nil)

	work := startLoad(owner, 4)
	time.Sleep(time.Second) // some work before
	server.Kill()
	before := work.done.Load()
	owner.must(t, http.StatusServiceUnavailable, "GET", auditPath, nil)
	ready := owner.must(t, http.StatusOK, "GET", "/readyz", nil)
	if ready.text("status") != "ready" {
		t.Errorf("without Postgres it is %s", ready.raw)
	}
	time.Sleep(outage(t))
	during := work.done.Load() - before
	work.stop()
	lag := work.done.Load() + 2
	server.Restart()
	began := time.Now()
	for {
		count, _, _ := rows(t, server.URL(), tenant)
		if count == lag {
			break
		}
		if time.Since(began) > patience+outage(t) {
			t.Fatalf("%d of %d events are there after %v", count, lag, time.Since(began))
		}
		time.Sleep(50 * time.Millisecond)
	}
	caughtUp := time.Since(began)
	count, most, doubled := rows(t, server.URL(), tenant)
	if work.failed.Load() != 0 || count != most || doubled != 0 {
		t.Errorf("%d requests failed (%v), %d events through seq %d, %d doubled", work.failed.Load(), work.lastFailure.Load(), count, most, doubled)
	}
	t.Logf("stopped for %v: %d requests meanwhile, %d failed; %d events caught up in %v (%d in all)",
		outage(t), during, work.failed.Load(), during, caughtUp.Round(time.Millisecond), count)
	if code, out := raven(t, dir, env, "audit", "verify", "--tenant", tenant); code != 0 {
		t.Errorf("verify: %s", out)
	}
}

// TestFullOutboxRefusesChangesAndDropsNothing keeps Postgres away until a
// tenant's outbox is full.
func TestFullOutboxRefusesChangesAndDropsNothing(t *testing.T) {
	t.Parallel()
	server := backend.Postgres(t)
	dir := t.TempDir()
	env := append(onPostgres(server.URL()), "RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_AUDIT_MAX_OUTBOX=10000")
	app := start(t, dir, env...)
	owner := register(t, app.URL, "full", object{"max_users": 100_000})
	server.Kill()
	work := startLoad(owner, 4)
	for began := time.Now(); work.failed.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("%d changes went through", work.done.Load())
		}
	}
	work.stop()
	created := int(work.done.Load())
	if why := *work.lastFailure.Load(); created < 9_900 || created > 10_000 || !strings.Contains(why, `"code":"unavailable"`) {
		t.Errorf("%d changes went through, then %s", created, why)
	}
	owner.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil) // reading goes on
	server.Restart()
	began := time.Now()
	for {
		if a, err := owner.do("POST", "/api/v1/users", object{}); err == nil && a.status == http.StatusCreated {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("changes are still refused")
		}
		time.Sleep(100 * time.Millisecond)
	}
	events := owner.pages(t, auditPath)
	if len(events) != created+3 {
		t.Errorf("%d events, want %d", len(events), created+3)
	}
	t.Logf("%d changes before it was full, taken again %v after Postgres was back", created, time.Since(began).Round(time.Millisecond))
}

// TestVerifySaysThatEventsAreOnTheirWay has a tenant whose events no log has yet.
func TestVerifySaysThatEventsAreOnTheirWay(t *testing.T) {
	t.Parallel()
	server := backend.Postgres(t)
	dir := t.TempDir()
	env := onPostgres(server.URL())
	app := start(t, dir, env...)
	server.Kill()
	tenant := register(t, app.URL, "waiting", nil).id(t)
	app.Kill()
	server.Restart()
	if code, out := raven(t, dir, env, "audit", "verify", "--tenant", tenant); code != 0 || !strings.Contains(out, "2 are in the outbox") {
		t.Errorf("%d: %s", code, out)
	}
	if code, out := raven(t, dir, env, "audit", "verify", "--tenant", "ten_01hzzzzzzzzzzzzzzzzzzzzzzz"); code == 0 || !strings.Contains(out, "no audit log") {
		t.Errorf("nobody's: %d: %s", code, out)
	}
}

// TestLogMovesToPostgres starts a deployment with its log in the store.
func TestLogMovesToPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app := start(t, dir)
	owner, idle := register(t, app.URL, "moved", nil), register(t, app.URL, "idle", nil)
	for range 20 {
		owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	}
	app.Stop()
	env := onPostgres(backend.Postgres(t).URL())
	app = start(t, dir, env...)
	owner.url, idle.url = app.URL, app.URL
	owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{})
	if n := len(owner.pages(t, auditPath)); n != 23 {
		t.Errorf("%d events after the move", n)
	}
	began := time.Now()
	for len(idle.pages(t, auditPath)) != 2 {
		if time.Since(began) > patience {
			t.Fatal("the log of a tenant that does nothing has not moved")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if code, out := raven(t, dir, env, "audit", "verify"); code != 0 {
		t.Errorf("verify: %s", out)
	}
}
