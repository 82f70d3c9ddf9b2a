package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// importing is the environment of raven import.
func (c *client) importing() []string {
	return []string{"RAVEN_URL=" + c.url, "RAVEN_API_KEY=" + c.key}
}

type imported struct {
	Users, Conversations, Interactions, Facts, Bad int
	There                                          int `json:"there_already"`
}

func (c *client) imports(t *testing.T, format, text string, args ...string) imported {
	t.Helper()
	file := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return asJSON[imported](t, t.TempDir(), c.importing(), append([]string{"import", "--format", format, "--in", file}, args...)...)
}

// exported is a user's export, with new names for ids and for the times at which
// the server itself did something.
func (c *client) exported(t *testing.T, user string) string {
	t.Helper()
	a := c.must(t, http.StatusOK, "GET", "/api/v1/users/"+user+"/export", nil)
	names := map[string]string{}
	ids := regexp.MustCompile(`"(usr|cnv|int|blob|fact)_[0-9a-z]{26}"`)
	var lines []string
	for line := range strings.Lines(string(a.raw)) {
		var o map[string]object
		_ = json.Unmarshal([]byte(line), &o)
		for kind, value := range o {
			for _, when := range []string{"created_at", "updated_at", "closed_at", "blob_id"} {
				if value[when] != nil {
					value[when] = "set"
				}
			}
			o[kind] = value
		}
		if o == nil {
			o = map[string]object{}
		}
		text, _ := json.Marshal(o)
		lines = append(lines, string(ids.ReplaceAllFunc(text, func(id []byte) []byte {
			if names[string(id)] == "" {
				names[string(id)] = fmt.Sprintf(`"id %d"`, len(names))
			}
			return []byte(names[string(id)])
		})))
	}
	// Facts are listed by arrival, which an import may turn round.
	return strings.Join(lines, "\n")
}

// fillUser gives a user something of everything that an export holds.
func (c *client) fillUser(t *testing.T) {
	t.Helper()
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", object{"display_name": "Ada", "metadata": object{"plan": "pro", "n": 1.5}})
	for _, ref := range []string{"c1", "c2"} {
		c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:ada/conversations", object{"external_ref": ref, "title": "Talk " + ref, "metadata": object{"ref": ref}})
	}
	path := "/api/v1/users/ext:ada/conversations/ext:%s/memory"
	said := c.must(t, http.StatusCreated, "POST", fmt.Sprintf(path, "c1"), object{"interactions": []object{
		{"role": "user", "name": "Ada", "content": "I live in Lisbon.", "occurred_at": "2024-01-02T03:04:05.678Z", "metadata": object{"mood": "fine"}},
		{"role": "assistant", "content": "Noted.", "occurred_at": "2024-01-02T03:04:06Z"},
		{"role": "assistant", "content": "Noted.", "occurred_at": "2024-01-02T03:04:06Z"},
		{"role": "user", "name": "Ada", "content": "I moved to Oslo.", "occurred_at": "2024-05-01T00:00:00Z"},
	}})
	c.must(t, http.StatusCreated, "POST", fmt.Sprintf(path, "c2"), object{"interactions": []object{{"role": "tool", "content": "{\"ok\": true}"}}})
	for deadline := time.Now().Add(patience); len(c.factTexts(t, "?include=superseded")) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the facts are %q", c.factTexts(t, "?include=superseded"))
		}
	}
	ids, _ := said.body["interaction_ids"].([]any)
	made := c.must(t, http.StatusCreated, "POST", factsOfAda, object{
		"text": "Prefers short answers", "valid_from": "2023-03-03T00:00:00Z", "source": object{"conversation_id": c.must(t, http.StatusOK, "GET", "/api/v1/users/ext:ada/conversations/ext:c1", nil).text("id"), "interaction_id": ids[1]},
	})
	c.must(t, http.StatusOK, "PATCH", factsOfAda+"/"+made.text("id"), object{"valid_to": "2024-04-04T00:00:00Z"})
	c.must(t, http.StatusCreated, "POST", factsOfAda, object{"text": "Bob is her manager.", "subject": "Bob", "attribute": "manages", "value": "Ada"})
	c.must(t, http.StatusOK, "PATCH", "/api/v1/users/ext:ada/conversations/ext:c1", object{"status": "closed"})
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines { // whose names depend on the order
		lines[i] = regexp.MustCompile(`"id \d+"`).ReplaceAllString(line, `"id"`)
	}
	rest := lines[:0:0]
	var facts []string
	for _, line := range lines {
		if strings.Contains(line, `"fact":{`) {
			facts = append(facts, line)
		} else {
			rest = append(rest, line)
		}
	}
	for i := range facts {
		for j := i + 1; j < len(facts); j++ {
			if facts[j] < facts[i] {
				facts[i], facts[j] = facts[j], facts[i]
			}
		}
	}
	return strings.Join(append(rest, facts...), "\n")
}

