package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/test/backend"
)

// canaries are strings that must be nowhere but in answers to their tenant.
type canaries map[string]string

// spellings are the forms in which a text could lie about.
func spellings(s string) [][]byte {
	quoted, _ := json.Marshal(s)
	forms := [][]byte{
		[]byte(s), []byte(strings.ToLower(s)), []byte(strings.ToUpper(s)),
		[]byte(hex.EncodeToString([]byte(s))), []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))),
		bytes.Trim(quoted, `"`),
	}
	for offset := range 3 { // base64 reads differently at each offset in its text
		enc := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + s))
		forms = append(forms, []byte(enc[4:len(enc)-3]))
	}
	var utf16 []byte
	for _, c := range s {
		utf16 = append(utf16, byte(c), byte(c>>8))
	}
	return append(forms, utf16)
}

// find names the canaries in b.
func (c canaries) find(b []byte) (names []string) {
	for name, text := range c {
		for _, form := range spellings(text) {
			if bytes.Contains(b, form) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

func TestScanFindsACanaryInEverySpelling(t *testing.T) {
	t.Parallel()
	c := canaries{"content": "Zyx-Canary-äöü-12345"}
	for _, form := range spellings(c["content"]) {
		if len(c.find(append(append([]byte("before "), form...), " after"...))) == 0 {
			t.Errorf("%q is not found", form)
		}
	}
	if found := c.find([]byte("nothing of it")); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// keeper is where a deployment keeps anything: files below a directory, and a log.
type keeper struct {
	name string
	dir  string // "" for none
	log  func() string
	mark string // what lies there in the clear, so that who scans sees that it looks at the right place
}

// keepers are those of a deployment, with its settings, and what has to be done
// before its files are looked at.
type keepers struct {
	list   []*keeper
	env    []string
	vault  *vault // nil where there is none
	settle func(t *testing.T)
}

// embedded keeps everything in the data directory.
func embedded(*testing.T) keepers { return keepers{settle: func(*testing.T) {}} }

// everywhere keeps memory in Redis, which writes snapshots as well as its log, the
// audit log in Postgres, and a key in Vault.
func everywhere(t *testing.T) keepers {
	t.Helper()
	r := backend.Redis(t, backend.RedisHere, backend.Set("rdbcompression", "no"), backend.Set("dbfilename", "dump.rdb"))
	p := backend.Postgres(t, backend.PostgresHere)
	v := newVault(t, backend.Vault(t, backend.VaultHere))
	k := keepers{vault: v, list: []*keeper{
		{name: "Redis", dir: r.Dir(), log: r.Logs}, {name: "Postgres", dir: p.Dir(), log: p.Logs}, {name: "Vault", dir: v.Dir(), log: v.Logs, mark: "raven-ten_"},
	}}
	k.env = append(onRedis(r.URL()), v.env("RAVEN_STORE_REDIS_HASH_EXTERNAL_REFS=true",
		"RAVEN_AUDIT_BACKEND=postgres", "RAVEN_AUDIT_POSTGRES_URL="+p.URL())...)
	k.settle = func(t *testing.T) {
		if err := dialRedis(t, r.URL()).Save(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), p.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		awaitEvents(t, conn)
		if _, err := conn.Exec(t.Context(), "CHECKPOINT"); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// awaitEvents waits until the audit log holds any. A server that was killed may
// leave the lease of it, which has to run out first.
func awaitEvents(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for end := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		var there bool
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM audit_events)").Scan(&there)
		if there {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the audit log holds no event (%v)", err)
		}
	}
}

// TestNoPlaintextAtRestOrInLogs writes canaries in every field that a person
// fills in, kills the server in the middle, goes on, and looks through every
// byte of every store, of what lies in the folder for temporary files, and of
// the logs of all servers. Data keys are canaries too.
func TestNoPlaintextAtRestOrInLogs(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) keepers{"embedded": embedded, "Redis, Postgres and Vault": everywhere} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			noPlaintext(t, open(t))
		})
	}
}

