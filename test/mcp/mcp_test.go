// Package mcp tests how Raven speaks the Model Context Protocol with the client
// of the protocol's official TypeScript SDK.
package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// TestAgentOfTheTypeScriptSDKRemembersRecallsAndForgets runs client.mjs over both
// transports, and logs what was said.
func TestAgentOfTheTypeScriptSDKRemembersRecallsAndForgets(t *testing.T) {
	t.Parallel()
	node, modules, err := backend.Node(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("client.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "client.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := process.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	server, err := process.Start(binary, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	owner := post(t, server.URL+"/api/v1/tenants", "", `{"name": "MCP", "email": "mcp@example.com"}`).APIKey.Key
	reader := post(t, server.URL+"/api/v1/tenant/keys", owner, `{"name": "reader", "scopes": "read_only"}`).Key
	for _, transport := range []string{"http", "stdio"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			agent := exec.Command(node, filepath.Join(dir, "client.mjs"), transport)
			agent.Env = append(os.Environ(), "RAVEN_URL="+server.URL, "RAVEN_BINARY="+binary, "OWNER_KEY="+owner, "READER_KEY="+reader)
			said, err := agent.CombinedOutput()
			t.Logf("%s", said)
			if err != nil || !bytes.HasSuffix(said, []byte("# done\n")) {
				t.Errorf("the agent ended with %v; the server said:\n%s", err, server.Log())
			}
		})
	}
}

// created is what is read of an answer: a new tenant's key, or a new key.
type created struct {
	Key    string
	APIKey struct{ Key string } `json:"api_key"`
}

func post(t *testing.T, url, key, body string) (made created) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatal(fmt.Sprint(url, ": ", answer.Status))
	}
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil {
		t.Fatal(err)
	}
	return made
}