func TestExportIsImportedWithoutLoss(t *testing.T) {
	t.Parallel()
	from, to := start(t, t.TempDir()), start(t, t.TempDir())
	old := register(t, from.URL, "old", nil)
	old.fillUser(t)
	export := string(old.must(t, http.StatusOK, "GET", "/api/v1/users/ext:ada/export", nil).raw)
	c := register(t, to.URL, "new", nil)
	got := c.imports(t, "raven", export)
	if got.Users != 1 || got.Conversations != 2 || got.Interactions != 5 || got.Facts != 4 || got.There != 0 {
		t.Errorf("imported %+v", got)
	}
	was, is := sorted(old.exported(t, "ext:ada")), sorted(c.exported(t, "ext:ada"))
	if was != is {
		t.Errorf("it was\n%s\nand is\n%s", was, is)
	}
	if again := c.imports(t, "raven", export); again != (imported{There: 9}) {
		t.Errorf("again it imported %+v", again)
	}
	if now := sorted(c.exported(t, "ext:ada")); now != is {
		t.Errorf("after another run it is\n%s", now)
	}
}

// TestExportThatWasCutIsImportedByAnotherRun cuts an export after each of its
// lines, and takes in the part and then the whole.
func TestExportThatWasCutIsImportedByAnotherRun(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	old := register(t, s.URL, "old", nil)
	old.fillUser(t)
	export := string(old.must(t, http.StatusOK, "GET", "/api/v1/users/ext:ada/export", nil).raw)
	was := sorted(old.exported(t, "ext:ada"))
	lines := strings.SplitAfter(strings.TrimSuffix(export, "\n"), "\n")
	for n := 1; n < len(lines); n++ {
		c := register(t, s.URL, "new", nil)
		file := filepath.Join(t.TempDir(), "export")
		if err := os.WriteFile(file, []byte(strings.Join(lines[:n], "")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, said, code := command(t, t.TempDir(), c.importing(), "import", "--format", "raven", "--in", file); code != 1 {
			t.Errorf("an export cut after line %d ended with %d: %s", n, code, said)
		}
		c.imports(t, "raven", export)
		if is := sorted(c.exported(t, "ext:ada")); is != was {
			t.Errorf("cut after line %d it was\n%s\nand is\n%s", n, was, is)
		}
	}
}

func TestImportCutShortGoesOnAndDoublesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_LIMITS_RATE_PER_MINUTE=0")
	c := register(t, s.URL, "cut", object{"max_conversations_per_user": 1000})
	const conversations, each = 40, 50
	var lines bytes.Buffer
	for n := range each {
		for conversation := range conversations { // all of them under way at once
			fmt.Fprintf(&lines, `{"user":"ada","conversation":"c%d","role":"user","content":"Message %d of %d."}`+"\n", conversation, n, conversation)
			if n%10 == 0 { // some say the same twice
				fmt.Fprintf(&lines, `{"user":"ada","conversation":"c%d","role":"assistant","content":"Yes."}`+"\n", conversation)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	total := strings.Count(lines.String(), "\n")
	stored := func() int {
		usage := c.must(t, http.StatusOK, "GET", "/api/v1/tenant/usage", nil)
		all, _ := usage.body["interactions"].(map[string]any)
		n, _ := all["stored"].(float64)
		return int(n)
	}
	for kill := 1; kill <= 3; kill++ {
		cmd := process.Command(binary, []string{"import", "--format", "jsonl", "--in", file}, t.TempDir(), c.importing()...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := stored()
		for deadline := time.Now().Add(patience); stored() < min(before+200, total); {
			if time.Now().After(deadline) {
				t.Fatal("it takes nothing in")
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	succeeds(t, t.TempDir(), c.importing(), "import", "--format", "jsonl", "--in", file)
	if got := stored(); got != total {
		t.Errorf("%d are stored, want %d", got, total)
	}
	for _, conversation := range []int{0, 7, conversations - 1} {
		n := 0
		for _, in := range c.pages(t, fmt.Sprintf("/api/v1/users/ext:ada/conversations/ext:c%d/memory", conversation)) {
			if want := fmt.Sprintf("Message %d of %d.", n, conversation); in["content"] == want {
				n++
			} else if in["content"] != "Yes." {
				t.Fatalf("conversation %d has %q where %q is due", conversation, in["content"], want)
			}
		}
		if n != each {
			t.Errorf("conversation %d has %d of them", conversation, n)
		}
	}
}

func TestImportSaysWhichLinesAreBad(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_LIMITS_RATE_PER_MINUTE=60") // it has to wait for the server, too
	c := register(t, s.URL, "bad", nil)
	text := `{"user":"ada","conversation":"c","role":"user","content":"one"}
{"user":"ada","conversation":"c","role":"user"}
{"user":"ada","conversation":"c","role":"user","content":"two","metadata":{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}}
not JSON
{"user":"ada","conversation":"c","role":"user","content":"three"}
`
	file := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, said, code := command(t, t.TempDir(), c.importing(), "import", "--format", "jsonl", "--in", file); code != 1 || !strings.Contains(said, "line 2: content is missing") {
		t.Errorf("it ended with %d: %s", code, said)
	}
	out, said, code := command(t, t.TempDir(), c.importing(), "import", "--format", "jsonl", "--in", file, "--skip-bad", "--output", "json")
	var got imported
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Bad != 3 || got.Interactions+got.There != 2 {
		t.Errorf("it ended with %d and %+v: %s", code, got, said)
	}
	for _, want := range []string{"line 2: content is missing", "line 3: ", "metadata", "line 4: "} {
		if !strings.Contains(said, want) {
			t.Errorf("it did not say %q: %s", want, said)
		}
	}
}

func TestImportOfAnotherFormatFails(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	c := register(t, s.URL, "formats", nil)
	file := filepath.Join(t.TempDir(), "export")
	for _, text := range []string{`{"results":[{"id":"1","memory":"I live in Rome.","user_id":"ada","metadata":{"a":1}}]}`, `{"results":[]}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, said, code := command(t, t.TempDir(), c.importing(), "import", "--format", "zep", "--in", file); code != 1 || !strings.Contains(said, "holds none as --format zep has them") {
			t.Errorf("%s: it ended with %d, %s: %s", text, code, out, said)
		}
	}
}

func TestImportRefusesWhatIsNoServersURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"localhost:3000", "htp://localhost:3000", "http://", "http://localhost:3000/api/v1", "http://localhost:3000?a=b", "http://local host"} {
		_, said, code := command(t, t.TempDir(), []string{"RAVEN_URL=" + url, "RAVEN_API_KEY=rk_live_x"}, "import", "--format", "jsonl", "--in", os.DevNull)
		if code != 2 || !strings.Contains(said, "RAVEN_URL") || !strings.Contains(said, "allowed: an http:// or https:// URL without a path") {
			t.Errorf("%s: it ended with %d: %s", url, code, said)
		}
	}
}

func TestImportSaysThatItWaitsForTheServer(t *testing.T) {
	t.Parallel()
	env := []string{"RAVEN_URL=http://127.0.0.1:1/", "RAVEN_API_KEY=rk_live_x"}
	cmd := process.Command(binary, []string{"import", "--format", "jsonl", "--in", "-"}, t.TempDir(), env...)
	cmd.Stdin = strings.NewReader(`{"user":"ada","conversation":"c","role":"user","content":"one"}`)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop()
	said, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.Contains(said, "http://127.0.0.1:1/ (RAVEN_URL) does not answer") {
		t.Errorf("it said %q, %v", said, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestOthersMemoriesBecomeFacts(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	c := register(t, s.URL, "mem0", nil)
	text := `[{"id":"1","memory":"I live in Rome.","user_id":"ada","created_at":"2023-01-01T00:00:00Z"},
		{"id":"2","memory":"I live in Lisbon.","user_id":"ada","created_at":"2024-01-01T00:00:00Z"}]`
	if got := c.imports(t, "mem0", text); got.Facts != 2 || got.Users != 1 {
		t.Errorf("imported %+v", got)
	}
	if got := c.imports(t, "mem0", text); got != (imported{There: 2}) {
		t.Errorf("again it imported %+v", got)
	}
	list := c.pages(t, factsOfAda+"?include=superseded")
	if len(list) != 2 || list[0]["valid_from"] != "2023-01-01T00:00:00.000Z" || list[0]["valid_to"] != "2024-01-01T00:00:00.000Z" {
		t.Errorf("the facts are %v", list)
	}
}
