package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/test/process"
)

// object is a JSON object.
type object map[string]any

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   object
}

func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

func (a answer) number(path ...string) int64 {
	var at any = map[string]any(a.body)
	for _, name := range path {
		o, _ := at.(map[string]any)
		at = o[name]
	}
	n, _ := at.(float64)
	return int64(n)
}

func (a answer) list(name string) []object {
	var out []object
	items, _ := a.body[name].([]any)
	for _, item := range items {
		o, _ := item.(map[string]any)
		out = append(out, o)
	}
	return out
}

// client is long-suffering: the server answers first, unless it is gone.
var client = &http.Client{
	Timeout:   30 * time.Second,
	Transport: once{&http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second}},
}

// once keeps the library from repeating a request.
type once struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (o once) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.GetBody = nil
	return o.Transport.RoundTrip(req)
}

// do sends a request; an error means that no whole answer came.
func do(ctx context.Context, base, key, method, path string, body any, idempotencyKey string) (answer, error) {
	var headers []string
	if idempotencyKey != "" {
		headers = []string{"Idempotency-Key", idempotencyKey}
	}
	said, err := process.Call(ctx, client, method, base+path, key, body, headers...)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: said.Status, header: said.Header}
	if strings.Contains(said.Header.Get("Content-Type"), "json") && len(said.Body) > 0 {
		err = json.Unmarshal(said.Body, &a.body)
	}
	return a, err
}

// must sends a request that has to be done, however often it is refused before.
func (x *tenant) must(t *testing.T, method, path string, body any) answer {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		a, err := do(t.Context(), x.world.url(), x.key, method, path, body, "")
		if err == nil && a.status < 300 {
			return a
		}
		if time.Now().After(end) {
			t.Fatalf("%s %s: %v, %d %v", method, path, err, a.status, a.body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// pages walks a list to its end.
func (x *tenant) pages(t *testing.T, path string) (all []object) {
	t.Helper()
	cursor := ""
	for {
		a := x.must(t, "GET", path+"?limit=100"+cursor, nil)
		all = append(all, a.list("data")...)
		next, more := a.body["next_cursor"].(string)
		if !more {
			return all
		}
		cursor = "&cursor=" + next
	}
}
