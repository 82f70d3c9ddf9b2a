package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestReadmesFiveCallsRunAsTheyStand pastes them into one shell.
func TestReadmesFiveCallsRunAsTheyStand(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("the README's calls need curl: install it")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- calls:begin -->\n```sh\n")
	script, _, ok := strings.Cut(rest, "```\n<!-- calls:end -->")
	if !ok {
		t.Fatal("README.md has no calls between its markers")
	}
	s := start(t, t.TempDir())
	pasted := strings.Replace(script, "http://localhost:3000", s.URL, 1)
	if pasted == script {
		t.Fatal("the calls do not go to http://localhost:3000")
	}
	out, err := exec.Command("sh", "-c", pasted).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if answer := string(out); !strings.Contains(answer, "allergic to peanuts") || !strings.Contains(answer, "int_") {
		t.Errorf("they answer:\n%s", answer)
	}
}
