package upgrade

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// fixture is what a client of an earlier raven knows.
type fixture struct {
	Key     string            `json:"key"`
	Answers map[string]object `json:"answers"` // by path
}

// asked are the paths whose answers later versions have to give too.
var asked = []string{
	"/tenant", "/tenant/keys", "/tenant/usage", "/tenant/encryption", "/users", "/users/ext:ada", "/users/ext:ada/conversations",
	"/users/ext:ada/conversations/ext:c1/memory?limit=100", "/users/ext:ada/conversations/ext:c2/memory?limit=100",
	"/users/ext:ada/memory", "/users/ext:ada/facts?include=superseded",
}

// fill gives a server what a store may hold, and asks for it.
func fill(c client) fixture {
	c.t.Helper()
	made := c.must("POST", "/tenants", object{
		"name": "Upgrade", "email": "upgrade@example.com", "settings": object{"retention_days": 0, "batch_size": 5},
	})
	key, _ := made["api_key"].(map[string]any)
	c.key = fmt.Sprint(key["key"])
	c.must("POST", "/tenant/keys", object{"name": "reader", "scopes": "read_only"})
	c.must("PUT", "/users/ext:ada", object{"display_name": "Ada", "metadata": object{"plan": "pro"}})
	c.must("PUT", "/users/ext:bob", object{})
	for _, name := range []string{"c1", "c2"} {
		c.must("POST", "/users/ext:ada/conversations", object{"external_ref": name, "title": "About " + name})
	}
	for i := range 12 {
		c.say("c1", fmt.Sprintf("Parcel %d went to Porto.", i))
	}
	c.say("c2", "I live in Lisbon.")
	c.say("c2", "This is to be forgotten.")
	said, _ := c.must("GET", "/users/ext:ada/conversations/ext:c2/memory", nil)["data"].([]any)
	last, _ := said[1].(map[string]any)
	c.must("DELETE", fmt.Sprint("/users/ext:ada/conversations/ext:c2/memory/", last["id"]), nil)
	c.must("PATCH", "/users/ext:ada/conversations/ext:c2", object{"status": "closed"})
	if status, _ := c.ask("POST", "/users/ext:ada/facts", object{"text": "Prefers short answers."}); status != http.StatusNotFound {
		c.until("the fact", func() bool {
			list, _ := c.must("GET", "/users/ext:ada/facts", nil)["data"].([]any)
			return len(list) == 2
		})
		c.must("POST", "/tenant/encryption/rotate", nil)
		c.until("the re-encryption", c.reencrypted)
	}
	f := fixture{Key: c.key, Answers: map[string]object{}}
	for _, path := range asked {
		if status, answer := c.ask("GET", path, nil); status == http.StatusOK {
			f.Answers[path] = withoutTimes(path, answer)
		}
	}
	return f
}

func (c client) reencrypted() bool {
	state, _ := c.must("GET", "/tenant/encryption", nil)["re_encryption"].(map[string]any)
	return state["state"] == "idle"
}

// withoutTimes leaves out what changes by itself, and what an upgrade may.
func withoutTimes(path string, answer object) object {
	switch path {
	case "/tenant/usage":
		delete(answer, "rate")
	case "/tenant/keys":
		list, _ := answer["data"].([]any)
		for _, item := range list {
			item, _ := item.(map[string]any)
			delete(item, "last_used_at")
		}
	}
	return answer
}

func (f fixture) write(t *testing.T, folder string) {
	t.Helper()
	raw, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "client.json"), append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFixture(t *testing.T, folder string) (f fixture) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "client.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f
}
