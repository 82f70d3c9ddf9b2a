package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

type diagnosis struct {
	Failures int
	Findings core.Findings
}

// diagnoses runs raven doctor and holds its exit code against what it found.
func diagnoses(t *testing.T, dir string, env ...string) diagnosis {
	t.Helper()
	out, said, code := command(t, dir, env, "doctor", "--output", "json")
	var d diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("it printed %s and said %s: %v", out, said, err)
	}
	if want := min(d.Failures, 1); code != want {
		t.Errorf("it ended with %d after %d failures", code, d.Failures)
	}
	for _, kv := range env { // no secret is printed
		for _, secret := range []string{"hunter2", "s3cret"} {
			if strings.Contains(kv, secret) && strings.Contains(out+said, secret) {
				t.Errorf("a secret is printed: %s", out)
			}
		}
	}
	for _, f := range d.Findings {
		if f.Level != core.LevelOK && f.Mend == "" {
			t.Errorf("nothing says how to mend %+v", f)
		}
	}
	return d
}

func (d diagnosis) has(t *testing.T, level core.Level, check, detail string) {
	t.Helper()
	for _, f := range d.Findings {
		if f.Level == level && strings.HasPrefix(f.Check, check) && strings.Contains(f.Detail, detail) {
			return
		}
	}
	t.Errorf("no %s of %q with %q in %+v", level, check, detail, d.Findings)
}

func TestDoctorFindsAHealthyServerHealthy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	register(t, s.URL, "well", nil)
	d := diagnoses(t, dir, "RAVEN_HTTP_ADDR="+strings.TrimPrefix(s.URL, "http://"))
	if d.Failures > 0 {
		t.Errorf("found %+v", d.Findings)
	}
	for _, check := range []string{"store: integrity", "store: write-ahead log", "store: schema", "store: file modes", "data_dir", "keys: open the deployment"} {
		d.has(t, core.LevelOK, check, "")
	}
	d.has(t, core.LevelOK, "http.addr", "a server answers")
}

func TestDoctorExaminesTheDefaultDataDirectory(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if _, said, code := commandIn(t, folder, nil, "tenants", "create", "--name", "Acme", "--email", "dev@acme.example"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if out, said, code := commandIn(t, folder, nil, "doctor"); code != 0 || !strings.Contains(out, "every page of the database is whole") {
		t.Errorf("exit %d, %s: %s", code, out, said)
	}
}

func TestDoctorFindsABadEmbeddedSetUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	register(t, s.URL, "ill", nil)
	s.Stop()
	other := t.TempDir()
	start(t, other).Stop()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(dir, 0o755))                            //nolint:gosec // it is what is to be found
	must(os.Chmod(filepath.Join(dir, "raven.db"), 0o644)) //nolint:gosec // it is what is to be found
	database, err := os.OpenFile(filepath.Join(dir, "raven.db"), os.O_RDWR, 0)
	must(err)
	for page := int64(2); page < 30; page++ { // what a bad disk does
		_, err = database.WriteAt(make([]byte, 2000), page*4096)
		must(err)
	}
	must(database.Close())
	keyring, err := filepath.Glob(filepath.Join(other, "*keyring*"))
	if err != nil || len(keyring) != 1 {
		t.Fatalf("the keyring is %v, %v", keyring, err)
	}
	d := diagnoses(t, dir, "RAVEN_KEYS_PLATFORM_KEYRING_FILE="+keyring[0], "RAVEN_WEBHOOKS_ALLOW_NETWORKS=0.0.0.0/0", "RAVEN_HTTP_ADDR=0.0.0.0:0",
		"RAVEN_REGISTRATION_MODE=open", "RAVEN_EMBEDDER_PROVIDER=openai", "RAVEN_EMBEDDER_URL=http://127.0.0.1:1/v1", "RAVEN_EMBEDDER_MODEL=m",
		"RAVEN_EMBEDDER_API_KEY=hunter2hunter2")
	d.has(t, core.LevelFail, "data_dir", "open to others")
	d.has(t, core.LevelFail, "store: file modes", "raven.db")
	d.has(t, core.LevelFail, "store: integrity", "")
	d.has(t, core.LevelFail, "webhooks: allow_networks", "everything")
	d.has(t, core.LevelFail, "embedder", "")
	d.has(t, core.LevelWarn, "registration", "everybody")
}

