package chaos

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/test/backend"
)

// TestChaosOnTheEmbeddedStore kills and freezes Raven, fills its disk and moves
// its clock.
func TestChaosOnTheEmbeddedStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDisk(t)
	if d != nil {
		dir = d.dir
	}
	w := newWorld(t, "embedded", dir)
	w.populate(1)
	w.harmNodes()
	w.harmFiles(d)
	w.prove()
}

// TestChaosOnRedis harms Raven, Redis and what connects them.
func TestChaosOnRedis(t *testing.T) {
	t.Parallel()
	url, harm := harmRedis(t)
	w := newWorld(t, "redis", t.TempDir(), onRedis(url)...)
	w.populate(1)
	w.harmNodes()
	harm(w)
	w.prove()
}

// TestChaosOnARedisCluster kills and freezes masters too, whose places their
// replicas take; every change is confirmed by one.
func TestChaosOnARedisCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	w := newWorld(t, "cluster", t.TempDir(), append(onRedis(c.url()), "RAVEN_STORE_REDIS_WAIT_REPLICAS=1")...)
	w.populate(1)
	w.harmNodes()
	c.harm(w)
	w.prove()
}

// TestChaosOnRedisPostgresAndVault harms two nodes, where they keep memory and
// the audit log, and where two of the tenants keep their own keys.
func TestChaosOnRedisPostgresAndVault(t *testing.T) {
	t.Parallel()
	url, harm := harmRedis(t)
	postgres := backend.Postgres(t)
	toPostgres := backend.Proxy(t, postgres.Addr())
	vault := backend.Vault(t)
	toVault := backend.Proxy(t, vault.Addr())
	mount := vault.Transit()
	w := newWorld(t, "redis, postgres and vault", t.TempDir(), append(onRedis(url),
		"RAVEN_AUDIT_BACKEND=postgres", "RAVEN_AUDIT_POSTGRES_URL="+strings.Replace(postgres.URL(), postgres.Addr(), toPostgres.Addr(), 1),
		"RAVEN_KEYS_TENANT_PROVIDER=vault", "RAVEN_KEYS_VAULT_ADDR=http://"+toVault.Addr(), "RAVEN_KEYS_VAULT_MOUNT="+mount,
		"RAVEN_KEYS_VAULT_AUTH_TOKEN="+vault.Token(vault.Policy(backend.VaultRules(mount)), 24*time.Hour, 24*time.Hour), "RAVEN_KEYS_CACHE_TTL=2s")...)
	w.populate(2)
	for _, x := range w.tenants[1:] {
		vault.MakeKey(mount, "raven-"+x.id)
		x.must(t, "PATCH", "/api/v1/tenant", object{"settings": object{"encryption_mode": "tenant"}})
	}
	w.harmNodes()
	harm(w)
	w.harmServer("postgres", postgres)
	w.harmLinks("postgres", toPostgres)
	w.harmServer("vault", vault)
	w.harmLinks("vault", toVault)
	w.prove()
	checkRows(t, postgres.URL(), w)
}

// checkRows looks for every event in Postgres itself, once.
func checkRows(t *testing.T, url string, w *world) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	for _, x := range w.tenants {
		var rows, last, different int
		err := db.QueryRow(t.Context(), `SELECT count(*), max(seq), count(DISTINCT event_id) FROM audit_events
			WHERE tenant_id = $1`, x.id).Scan(&rows, &last, &different)
		if err != nil || rows != x.events || last != rows || different != rows {
			t.Errorf("%s: of %d events Postgres has %d through %d, %d different ones (%v)", x.id, x.events, rows, last, different, err)
		}
	}
}
