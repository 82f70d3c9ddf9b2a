package upgrade

import (
	"bytes"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// binary is today's raven.
var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

// world is a store that holds a fixture, or is going to be one.
type world struct {
	t    *testing.T
	dir  string
	env  []string
	load func(folder string)
	// version is of the store's schema; 0 for none.
	version func() int
	dump    func(to *bytes.Buffer) error
}

// stores opens an empty world for each store there is.
var stores = map[string]func(t *testing.T) world{"sqlite": embedded, "redis": onRedis}

const dataFile = "data.txt"

func embedded(t *testing.T) world {
	w := world{t: t, dir: t.TempDir()}
	open := func() *sql.DB {
		db, err := sql.Open("sqlite", filepath.Join(w.dir, "raven.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	w.load = func(folder string) {
		db := open()
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), string(read(t, filepath.Join(folder, dataFile)))); err != nil {
			t.Fatal(err)
		}
	}
	w.version = func() int {
		db := open()
		defer db.Close()
		version, err := readSchema(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		return version
	}
	w.dump = func(to *bytes.Buffer) error { return dumpSQL(t.Context(), open(), to) }
	return w
}

func onRedis(t *testing.T) world {
	server := backend.Redis(t)
	opt, err := goredis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(opt)
	t.Cleanup(func() { c.Close() })
	w := world{t: t, dir: t.TempDir(), env: []string{"RAVEN_STORE_BACKEND=redis", "RAVEN_STORE_REDIS_URL=" + server.URL()}}
	w.load = func(folder string) {
		if err := loadCommands(t.Context(), c, bytes.NewReader(read(t, filepath.Join(folder, dataFile)))); err != nil {
			t.Fatal(err)
		}
	}
	w.version = func() int {
		version, err := c.HGet(t.Context(), "raven:{deployment}", "schema").Int()
		if err != nil {
			return 0
		}
		return version
	}
	w.dump = func(to *bytes.Buffer) error { return dumpCommands(t.Context(), c, to) }
	return w
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (w world) start(program string) *process.Server {
	w.t.Helper()
	s, err := process.Start(program, w.dir, w.env...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Kill)
	return s
}

// TestEveryEarlierStoreIsTakenOver starts on each fixture, and goes on with what
// it holds.
func TestEveryEarlierStoreIsTakenOver(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/*")
	if err != nil || len(folders) < 4 {
		t.Fatalf("fixtures: %v, %v", folders, err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			store, _, _ := strings.Cut(filepath.Base(folder), "_")
			w := stores[store](t)
			w.load(folder)
			if err := os.WriteFile(filepath.Join(w.dir, "platform.keyring"), read(t, filepath.Join(folder, "platform.keyring")), 0o600); err != nil {
				t.Fatal(err)
			}
			f := readFixture(t, folder)
			s := w.start(binary)
			c := client{t: t, url: s.URL, key: f.Key}
			c.keeps(f)
			c.goesOn()
			if code := s.Stop(); code != 0 {
				t.Errorf("ended with %d: %s", code, s.Log())
			}
			verify := process.Command(binary, []string{"audit", "verify"}, w.dir, w.env...)
			if out, err := verify.CombinedOutput(); err != nil {
				t.Errorf("the audit log: %v %s", err, out)
			}
		})
	}
}

// keeps compares what is there with what the client knows.
func (c client) keeps(f fixture) {
	c.t.Helper()
	for path, want := range f.Answers {
		got := c.must("GET", path, nil)
		if what := lacks(map[string]any(want), map[string]any(withoutTimes(path, got)), path); what != "" {
			c.t.Error(what)
		}
	}
	if !c.finds("Where did parcel 7 go?", "Parcel 7 went to Porto.") || c.finds("to be forgotten", "This is to be forgotten.") {
		c.t.Error("a search finds something else")
	}
	c.until("the audit log to have what happened before", func() bool {
		list, _ := c.must("GET", "/tenant/audit?action=user.created", nil)["data"].([]any)
		return len(list) == 2
	})
}

// goesOn changes what is there.
func (c client) goesOn() {
	c.t.Helper()
	before := c.must("GET", "/users/ext:ada/conversations/ext:c1", nil)["interaction_count"]
	for i := range 5 {
		c.say("c1", fmt.Sprintf("Letter %d went to Faro.", i))
	}
	if after := c.must("GET", "/users/ext:ada/conversations/ext:c1", nil)["interaction_count"]; after != before.(float64)+5 {
		c.t.Errorf("%v interactions, and 5 more, are %v", before, after)
	}
	if !c.finds("letter 3", "Letter 3 went to Faro.") || !c.finds("parcel 3", "Parcel 3 went to Porto.") {
		c.t.Error("what is new and what is old is not found together")
	}
	c.must("POST", "/users/ext:ada/facts", object{"text": "Works at night."})
	c.must("POST", "/tenant/encryption/rotate", nil)
	c.until("the re-encryption", c.reencrypted)
	if !c.finds("parcel 3", "Parcel 3 went to Porto.") {
		c.t.Error("after re-encryption, what is old is not found")
	}
	c.must("DELETE", "/users/ext:bob", nil)
	c.must("DELETE", "/users/ext:ada/conversations/ext:c2", nil)
	usage := c.must("GET", "/tenant/usage", nil)
	users, _ := usage["users"].(map[string]any)
	interactions, _ := usage["interactions"].(map[string]any)
	if users["used"] != 1.0 || interactions["stored"] != 17.0 {
		c.t.Errorf("the usage is %v", usage)
	}
}

// TestTodaysSchemaHasAFixture writes it when it is asked to.
func TestTodaysSchemaHasAFixture(t *testing.T) {
	t.Parallel()
	program := binary
	if earlier := os.Getenv("RAVEN_TEST_BINARY"); earlier != "" {
		program = earlier
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			s := w.start(program)
			if os.Getenv("RAVEN_TEST_UPDATE") == "" {
				s.Stop()
				if _, err := os.Stat(w.folder(name)); err != nil {
					t.Errorf("no fixture holds what this raven writes: see the package's comment (%v)", err)
				}
				return
			}
			f := fill(client{t: t, url: s.URL})
			s.Stop()
			w.write(w.folder(name), f)
		})
	}
}

func (w world) folder(store string) string {
	return fmt.Sprintf("testdata/%s_%04d", store, w.version())
}

// write writes a fixture unless there is one.
func (w world) write(folder string, f fixture) {
	t := w.t
	t.Helper()
	if err := os.Mkdir(folder, 0o755); err != nil {
		if os.IsExist(err) {
			return
		}
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := w.dump(&data); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{dataFile: data.Bytes(), "platform.keyring": read(t, filepath.Join(w.dir, "platform.keyring"))} {
		if err := os.WriteFile(filepath.Join(folder, name), content, fs.FileMode(0o644)); err != nil {
			t.Fatal(err)
		}
	}
	f.write(t, folder)
}
