package console_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/console"
)

// each calls f with every file.
func each(t *testing.T, f func(name, text string)) {
	t.Helper()
	files := console.Files()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		f(name, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What could turn text into a program, keep the key, or leave the server is in
// no file.
func TestNothingParsesMarkupStoresOrLeavesTheServer(t *testing.T) {
	t.Parallel()
	bad := regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|setHTML|srcdoc|createContextualFragment|DOMParser|document\.write|` +
		`\beval\b|new Function|setTimeout\(['"` + "`" + `]|localStorage|sessionStorage|indexedDB|document\.cookie|caches\.|serviceWorker|` +
		`postMessage|sendBeacon|WebSocket|EventSource|XMLHttpRequest|importScripts|<style|\sstyle=|\son[a-z]+="|javascript:|@import|(?-i:\burl\()`)
	address := regexp.MustCompile(`(?i)\b(https?:)?//[a-z0-9]+\.[a-z]`)
	each(t, func(name, text string) {
		if found := bad.FindString(text); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		for _, found := range address.FindAllString(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", ""), -1) {
			t.Errorf("%s names an address: %q", name, found)
		}
	})
}

var imported = regexp.MustCompile(`(?m)^(?:import|export) [^;]*?from '([^']+)';`)

func TestEveryImportAndReferenceIsThere(t *testing.T) {
	t.Parallel()
	files := console.Files()
	used := map[string]bool{"index.html": true}
	use := func(from, name string) {
		if _, err := fs.Stat(files, name); err != nil {
			t.Errorf("%s refers to %s: %v", from, name, err)
		}
		used[name] = true
	}
	each(t, func(name, text string) {
		for _, m := range imported.FindAllStringSubmatch(text, -1) {
			use(name, path.Join(path.Dir(name), m[1]))
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="console/([^"]+)"`).FindAllStringSubmatch(text, -1) {
			use(name, m[1])
		}
	})
	each(t, func(name, _ string) {
		if !used[name] {
			t.Errorf("nothing uses %s", name)
		}
	})
}
