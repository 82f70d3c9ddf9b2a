package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/raven-memory/raven/test/backend"
)

const (
	backupPassphrase = "RAVEN_BACKUP_PASSPHRASE=correct horse battery staple"
	backedMemory     = "/api/v1/users/ext:ada/conversations/ext:c1/memory"
)

// backedUp is a deployment with something of everything.
type backedUp struct {
	c     *client
	other *client // another tenant, without users
	id    string
	gone  string // a deleted tenant
	kept  string
}

func fillDeployment(t *testing.T, url string) *backedUp {
	t.Helper()
	b := &backedUp{c: register(t, url, "backed", object{"batch_size": 3}), other: register(t, url, "other", nil)}
	c := b.c
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", object{"display_name": "Ada"})
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:ada/conversations", object{"external_ref": "c1"})
	for i := range 7 {
		c.must(t, http.StatusCreated, "POST", backedMemory, object{"interactions": []object{interaction(fmt.Sprint("Parcel ", i, " went to Porto."))}})
	}
	c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "I live in Lisbon."})
	newClient(url).must(t, http.StatusUnauthorized, "GET", "/api/v1/tenant", nil, "Authorization", "Bearer rvn_nobody")
	deleted := register(t, url, "gone", nil)
	b.id, b.gone = c.id(t), deleted.id(t)
	deleted.must(t, http.StatusAccepted, "DELETE", "/api/v1/tenant?confirm="+b.gone, nil)
	b.kept = fmt.Sprint(c.pages(t, backedMemory))
	return b
}

// at is the same deployment, served elsewhere.
func (b *backedUp) at(url string) *backedUp {
	moved, c, other := *b, *b.c, *b.other
	c.url, other.url = url, url
	moved.c, moved.other = &c, &other
	return &moved
}

// check asks a restored server for all of it, and goes on with it.
func (b *backedUp) check(t *testing.T) {
	t.Helper()
	c := b.c
	if got := fmt.Sprint(c.pages(t, backedMemory)); got != b.kept {
		t.Errorf("restored %v, want %v", got, b.kept)
	}
	if got := c.factTexts(t, ""); len(got) != 1 {
		t.Errorf("facts are %q", got)
	}
	block := c.must(t, http.StatusOK, "POST", "/api/v1/users/ext:ada/context", object{"query": "Where did parcel 4 go?"})
	if !strings.Contains(block.text("context"), "Parcel 4 went to Porto.") {
		t.Errorf("the context is %s", block.text("context"))
	}
	b.other.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil)
	c.must(t, http.StatusCreated, "POST", backedMemory, object{"interactions": []object{interaction("One more.")}})
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:bob", object{})
	newClient(c.url).must(t, http.StatusUnauthorized, "GET", "/api/v1/tenant", nil, "Authorization", "Bearer rvn_nobody")
	if events := c.must(t, http.StatusOK, "GET", auditPath+"?limit=100", nil).list("data"); len(events) < 8 || events[0]["type"] != "user.created" {
		t.Errorf("the audit log is %v", events)
	}
}

// backUp writes a backup of what is configured.
func backUp(t *testing.T, dir string, env []string, args ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "raven.backup")
	out := succeeds(t, dir, append([]string{backupPassphrase}, env...), append([]string{"backup", "--out", file}, args...)...)
	if !strings.Contains(out, "tenants") {
		t.Fatalf("it said %s", out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", info, err)
	}
	return file
}

// refusesRestore restores what can't be, and looks whether anything is left.
func refusesRestore(t *testing.T, file, want string, env ...string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	_, said, code := command(t, dir, append([]string{backupPassphrase}, env...), "restore", "--in", file)
	if code != 1 || !strings.Contains(said, want) {
		t.Errorf("it ended with %d: %s", code, said)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("something is left (%v) after: %s", err, said)
	}
}

func TestBackupAndRestoreSayWhichStoreTheyWorkedOn(t *testing.T) {
	t.Parallel()
	folder, target, env := t.TempDir(), filepath.Join(t.TempDir(), "restored"), []string{backupPassphrase}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"", []string{"tenants", "create", "--name", "Acme", "--email", "dev@acme.example"}},
		{"store in " + filepath.Join(folder, "raven-data") + ":", []string{"backup", "--out", "a.backup"}},
		{"Restored to " + target + " ", []string{"restore", "--in", "a.backup", "--data_dir", target}},
	} {
		out, said, code := commandIn(t, folder, env, c.args...)
		if code != 0 || !strings.Contains(out, c.says) {
			t.Fatalf("%v: exit %d, %s%s", c.args, code, out, said)
		}
	}
}

func TestBackupIsRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	b := fillDeployment(t, s.URL)
	file := backUp(t, dir, nil) // beside the running server
	s.Stop()
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "Porto") {
		t.Fatalf("the file is readable, or not: %v", err)
	}
	if _, said, code := command(t, dir, []string{backupPassphrase}, "backup", "--out", file); code != 1 || !strings.Contains(said, "already") {
		t.Errorf("over a file it ended with %d: %s", code, said)
	}
	if _, said, code := command(t, dir, []string{backupPassphrase}, "restore", "--in", file); code != 1 || !strings.Contains(said, "only where nothing is") {
		t.Errorf("over a store it ended with %d: %s", code, said)
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		stale := t.TempDir() // SQLite would write an old log over what is restored
		if err := os.WriteFile(filepath.Join(stale, "raven.db-wal"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, said, code := command(t, stale, []string{backupPassphrase}, "restore", "--in", file); code != 1 || !strings.Contains(said, "raven.db-wal") {
			t.Errorf("beside an old log it ended with %d: %s", code, said)
		}
		to := filepath.Join(t.TempDir(), "data")
		restoreAndCheck(t, b, to, file)
	})
	t.Run("audit log in Postgres", func(t *testing.T) {
		t.Parallel()
		env := []string{"RAVEN_AUDIT_BACKEND=postgres", "RAVEN_AUDIT_POSTGRES_URL=" + backend.Postgres(t).URL()}
		first := filepath.Join(t.TempDir(), "data")
		restoreAndCheck(t, b, first, file, env...)
		refusesRestore(t, file, "the audit log is not empty", env...)
		again := backUp(t, first, env)
		second := filepath.Join(t.TempDir(), "data")
		succeeds(t, second, []string{backupPassphrase}, "restore", "--in", again)
		if was, is := succeeds(t, first, env, "audit", "verify"), succeeds(t, second, nil, "audit", "verify"); was != is {
			t.Errorf("the log was\n%s and is\n%s", was, is)
		}
	})
	for name, hashed := range map[string]string{"redis": "false", "redis with hashed references": "true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append(onRedis(backend.Redis(t).URL()), "RAVEN_STORE_REDIS_HASH_EXTERNAL_REFS="+hashed)
			to := filepath.Join(t.TempDir(), "data")
			restoreAndCheck(t, b, to, file, env...)
			if _, said, code := command(t, to, append([]string{backupPassphrase}, env...), "restore", "--in", file); code != 1 || !strings.Contains(said, "only where nothing is") {
				t.Errorf("over a store it ended with %d: %s", code, said)
			}
			back := filepath.Join(t.TempDir(), "data") // and from Redis to the embedded store
			onlyTenant := backUp(t, to, env, "--tenant", b.id)
			succeeds(t, back, []string{backupPassphrase}, "restore", "--in", onlyTenant)
			again := start(t, back)
			moved := b.at(again.URL)
			if got := fmt.Sprint(moved.c.pages(t, backedMemory)); !strings.Contains(got, "Parcel 4") || !strings.Contains(got, "One more") {
				t.Errorf("restored %v", got)
			}
			moved.other.must(t, http.StatusUnauthorized, "GET", "/api/v1/tenant", nil)
		})
	}
}

