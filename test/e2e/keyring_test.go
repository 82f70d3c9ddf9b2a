package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

const keyringPassphrase = "RAVEN_KEYS_PLATFORM_PASSPHRASE=correct horse battery staple"

// command runs raven and gives what it printed and its exit code.
func command(t *testing.T, dataDir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return finish(t, process.Command(binary, args, dataDir, env...))
}

// commandIn is command in a folder, with the default data directory.
func commandIn(t *testing.T, folder string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := process.Command(binary, args, "", env...)
	cmd.Dir = folder
	cmd.Env = slices.DeleteFunc(cmd.Env, func(kv string) bool { return kv == "RAVEN_DATA_DIR=" })
	return finish(t, cmd)
}

func finish(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}

// succeeds runs a command that has to exit with 0.
func succeeds(t *testing.T, dataDir string, env []string, args ...string) string {
	t.Helper()
	out, said, code := command(t, dataDir, env, args...)
	if code != 0 {
		t.Fatalf("raven %v: exit %d: %s", args, code, said)
	}
	return out
}

// keyring is what `raven keyring … --output json` prints.
type keyring struct {
	File      string
	Protected bool
	Versions  []struct {
		Version  uint32
		Active   bool
		Check    string
		DataKeys *int `json:"data_keys"`
	}
	Uncounted string
}

func listed(t *testing.T, dataDir string, env []string) keyring {
	t.Helper()
	var k keyring
	if err := json.Unmarshal([]byte(succeeds(t, dataDir, env, "keyring", "list", "--output", "json")), &k); err != nil {
		t.Fatal(err)
	}
	return k
}

// counts are the data keys of each version, in the order of the list.
func (k keyring) counts() (list []int) {
	for _, v := range k.Versions {
		if v.DataKeys == nil {
			return nil
		}
		list = append(list, *v.DataKeys)
	}
	return list
}

// TestKeyringRotatesAndDataStaysReadable adds a version, rewraps, and drops the
// old one; what was written before and between is read after each restart.
func TestKeyringRotatesAndDataStaysReadable(t *testing.T) {
	t.Parallel()
	rotateKeyring(t)
}

func TestKeyringRotatesOnRedis(t *testing.T) {
	t.Parallel()
	rotateKeyring(t, onRedis(backend.Redis(t).URL())...)
}

func rotateKeyring(t *testing.T, env ...string) {
	dir := t.TempDir()
	server := start(t, dir, env...)
	c := register(t, server.URL, "rotating", object{"batch_size": 2})
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", nil)
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:u/conversations", object{"external_ref": "c"})
	const memory = "/api/v1/users/ext:u/conversations/ext:c/memory"
	var written []string
	life := func() {
		t.Helper()
		text := "life " + strings.Repeat("I", len(written)+1)
		c.must(t, http.StatusCreated, "POST", memory, object{"interactions": []object{interaction(text)}})
		written = append(written, text)
		var read []string
		for _, item := range c.pages(t, memory) {
			read = append(read, item["content"].(string))
		}
		if strings.Join(read, ",") != strings.Join(written, ",") {
			t.Fatalf("read %q, want %q", read, written)
		}
	}
	restart := func() {
		t.Helper()
		server = start(t, dir, env...)
		c.url = server.URL
		life()
		server.Stop()
	}
	life()
	server.Stop()
	succeeds(t, dir, env, "keyring", "add")
	if k := listed(t, dir, env); len(k.Versions) != 2 || !k.Versions[0].Active || k.Versions[0].Version != 2 || k.Versions[1].Active {
		t.Fatalf("after add: %+v", k)
	} else if n := k.counts(); len(n) != 2 || n[0] != 0 || n[1] < 2 {
		t.Fatalf("data keys %v; want none under the new version", n)
	}
	restart()
	if _, said, code := command(t, dir, env, "keyring", "drop", "1"); code != 1 || !strings.Contains(said, "are wrapped by it") {
		t.Errorf("a version that is needed was dropped: exit %d, %s", code, said)
	}
	before := listed(t, dir, env).counts()
	out := succeeds(t, dir, env, "keyring", "rewrap")
	after := listed(t, dir, env).counts()
	if after[1] != 0 || after[0] != before[0]+before[1] {
		t.Fatalf("data keys were %v and are %v; said %q", before, after, out)
	}
	restart()
	succeeds(t, dir, env, "keyring", "drop", "1")
	restart()
	if k := listed(t, dir, env); len(k.Versions) != 1 || k.Versions[0].Version != 2 {
		t.Errorf("after the drop: %+v", k)
	}
}

func TestProtectedKeyringServesByItsPassphraseAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{keyringPassphrase}
	succeeds(t, dir, env, "keyring", "init", "--passphrase")
	server := start(t, dir, env...)
	c := register(t, server.URL, "protected", nil)
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:u", object{"display_name": "Ada"})
	server.Stop()
	succeeds(t, dir, env, "keyring", "add")
	server = start(t, dir, env...)
	c.url = server.URL
	if got := c.must(t, http.StatusOK, "GET", "/api/v1/users/ext:u", nil); got.text("display_name") != "Ada" {
		t.Errorf("got %s", got.raw)
	}
	file, err := os.ReadFile(filepath.Join(dir, "platform.keyring"))
	if err != nil || !bytes.HasPrefix(file, []byte("raven-keyring 1\nargon2id t=3 m=65536 p=4 salt=")) {
		t.Errorf("the file is %q, %v", file, err)
	}
	passFile := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(passFile, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := listed(t, dir, []string{"RAVEN_KEYS_PLATFORM_PASSPHRASE_FILE=" + passFile})
	if !k.Protected || len(k.Versions) != 2 || len(k.counts()) != 2 {
		t.Errorf("the list beside a server: %+v", k)
	}
	server.Stop()
	for name, wrong := range map[string][]string{
		"passphrase is wrong":        {"RAVEN_KEYS_PLATFORM_PASSPHRASE=another one altogether"},
		"protected by a passphrase;": nil,
	} {
		_, said, code := command(t, dir, wrong, "keyring", "list")
		if code != 1 || !strings.Contains(said, name) {
			t.Errorf("exit %d: %s", code, said)
		}
		if _, err := tryStart(t, dir, wrong...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a server started: %v", err)
		}
	}
}

// TestNoKeyringIsMadeBesideData takes the keyring away, or does not give it to a
// second node: one that is made then would look like it and open nothing.
func TestNoKeyringIsMadeBesideData(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{"embedded": nil, "redis": onRedis(backend.Redis(t).URL())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			start(t, dir, env...).Stop()
			path := filepath.Join(dir, "platform.keyring")
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			_, err := tryStart(t, dir, env...)
			if err == nil || !strings.Contains(err.Error(), "there is no keyring at "+path) {
				t.Errorf("it started, or said: %v", err)
			}
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				t.Errorf("a keyring is left: %v", err)
			}
			diagnoses(t, dir, env...).has(t, core.LevelFail, "keyring", "there is no keyring at "+path)
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			start(t, dir, env...)
		})
	}
}

func TestKeyringCommandsRefuseWhatTheyMust(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inline := []string{"RAVEN_KEYS_PLATFORM_KEYRING=1:vm4fz16+pDMoLeWZKV2k1DM9N4s4hmIjSZHvvojHQfI="}
	refused := func(want int, says string, env []string, args ...string) {
		t.Helper()
		out, said, code := command(t, dir, env, append([]string{"keyring"}, args...)...)
		if code != want || !strings.Contains(said, says) || out != "" {
			t.Errorf("%v: exit %d, %q, %q", args, code, out, said)
		}
	}
	refused(1, "no such file", nil, "list")
	refused(1, "no such file", nil, "add")
	refused(1, "nothing is stored yet", nil, "rewrap")
	refused(2, "RAVEN_KEYS_PLATFORM_PASSPHRASE", nil, "init", "--passphrase")
	refused(1, "12 or more", []string{"RAVEN_KEYS_PLATFORM_PASSPHRASE=short"}, "init", "--passphrase")
	refused(2, "only you can change it there", inline, "init")
	refused(2, "only you can change it there", inline, "add")
	refused(2, "text or json", nil, "list", "--output", "xml")
	refused(2, "unknown command", nil, "destroy")
	refused(2, "VERSION is missing", nil, "drop")
	refused(2, "not a version", nil, "drop", "one")
	refused(1, "no such file", nil, "drop", "1")
	refused(2, "unknown command", nil, "list", "extra")
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("refused commands left %v", list)
	}
	succeeds(t, dir, nil, "keyring", "init")
	refused(1, "already; it was not touched", nil, "init")
	start(t, dir)
	refused(1, "no server runs on it", nil, "rewrap")
	refused(1, "the active one", nil, "drop", "1")
	if out := succeeds(t, dir, nil, "keyring", "list"); strings.Contains(out, "?") || !strings.Contains(out, "active") {
		t.Errorf("the list beside a server: %s", out)
	}
}
