package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
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
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second},
}

// do sends a request; an error means that no whole answer came.
func do(ctx context.Context, base, key, method, path string, body any, idempotencyKey string) (answer, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, payload)
	if err != nil {
		return answer{}, err
	}
	req.GetBody = nil // so that the library repeats nothing
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header}
	if strings.Contains(res.Header.Get("Content-Type"), "json") && len(raw) > 0 {
		err = json.Unmarshal(raw, &a.body)
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
