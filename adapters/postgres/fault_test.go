package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// TestKilledServerLosesAndDoublesNothing appends while the server is killed
// again and again; an append that failed is repeated, as a relay does.
func TestKilledServerLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	server := backend.Postgres(t)
	l := open(t, server.URL())
	const tenants, batches, size, kills = 4, 60, 7, 5
	logs := make([][]core.AuditEntry, tenants)
	var wg sync.WaitGroup
	progress := make(chan struct{}, tenants*batches)
	for i := range logs {
		logs[i] = entries(ids.Tenant(), 1, batches*size, now())
		wg.Go(func() {
			for n := 0; n < len(logs[i]); n += size {
				for {
					err := add(t.Context(), l, logs[i][n:n+size])
					if err == nil {
						break
					}
					if !core.Is(err, core.CodeUnavailable) {
						t.Errorf("append: %v", err)
						return
					}
					time.Sleep(10 * time.Millisecond) // the server is down
				}
				progress <- struct{}{}
			}
		})
	}
	for range kills {
		for range tenants * batches / (kills + 1) {
			<-progress
		}
		server.Kill()
		server.Restart()
	}
	wg.Wait()
	for _, list := range logs {
		mustHold(t, l, list)
	}
}

func TestServerThatIsDownAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := backend.Postgres(t)
	server.Kill()
	l := open(t, server.URL())
	list := entries(ids.Tenant(), 1, 3, now())
	mustBeUnavailable(t, "ping", l.Ping(t.Context()))
	mustBeUnavailable(t, "append", add(t.Context(), l, list))
	_, err := l.AuditHead(t.Context(), list[0].Event.Tenant)
	mustBeUnavailable(t, "head", err)
	server.Restart()
	mustAdd(t, l, list)
	mustHold(t, l, list)
}

// proxied is a log behind a proxy, that waits no longer than two seconds.
func proxied(t *testing.T) (*backend.ProxyServer, *postgres.Log) {
	t.Helper()
	direct := backend.SharedPostgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	proxy := backend.Proxy(t, u.Host)
	u.Host = proxy.Addr()
	l, err := postgres.Open(t.Context(), postgres.Options{URL: u.String(), Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return proxy, l
}

func TestSilentServerIsUnavailableInTime(t *testing.T) {
	t.Parallel()
	proxy, l := proxied(t)
	list := entries(ids.Tenant(), 1, 4, now())
	mustAdd(t, l, list[:3])
	proxy.Blackhole(true)
	began := time.Now()
	mustBeUnavailable(t, "append", add(t.Context(), l, list[3:]))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := add(ctx, l, list[3:]); !errors.Is(err, context.DeadlineExceeded) || core.Is(err, core.CodeUnavailable) {
		t.Errorf("the caller's own deadline: %v", err)
	}
}

func TestCutConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	proxy, l := proxied(t)
	list := entries(ids.Tenant(), 1, 20, now())
	for i := range list {
		if i%3 == 2 {
			proxy.Cut()
		}
		for try := 0; ; try++ {
			err := add(t.Context(), l, list[i:i+1])
			if err == nil {
				break
			}
			mustBeUnavailable(t, "append", err)
			if try == 20 {
				t.Fatal("it does not recover")
			}
		}
	}
	mustHold(t, l, list)
}

// TestAppendWhoseAnswerIsLostIsThereOnce has the connection cut after the server
// has done what was asked.
func TestAppendWhoseAnswerIsLostIsThereOnce(t *testing.T) {
	t.Parallel()
	proxy, l := proxied(t)
	list := entries(ids.Tenant(), 1, 10, now())
	for n := 0; n < len(list); n += 2 {
		done := proxy.CutAfterRequest(string(list[n].Event.ID))
		mustBeUnavailable(t, "the append whose answer is lost", add(t.Context(), l, list[n:n+2]))
		<-done
		mustAdd(t, l, list[n:n+2])
	}
	mustHold(t, l, list)
}

// TestServersTroubleIsUnavailable has the server answer each append with a state
// that says it can't serve.
func TestServersTroubleIsUnavailable(t *testing.T) {
	t.Parallel()
	database := backend.SharedPostgres(t)
	l := open(t, database)
	conn := superuser(t, database)
	list := entries(ids.Tenant(), 1, 2, now())
	mustAdd(t, l, list[:1])
	for state, what := range map[string]string{
		"53100": "the disk is full", "53200": "out of memory", "25006": "read-only", "57P01": "shut down",
		"58030": "an I/O error", "40P01": "a deadlock", "XX001": "damage", "42501": "no privilege", "57014": "cancelled",
	} {
		exec(t, conn, `CREATE OR REPLACE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE EXCEPTION 'a secret of the server' USING ERRCODE = '`+state+`'; END $$`)
		exec(t, conn, `CREATE OR REPLACE TRIGGER trouble BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION trouble()`)
		mustBeUnavailable(t, what, add(t.Context(), l, list[1:]))
		mustHold(t, l, list[:1])
	}
	exec(t, conn, `DROP TRIGGER trouble ON audit_events`)
	mustAdd(t, l, list[1:])
	mustHold(t, l, list)
}

func TestReadOnlyDatabaseIsUnavailableForAppendsAlone(t *testing.T) {
	t.Parallel()
	database := backend.SharedPostgres(t)
	list := entries(ids.Tenant(), 1, 2, now())
	mustAdd(t, open(t, database), list[:1])
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("default_transaction_read_only", "on")
	u.RawQuery = query.Encode()
	l := open(t, u.String())
	mustBeUnavailable(t, "append", add(t.Context(), l, list[1:]))
}

func TestClosedLogIsUnavailable(t *testing.T) {
	t.Parallel()
	l := open(t, backend.SharedPostgres(t))
	list := entries(ids.Tenant(), 1, 1, now())
	mustAdd(t, l, list)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mustBeUnavailable(t, "append", add(t.Context(), l, list))
	mustBeUnavailable(t, "ping", l.Ping(t.Context()))
}

func TestWrongURLsFailTheOpeningAndTellNoSecret(t *testing.T) {
	t.Parallel()
	good := backend.SharedPostgres(t)
	other := func(change func(*url.URL)) string {
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	for name, c := range map[string]struct{ url, says string }{
		"a bad escape":        {"postgres://user:hunter2%zz@host/x", "can't be read"},
		"a bad path":          {"postgres://user:hunter2@host:port/%zz", "can't be read"},
		"a bad port":          {"postgres://user:hunter2@host:99999999/x", ""},
		"a bad sslmode":       {"postgres://user:hunter2@localhost/x?sslmode=hunter2", ""},
		"no authority's file": {"postgres://user:hunter2@localhost/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"},
		"a wrong password":    {other(func(u *url.URL) { u.User = url.UserPassword("postgres", "hunter2") }), "password"},
		"no such database":    {other(func(u *url.URL) { u.Path = "/none" }), "does not exist"},
		"keywords":            {"host=localhost password=hunter2 port=x", ""},
	} {
		l, err := postgres.Open(t.Context(), postgres.Options{URL: c.url})
		if err == nil {
			l.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