func noPlaintext(t *testing.T, k keepers) {
	c := canaries{
		"content": "Kanarienvogel-Inhalt-7131", "content in a blob": "Kanarienvogel-Block-9241", "name": "Kanarienvogel-Name-3351",
		"interaction metadata": "Kanarienvogel-Meta-5461", "external reference": "kanarienvogel-ref-1571",
		"display name": "Kanarienvogel-Anzeige-2681", "user metadata": "Kanarienvogel-Nutzer-6791",
		"title": "Kanarienvogel-Titel-8801", "conversation reference": "kanarienvogel-cref-4911",
		"tenant name": "Kanarienvogel-Mandant-1021", "email": "kanarienvogel-1131@example.com",
		"key name": "Kanarienvogel-Schluessel-2241", "query": "Kanarienvogel-Frage-3351b", "webhook": "kanarienvogel-4461.example.com",
		"fact": "Kanarienvogel-Tatsache-5571",
	}
	dir, temp := t.TempDir(), t.TempDir()
	env := append([]string{"RAVEN_LOG_LEVEL=debug", "RAVEN_AUDIT_READS=true", "TMPDIR=" + temp}, k.env...)
	s := start(t, dir, env...)
	owner := newClient(s.URL)
	a := owner.must(t, http.StatusCreated, "POST", "/api/v1/tenants", object{
		"name": c["tenant name"], "email": c["email"],
		"settings": object{"batch_size": 3, "webhook_url": "https://" + c["webhook"] + "/hook"},
	}, "Idempotency-Key", "register")
	key, _ := a.body["api_key"].(map[string]any)
	owner.key, _ = key["key"].(string)
	c["API key"] = owner.key
	second := owner.must(t, http.StatusCreated, "POST", "/api/v1/tenant/keys",
		object{"name": c["key name"], "scopes": "agent_only"}, "Idempotency-Key", "key")
	c["second API key"] = second.text("key")
	c["webhook secret"] = strings.TrimPrefix(owner.must(t, http.StatusCreated, "POST", "/api/v1/tenant/webhook/secret", nil, "Idempotency-Key", "secret").text("secret"), "whsec_")
	if k.vault != nil {
		k.vault.MakeKey(k.vault.mount, keyOf(t, owner))
		owner.must(t, http.StatusOK, "PATCH", "/api/v1/tenant", object{"settings": object{"encryption_mode": "tenant"}})
	}

	tenant := owner.must(t, http.StatusOK, "GET", "/api/v1/tenant", nil).text("id")
	k.list = append(k.list, &keeper{name: "the data directory", dir: dir, log: func() string { return "" }}, &keeper{name: "temporary files", dir: temp, log: s.Log})
	for _, one := range k.list {
		switch {
		case one.dir == "":
			t.Fatalf("the files of %s are out of reach", one.name)
		case k.vault == nil && one.dir == dir, one.name == "Redis", one.name == "Postgres":
			one.mark = tenant
		}
	}
	fill(t, owner, c)
	segment(t, owner, c, k.list)
	s.Kill()
	first := s.Log()
	s = start(t, dir, env...)
	owner.url = s.URL
	read := owner.pages(t, "/api/v1/users/ext:"+c["external reference"]+"/conversations/ext:"+c["conversation reference"]+"/memory")
	if len(read) != 5 {
		t.Errorf("%d interactions are there after the kill, want 5", len(read))
	}
	k.scan(t, c)
	s.Stop()
	k.addDataKeys(t, c, dir)
	k.scan(t, c)
	for _, text := range []string{first, s.Log()} {
		if names := c.find([]byte(text)); len(names) > 0 {
			t.Errorf("the log holds %v", names)
		}
	}
}

// addDataKeys makes every data key a canary.
func (k keepers) addDataKeys(t *testing.T, c canaries, dir string) {
	t.Helper()
	d := &deployment{dir: dir, vault: k.vault}
	for _, kv := range k.env {
		if url, ok := strings.CutPrefix(kv, "RAVEN_STORE_REDIS_URL="); ok {
			d.redis = url
		}
	}
	for _, key := range d.keys(t).keys {
		c[key.what+" of "+string(key.owner)] = string(key.secret)
	}
}

// scan looks through the files and logs of all.
func (k keepers) scan(t *testing.T, c canaries) {
	t.Helper()
	k.settle(t)
	for _, one := range k.list {
		scanMarked(t, one.name, one.dir, one.mark, c)
		if names := c.find([]byte(one.log())); len(names) > 0 {
			t.Errorf("the log of %s holds %v", one.name, names)
		}
	}
}

