package fiberhttp

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/raven-memory/raven/core"
)

var someConsole = fstest.MapFS{
	"index.html":    {Data: []byte("<!doctype html>")},
	"main.js":       {Data: []byte("export {};")},
	"pages/keys.js": {Data: []byte("// keys")},
	"icon.svg":      {Data: []byte("<svg/>")},
}

func consoleWorld(t *testing.T) *world {
	t.Helper()
	clock := wallClock{}
	return serve(t, Config{}, Services{}, Deps{Clock: clock, IDs: core.NewIDs(clock.Now, rand.Reader), Console: someConsole})
}

func TestConsolePageLetsInItsOwnFilesOnly(t *testing.T) {
	t.Parallel()
	w := consoleWorld(t)
	r := w.send("GET", "/console", "")
	if r.status != http.StatusOK || string(r.body) != "<!doctype html>" || r.header.Get("Content-Type") != mimeHTML {
		t.Fatalf("the page = %d %v %s", r.status, r.header, r.body)
	}
	expectCommonHeaders(t, r)
	policy := r.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %s", policy, want)
		}
	}
	for _, bad := range []string{"unsafe", "http", "*"} {
		if strings.Contains(policy, bad) {
			t.Errorf("the policy %q has %s", policy, bad)
		}
	}
	if r.header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
		t.Errorf("a window that opens the console can reach it: %v", r.header)
	}
}

func TestConsoleFilesAreKeptUntilTheyChange(t *testing.T) {
	t.Parallel()
	w := consoleWorld(t)
	for name, mime := range map[string]string{"main.js": "text/javascript; charset=utf-8", "pages/keys.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		r := w.send("GET", "/console/"+name, "")
		tag := r.header.Get("ETag")
		if r.status != http.StatusOK || r.header.Get("Content-Type") != mime || r.header.Get("Cache-Control") != "no-cache" || tag == "" || !bytes.Equal(r.body, someConsole[name].Data) {
			t.Fatalf("%s = %d %v %s", name, r.status, r.header, r.body)
		}
		if again := w.send("GET", "/console/"+name, "", "If-None-Match: "+tag); again.status != http.StatusNotModified || len(again.body) != 0 {
			t.Errorf("%s again = %d %s", name, again.status, again.body)
		}
	}
}

func TestConsoleHasNoOtherFiles(t *testing.T) {
	t.Parallel()
	w := consoleWorld(t)
	for _, path := range []string{"/console/none.js", "/console/index.html", "/console/../healthz", "/console/%2e%2e/healthz", "/console/pages", "/console/pages/"} {
		expectProblem(t, w.send("GET", path, ""), http.StatusNotFound, "not_found")
	}
	expectProblem(t, w.send("POST", "/console/main.js", ""), http.StatusMethodNotAllowed, "method_not_allowed")
	if r := w.send("GET", "/console/", ""); r.status != http.StatusPermanentRedirect || r.header.Get("Location") != "../console" {
		t.Errorf("a slash too many = %d %v", r.status, r.header)
	}
	expectProblem(t, bareWorld(t, Config{}).send("GET", "/console", ""), http.StatusNotFound, "not_found")
	expectProblem(t, bareWorld(t, Config{}).send("GET", "/console/", ""), http.StatusNotFound, "not_found")
}
