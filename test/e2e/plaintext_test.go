package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestNoPlaintextAtRestOrInLogs writes canaries in every field that a person
// fills in, kills the server in the middle, goes on, and looks through every
// byte of the data directory and the logs.
func TestNoPlaintextAtRestOrInLogs(t *testing.T) {
	t.Parallel()
	c := canaries{
		"content": "Kanarienvogel-Inhalt-7131", "content in a blob": "Kanarienvogel-Block-9241", "name": "Kanarienvogel-Name-3351",
		"interaction metadata": "Kanarienvogel-Meta-5461", "external reference": "kanarienvogel-ref-1571",
		"display name": "Kanarienvogel-Anzeige-2681", "user metadata": "Kanarienvogel-Nutzer-6791",
		"title": "Kanarienvogel-Titel-8801", "conversation reference": "kanarienvogel-cref-4911",
		"tenant name": "Kanarienvogel-Mandant-1021", "email": "kanarienvogel-1131@example.com",
		"key name": "Kanarienvogel-Schluessel-2241", "query": "Kanarienvogel-Frage-3351b", "webhook": "kanarienvogel-4461.example.com",
	}
	dir := t.TempDir()
	s := start(t, dir, "RAVEN_LOG_LEVEL=debug")
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

	fill(t, owner, c)
	segment(t, owner, c, dir)
	s.Kill()
	first := s.Log()
	s = start(t, dir, "RAVEN_LOG_LEVEL=debug")
	owner.url = s.URL
	read := owner.pages(t, "/api/v1/users/ext:"+c["external reference"]+"/conversations/ext:"+c["conversation reference"]+"/memory")
	if len(read) != 5 {
		t.Errorf("%d interactions are there after the kill, want 5", len(read))
	}
	scan(t, dir, c)
	s.Stop()
	scan(t, dir, c)
	for _, text := range []string{first, s.Log()} {
		if names := c.find([]byte(text)); len(names) > 0 {
			t.Errorf("the log holds %v", names)
		}
	}
}

func fill(t *testing.T, owner *client, c canaries) {
	t.Helper()
	owner.must(t, http.StatusCreated, "POST", "/api/v1/users", object{
		"external_ref": c["external reference"], "display_name": c["display name"], "metadata": object{"k": c["user metadata"]},
	}, "Idempotency-Key", "user")
	user := "/api/v1/users/ext:" + c["external reference"]
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
func segment(t *testing.T, owner *client, c canaries, dir string) {
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
		err := eachFile(dir, func(_ string, raw []byte) { found = found || bytes.Contains(raw, []byte("der_0")) })
		return found && err == nil
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
	files, size := 0, 0
	err := eachFile(dir, func(name string, raw []byte) {
		files, size = files+1, size+len(raw)
		if names := c.find(raw); len(names) > 0 {
			t.Errorf("%s holds %v", name, names)
		}
	})
	if err != nil || files == 0 || size == 0 {
		t.Errorf("scanned %d files of %d bytes: %v", files, size, err)
	}
	t.Logf("%d files, %d bytes, %d canaries in %d spellings each: none found", files, size, len(c), len(spellings("x-canary")))
}

// eachFile reads what is in a directory and below.
func eachFile(dir string, use func(name string, raw []byte)) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			use(d.Name(), raw)
		}
		return err
	})
}