func fill(t *testing.T, owner *client, c canaries) {
	t.Helper()
	owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{
		"external_ref": c["external reference"], "display_name": c["display name"], "metadata": object{"k": c["user metadata"]},
	}, "Idempotency-Key", "user")
	user := "/api/v1/users/ext:" + c["external reference"]
	owner.must(t, http.StatusCreated, "POST", user+"/facts", object{"text": c["fact"]}, "Idempotency-Key", "fact")
	owner.must(t, http.StatusCreated, "POST", user+"/conversations", object{
		"external_ref": c["conversation reference"], "title": c["title"],
	}, "Idempotency-Key", "conversation")
	memory := user + "/conversations/ext:" + c["conversation reference"] + "/memory"
	owner.must(t, http.StatusCreated, "POST", memory, object{"interactions": []object{
		{"role": "user", "name": c["name"], "content": c["content in a blob"], "metadata": object{"k": c["interaction metadata"]}},
		interaction(c["content in a blob"] + " again"), interaction("third"), interaction(c["content"]),
	}}, "Idempotency-Key", "memory")
	owner.must(t, http.StatusCreated, "POST", memory, object{
		"interactions": []object{interaction(c["content"] + " more")}, "context": object{"query": c["query"]},
	}, "Idempotency-Key", "memory-and-context")
	found := owner.must(t, http.StatusOK, "POST", user+"/memory/search", object{"query": c["content"]})
	if len(found.list("data")) == 0 {
		t.Error("what was ingested is not found")
	}
	// Refused requests carry secrets too.
	owner.must(t, http.StatusUnprocessableEntity, "POST", memory, object{"interactions": []object{{"role": c["name"], "content": c["content"]}}})
	owner.must(t, http.StatusNotFound, "GET", user+"/conversations/ext:"+c["title"], nil)
	stranger := *owner
	stranger.key = owner.key[:len(owner.key)-1] + "!"
	stranger.must(t, http.StatusUnauthorized, "GET", user, nil)
}

// segment has so much remembered that a segment of the index is written, and
// waits until its id is there.
func segment(t *testing.T, owner *client, c canaries, in []*keeper) {
	t.Helper()
	user := "/api/v1/users/ext:" + c["external reference"]
	owner.must(t, http.StatusCreated, "POST", user+"/conversations", object{"external_ref": "long"})
	var list []object
	for range 200 {
		list = append(list, object{
			"role": "user", "name": c["name"], "content": c["content in a blob"] + " " + c["content"],
			"metadata": object{"k": c["interaction metadata"]},
		})
	}
	written := func() bool {
		found := false
		for _, k := range in {
			_ = eachFile(k.dir, func(_ string, raw []byte) { found = found || bytes.Contains(raw, []byte("der_0")) })
		}
		return found
	}
	for range 6 { // one that a busy machine has no time for is not written before there is more
		for range 2 {
			owner.must(t, http.StatusCreated, "POST", user+"/conversations/ext:long/memory", object{"interactions": list})
		}
		owner.must(t, http.StatusOK, "POST", user+"/memory/search", object{"query": c["content"]})
		for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if written() {
				return
			}
		}
	}
	t.Fatal("no segment of the index was written")
}

func scan(t *testing.T, dir string, c canaries) {
	t.Helper()
	scanMarked(t, "the data directory", dir, "", c)
}

// scanMarked looks through what is in a directory, where the mark must be found.
func scanMarked(t *testing.T, name, dir, mark string, c canaries) {
	t.Helper()
	files, size, marked := 0, 0, mark == ""
	err := eachFile(dir, func(path string, raw []byte) {
		files, size = files+1, size+len(raw)
		marked = marked || bytes.Contains(raw, []byte(mark)) || strings.Contains(path, mark)
		if names := c.find(append([]byte(path+"\n"), raw...)); len(names) > 0 {
			t.Errorf("%s: %s holds %v", name, path, names)
		}
	})
	if err != nil || !marked {
		t.Errorf("%s: %d files of %d bytes were read, %q found: %v; %v", name, files, size, mark, marked, err)
	}
	t.Logf("%s: %d files, %d bytes, %d canaries in %d spellings each: none found", name, files, size, len(c), len(spellings("x-canary")))
}

// eachFile reads what is in a directory and below.
func eachFile(dir string, use func(name string, raw []byte)) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a server that runs took it away
		}
		if err == nil {
			use(path, raw)
		}
		return err
	})
}
