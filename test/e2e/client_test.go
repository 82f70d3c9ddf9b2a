package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// object is a JSON object.
type object map[string]any

// client speaks to a server with an API key.
type client struct {
	url  string
	key  string
	http *http.Client
}

func newClient(url string) *client {
	return &client{url: url, http: &http.Client{
		Timeout:   patience,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
}

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   object
}

func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

func (a answer) list(name string) []object {
	var out []object
	items, _ := a.body[name].([]any)
	for _, item := range items {
		o, _ := item.(map[string]any)
		out = append(out, o)
	}
	return out
}

// do sends a request; an error means that no whole answer came.
func (c *client) do(method, path string, body any, headers ...string) (answer, error) {
	said, err := process.Call(context.Background(), c.http, method, c.url+path, c.key, body, headers...)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: said.Status, header: said.Header, raw: said.Body}
	if strings.Contains(said.Header.Get("Content-Type"), "json") && len(said.Body) > 0 {
		_ = json.Unmarshal(said.Body, &a.body)
	}
	return a, nil
}

// must sends a request that has to be answered with the status.
func (c *client) must(t *testing.T, status int, method, path string, body any, headers ...string) answer {
	t.Helper()
	a, err := c.do(method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.raw)
	}
	return a
}

// register makes a tenant and returns a client with its first key.
func register(t *testing.T, url, name string, settings object) *client {
	t.Helper()
	c := newClient(url)
	body := object{"name": name, "email": fmt.Sprintf("%s-%d@example.com", name, time.Now().UnixNano())}
	if settings != nil {
		body["settings"] = settings
	}
	a := c.must(t, http.StatusCreated, "POST", "/api/v1/tenants", body)
	key, _ := a.body["api_key"].(map[string]any)
	c.key, _ = key["key"].(string)
	if c.key == "" {
		t.Fatalf("no key in %s", a.raw)
	}
	return c
}

// pages walks a list to its end.
func (c *client) pages(t *testing.T, path string) []object {
	t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	var all []object
	cursor := ""
	for {
		a := c.must(t, http.StatusOK, "GET", path+sep+"limit=100"+cursor, nil)
		all = append(all, a.list("data")...)
		next, more := a.body["next_cursor"].(string)
		if !more {
			return all
		}
		cursor = "&cursor=" + next
	}
}

func interaction(content string) object { return object{"role": "user", "content": content} }