func TestDoctorFindsTheWrongKeyringAndARefusedConfiguration(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	start(t, dir).Stop()
	start(t, other).Stop()
	keyring, _ := filepath.Glob(filepath.Join(other, "*keyring*"))
	d := diagnoses(t, dir, "RAVEN_KEYS_PLATFORM_KEYRING_FILE="+keyring[0])
	d.has(t, core.LevelFail, "keys: open the deployment", "")
	d = diagnoses(t, dir, "RAVEN_STORE_BACKEND=redis", "RAVEN_HTTP_ADDR=nowhere")
	d.has(t, core.LevelFail, "configuration: http.addr", "")
}

func TestDoctorFindsABadRedis(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t, backend.Set("maxmemory-policy", "allkeys-lru"), backend.Set("appendfsync", "everysec"),
		backend.User("raven", "s3cret", "~tenant:*", "+@all", "-zadd", "-xadd", "+config|get"))
	d := diagnoses(t, t.TempDir(), "RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL="+server.URL(), "RAVEN_STORE_REDIS_WAIT_REPLICAS=2")
	d.has(t, core.LevelFail, "redis: durability", "noeviction")
	d.has(t, core.LevelFail, "redis: replicas", "0")
	d.has(t, core.LevelFail, "redis: permissions", "zadd")
	d.has(t, core.LevelFail, "redis: permissions", "xadd")

	well := backend.Redis(t)
	d = diagnoses(t, t.TempDir(), onRedis(well.URL())...)
	for _, check := range []string{"redis: reachable", "redis: version", "redis: durability", "redis: replicas", "redis: permissions", "redis: clock"} {
		d.has(t, core.LevelOK, check, "")
	}
	d = diagnoses(t, t.TempDir(), "RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL=redis://raven:s3cret@127.0.0.1:1/0")
	d.has(t, core.LevelFail, "redis: reachable", "refused")
}

func TestDoctorFindsWhatPostgresAndVaultLack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := backend.Postgres(t).URL()
	env := []string{"RAVEN_AUDIT_BACKEND=postgres", "RAVEN_AUDIT_POSTGRES_URL=" + url}
	s := start(t, dir, env...)
	register(t, s.URL, "well", nil)
	s.Stop()
	d := diagnoses(t, dir, env...)
	d.has(t, core.LevelOK, "postgres: reachable", "")
	d.has(t, core.LevelOK, "postgres: triggers", "")
	d.has(t, core.LevelOK, "postgres: partitions", "")
	d.has(t, core.LevelWarn, "postgres: role", "change or remove") // it is the owner
	d = diagnoses(t, dir, "RAVEN_AUDIT_BACKEND=postgres", "RAVEN_AUDIT_POSTGRES_URL=postgres://raven:s3cret@127.0.0.1:1/raven")
	d.has(t, core.LevelFail, "postgres: reachable", "")

	v := newVault(t, backend.SharedVault(t))
	d = diagnoses(t, dir, v.env()...)
	d.has(t, core.LevelOK, "vault: reachable", "unsealed")
	d.has(t, core.LevelOK, "vault: login", "")
	d.has(t, core.LevelOK, "vault: policy", "lets Raven use")
	d.has(t, core.LevelWarn, "vault: policy", "read keys") // as the policy of these tests does
	d = diagnoses(t, dir, append(v.env(), "RAVEN_KEYS_VAULT_AUTH_TOKEN="+v.RootToken())...)
	d.has(t, core.LevelFail, "vault: login", "root")
	d = diagnoses(t, dir, append(v.env(), "RAVEN_KEYS_VAULT_AUTH_TOKEN=s.s3cretnotatoken")...)
	d.has(t, core.LevelFail, "vault: login", "")
	d = diagnoses(t, dir, append(v.env(), "RAVEN_KEYS_VAULT_MOUNT=elsewhere")...)
	d.has(t, core.LevelFail, "vault: policy", "")
}