func restoreAndCheck(t *testing.T, b *backedUp, to, file string, env ...string) {
	t.Helper()
	out := succeeds(t, to, append([]string{backupPassphrase}, env...), "restore", "--in", file, "--output", "json")
	if !strings.Contains(out, `"tenants": 2`) || !strings.Contains(out, `"interactions": 7`) {
		t.Errorf("it said %s", out)
	}
	info, err := os.Stat(filepath.Join(to, "platform.keyring"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keyring is %v, %v", info, err)
	}
	s := start(t, to, env...)
	b.at(s.URL).check(t)
	s.Stop()
	verified := succeeds(t, to, env, "audit", "verify")
	for _, log := range []string{b.id, b.gone, "deployment"} {
		if !strings.Contains(verified, log) {
			t.Errorf("%s is not among %s", log, verified)
		}
	}
}

// writing writes until it is stopped.
type writing struct {
	acknowledged          atomic.Int64
	stop, stopped, enough chan struct{}
}

func (w *writing) run(t *testing.T, c *client, path func(n int64) string) {
	defer close(w.stopped)
	for n := int64(1); ; n++ {
		select {
		case <-w.stop:
			return
		default:
		}
		a, err := c.do("POST", path(n), object{"interactions": []object{interaction(fmt.Sprintf("write %d.", n))}})
		if err != nil || a.status != http.StatusCreated {
			t.Errorf("write %d: %d %v", n, a.status, err)
			return
		}
		w.acknowledged.Store(n)
		if n == 100 {
			close(w.enough)
		}
	}
}

func TestBackupHoldsWhatWasAcknowledgedBefore(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{"embedded": nil, "redis": onRedis(backend.Redis(t).URL())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := start(t, dir, append(env, "RAVEN_LIMITS_RATE_PER_MINUTE=0")...)
			c := register(t, s.URL, "busy", object{"batch_size": 5})
			const users = 4
			for u := range users {
				c.must(t, http.StatusCreated, "PUT", fmt.Sprint("/api/v1/users/ext:u", u), object{})
				c.must(t, http.StatusCreated, "POST", fmt.Sprint("/api/v1/users/ext:u", u, "/conversations"), object{"external_ref": "c"})
			}
			memory := func(n int64) string { return fmt.Sprint("/api/v1/users/ext:u", n%users, "/conversations/ext:c/memory") }
			w := writing{stop: make(chan struct{}), stopped: make(chan struct{}), enough: make(chan struct{})}
			go w.run(t, c, memory)
			select {
			case <-w.enough:
			case <-w.stopped:
				t.Fatal("the writer gave up")
			}
			before := w.acknowledged.Load()
			file := backUp(t, dir, env)
			after := w.acknowledged.Load()
			close(w.stop)
			<-w.stopped
			s.Stop()
			to := filepath.Join(t.TempDir(), "data")
			succeeds(t, to, []string{backupPassphrase}, "restore", "--in", file)
			s = start(t, to)
			r := newClient(s.URL)
			r.key = c.key
			var all string
			for u := range int64(users) {
				all += fmt.Sprint(r.pages(t, memory(u)))
			}
			for n := int64(1); n <= before; n++ {
				if strings.Count(all, fmt.Sprintf("write %d.", n)) != 1 {
					t.Errorf("write %d is there %d times", n, strings.Count(all, fmt.Sprintf("write %d.", n)))
				}
			}
			t.Logf("%d writes before, %d while the backup was made", before, after-before)
			succeeds(t, to, nil, "audit", "verify")
		})
	}
}

func TestDamagedBackupIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	fillDeployment(t, s.URL)
	file := backUp(t, dir, nil)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged")
	try := func(changed []byte, want string) {
		t.Helper()
		if err := os.WriteFile(damaged, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		refusesRestore(t, damaged, want)
	}
	for i := 0; i < len(text); i += max(1000, len(text)/20) {
		changed := append([]byte(nil), text...)
		changed[i] ^= 1
		try(changed, "backup")
	}
	for _, n := range []int{0, 30, len(text) / 2, len(text) - 1} {
		try(text[:n], "backup")
	}
	try(append(append([]byte(nil), text...), 0), "does not open")
	refusesRestore(t, file, "does not open", "RAVEN_BACKUP_PASSPHRASE=wrong horse battery staple")
	refusesRestore(t, file+"x", "no such file")

	// Where another keyring is, nothing is touched.
	other := t.TempDir()
	succeeds(t, other, nil, "keyring", "init")
	was, err := os.ReadFile(filepath.Join(other, "platform.keyring"))
	if err != nil {
		t.Fatal(err)
	}
	if _, said, code := command(t, other, []string{backupPassphrase}, "restore", "--in", file); code != 1 || !strings.Contains(said, "another keyring") {
		t.Errorf("beside another keyring it ended with %d: %s", code, said)
	}
	is, err := os.ReadFile(filepath.Join(other, "platform.keyring"))
	entries, _ := os.ReadDir(other)
	if err != nil || !bytes.Equal(is, was) || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestBackupSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "b")
	readable := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(readable, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		want string
	}{
		"no file":        {[]string{backupPassphrase}, []string{"backup"}, 2, "--out is missing"},
		"no passphrase":  {nil, []string{"backup", "--out", file}, 2, "there is no passphrase"},
		"short":          {[]string{"RAVEN_BACKUP_PASSPHRASE=short"}, []string{"backup", "--out", file}, 2, "12 or more"},
		"both":           {[]string{backupPassphrase, "RAVEN_BACKUP_PASSPHRASE_FILE=" + readable}, []string{"restore", "--in", file}, 2, "both set"},
		"format":         {[]string{backupPassphrase}, []string{"restore", "--in", file, "--output", "xml"}, 2, "text or json"},
		"nothing stored": {[]string{"RAVEN_BACKUP_PASSPHRASE_FILE=" + readable}, []string{"backup", "--out", file}, 1, "nothing is stored yet"},
		"no backup":      {[]string{backupPassphrase}, []string{"restore", "--in", readable}, 1, "no backup"},
	} {
		if _, said, code := command(t, dir, c.env, c.args...); code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%s: ended with %d: %s", name, code, said)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}
