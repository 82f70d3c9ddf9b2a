package e2e

import (
	"bufio"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/raven-memory/raven/test/process"
)

// TestDemoWalksTheMainJobAndKeepsServing runs `raven demo`, reads what it
// prints, and uses the key that it shows.
func TestDemoWalksTheMainJobAndKeepsServing(t *testing.T) {
	t.Parallel()
	cmd := process.Command(binary, []string{"demo"}, t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}
	text := said.String()
	for _, want := range []string{"curl -sS -X POST", "/context", "allergic to penicillin", `"token_count"`} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not print %q", want)
		}
	}
	key := regexp.MustCompile(`export KEY=(rk_live_\S+)`).FindStringSubmatch(text)
	url := regexp.MustCompile(`export RAVEN=(\S+)`).FindStringSubmatch(text)
	if key == nil || url == nil {
		t.Fatalf("it prints no key or address:\n%s", text)
	}
	c := newClient(url[1])
	c.key = key[1]
	c.must(t, http.StatusOK, "GET", "/api/v1/users/ext:maya", nil)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}
