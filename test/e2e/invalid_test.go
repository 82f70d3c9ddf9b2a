package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestNoInputIsAnsweredWith5xx drives every route of the server's own
// description with bodies, parameters and headers that are valid, nearly valid
// and not at all. RAVEN_TEST_INPUTS asks for another number of requests,
// RAVEN_TEST_SEED for another seed.
func TestNoInputIsAnsweredWith5xx(t *testing.T) {
	t.Parallel()
	requests, seed := 3000, uint64(rand.Uint32())
	if n, err := strconv.Atoi(os.Getenv("RAVEN_TEST_INPUTS")); err == nil {
		requests = n
	}
	if n, err := strconv.ParseUint(os.Getenv("RAVEN_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	for name, env := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, t.TempDir(), append(env, "RAVEN_LIMITS_RATE_PER_MINUTE=0", "RAVEN_LIMITS_UNAUTHENTICATED_PER_MINUTE=0")...)
			noInputFails(t, s.URL, requests, seed)
		})
	}
}

func noInputFails(t *testing.T, url string, requests int, seed uint64) {
	t.Helper()
	d := newDescription(t, newClient(url))
	const lanes = 4
	counts := make([]map[int]int, lanes)
	var wait sync.WaitGroup
	for lane := range lanes {
		counts[lane] = map[int]int{}
		wait.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(lane)))
			var c *client
			var ids belongings
			for n := range requests / lanes {
				if n%250 == 0 { // by now the tenant may have lowered its quotas and deleted what it had
					c = register(t, url, fmt.Sprint("fuzzed-", lane, "-", n), object{"batch_size": 2})
					ids = settleIn(t, c, "what is asked for")
				}
				d.try(t, c, random, ids, counts[lane])
			}
		})
	}
	wait.Wait()
	all := map[int]int{}
	for _, list := range counts {
		for status, n := range list {
			all[status] += n
		}
	}
	t.Logf("seed %d, %d requests to %d routes, none answered 5xx; by status: %v", seed, requests, len(d.operations), all)
	newClient(url).must(t, http.StatusOK, "GET", "/healthz", nil)
}

// description is the server's own, as far as it is needed to make requests.
type description struct {
	operations []described
	schemas    map[string]any
}

type described struct {
	operation
	query []string
	body  any // a schema; nil for none
}

func newDescription(t *testing.T, c *client) *description {
	t.Helper()
	doc := c.must(t, http.StatusOK, "GET", "/openapi.json", nil).body
	d := &description{schemas: member(doc, "components", "schemas")}
	for _, o := range operations(t, c) {
		if o.path == "/api/v1/tenant" && o.method == "DELETE" || strings.HasPrefix(o.path, "/api/v1/tenant/keys/{key_id}") {
			continue // they would end the key that all is asked with
		}
		route := member(doc, "paths", o.path, strings.ToLower(o.method))
		one := described{operation: o}
		parameters, _ := route["parameters"].([]any)
		for _, p := range parameters {
			if p, _ := p.(map[string]any); p["in"] == "query" {
				one.query = append(one.query, fmt.Sprint(p["name"]))
			}
		}
		if content := member(route, "requestBody", "content", "application/json"); content != nil {
			one.body = content["schema"]
		}
		d.operations = append(d.operations, one)
	}
	return d
}

func member(o map[string]any, path ...string) map[string]any {
	for _, name := range path {
		o, _ = o[name].(map[string]any)
	}
	return o
}

// try makes one request.
func (d *description) try(t *testing.T, c *client, random *rand.Rand, ids belongings, counts map[int]int) {
	o := d.operations[random.IntN(len(d.operations))]
	req, said := d.request(t, c, random, o, ids)
	res, err := c.http.Do(req)
	if err != nil {
		t.Errorf("%s: %v", said, err)
		return
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("%s: %v", said, err)
	}
	counts[res.StatusCode]++
	if res.StatusCode >= http.StatusInternalServerError {
		t.Errorf("%d %s\nto %s", res.StatusCode, raw, said)
	}
	if res.StatusCode >= http.StatusBadRequest {
		var p struct{ Code, Detail, Instance string }
		if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" || p.Detail == "" || p.Instance == "" {
			t.Errorf("%d %s is no problem that says what was wrong\nto %s", res.StatusCode, raw, said)
		}
	}
}

// request makes a request, and says it for whoever has to make it again.
func (d *description) request(t *testing.T, c *client, random *rand.Rand, o described, ids belongings) (*http.Request, string) {
	ids = maps.Clone(ids)
	for name := range ids {
		if random.IntN(12) == 0 {
			ids[name] = anyText(random)
		}
	}
	query := url.Values{}
	for _, name := range o.query {
		if random.IntN(3) == 0 {
			query.Set(name, anyText(random))
		}
	}
	path := o.at(ids)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	body := d.payload(random, o)
	req, err := http.NewRequest(o.method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range strangeHeaders {
		if random.IntN(20) == 0 {
			req.Header.Set(name, values[random.IntN(len(values))])
		}
	}
	return req, fmt.Sprintf("%s %s %v %.600q", o.method, path, req.Header, body)
}

var strangeHeaders = map[string][]string{
	"Content-Type":     {"text/plain", "application/json; charset=latin1", "application/xml", "", ";"},
	"Content-Encoding": {"gzip", "br", "x"},
	"Accept":           {"text/html", "*/*;q=0", "application/problem+json"},
	"If-Match":         {"*", `"x"`, `W/"1"`, `"1", "2"`, "1", ""},
	"If-None-Match":    {"*", `"1"`},
	"Idempotency-Key":  {"one", "two", strings.Repeat("k", 300), "ключ", ""},
	"Authorization":    {"Bearer", "Basic eDp5", "Bearer x y z"},
	"X-Request-Id":     {"mine", strings.Repeat("r", 500), "\t"},
	"Range":            {"bytes=0-1"},
	"Expect":           {"100-continue"},
	"X-Forwarded-For":  {"1.2.3.4", "x", "::1, 127.0.0.1"},
}

// payload is a body that fits the route's schema, in most places.
func (d *description) payload(random *rand.Rand, o described) string {
	if o.body == nil {
		if random.IntN(10) == 0 {
			return anyText(random)
		}
		return ""
	}
	raw, err := json.Marshal(d.value(random, o.body, 6))
	if err != nil {
		return "{"
	}
	switch random.IntN(30) {
	case 0:
		return string(raw[:random.IntN(len(raw)+1)]) // cut
	case 1:
		raw[random.IntN(len(raw))] = byte(random.IntN(256))
	case 2:
		return anyText(random)
	case 3:
		return strings.Repeat("[", random.IntN(20_000))
	}
	return string(raw)
}

// value makes a value for a schema; now and then one of another kind.
func (d *description) value(random *rand.Rand, schema any, depth int) any {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return d.value(random, d.schemas[ref[strings.LastIndexByte(ref, '/')+1:]], depth)
	}
	if depth == 0 || random.IntN(25) == 0 {
		return anyValue(random)
	}
	for _, either := range []string{"oneOf", "anyOf"} {
		if list, ok := s[either].([]any); ok && len(list) > 0 {
			return d.value(random, list[random.IntN(len(list))], depth-1)
		}
	}
	if list, ok := s["enum"].([]any); ok {
		return list[random.IntN(len(list))]
	}
	switch kindOf(random, s) {
	case "object":
		return d.object(random, s, depth)
	case "array":
		list := []any{}
		for range random.IntN(4) {
			list = append(list, d.value(random, s["items"], depth-1))
		}
		return list
	case "string":
		return anyText(random)
	case "integer":
		return anyNumber(random)
	case "boolean":
		return random.IntN(2) == 0
	case "null":
		return nil
	}
	return anyValue(random)
}

func (d *description) object(random *rand.Rand, s map[string]any, depth int) map[string]any {
	o := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if random.IntN(2) == 0 || slices.Contains(required, any(name)) && random.IntN(20) > 0 {
			o[name] = d.value(random, properties[name], depth-1)
		}
	}
	if random.IntN(20) == 0 {
		o[anyText(random)] = anyValue(random)
	}
	return o
}

func kindOf(random *rand.Rand, s map[string]any) string {
	switch kind := s["type"].(type) {
	case string:
		return kind
	case []any:
		return fmt.Sprint(kind[random.IntN(len(kind))])
	}
	return ""
}

func anyText(random *rand.Rand) string {
	list := []string{
		"", "a", "Where did Ada go?", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.123456789+14:00", "0000-00-00", "-1", "99999999999999999999", "NaN",
		"ten_01arz3ndektsv4rrffq69g5fav", "usr_01arz3ndektsv4rrffq69g5fav", "ext:shared", "ext:", "../..", "%2e%2e%2f", "a/b", "{}:*?[]", "user", "assistant",
		"https://localhost/hook", "http://127.0.0.1/", "https://user:pass@[::1]/", "x@example.com", "full_access", "memory:read", "tenant",
		"\u0000", "\u202e\u200d\ufeff", "👩‍👩‍👧‍👦", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "你好世界", "\x7f\t\n\r", strings.Repeat("x", 257), strings.Repeat("長", 70_000), strings.Repeat("word ", 5000),
		"' OR 1=1 --", "<script>", "${jndi:ldap://x}", "*", "__proto__", "null",
	}
	return list[random.IntN(len(list))]
}

func anyNumber(random *rand.Rand) any {
	list := []any{0, 1, 2, 10, 100, 101, -1, 500, 32000, 2592000, math.MaxInt32, int64(math.MaxInt64), int64(math.MinInt64), 1.5, 1e300}
	return list[random.IntN(len(list))]
}

func anyValue(random *rand.Rand) any {
	switch random.IntN(7) {
	case 0:
		return nil
	case 1:
		return random.IntN(2) == 0
	case 2:
		return anyNumber(random)
	case 3:
		return []any{anyText(random), anyNumber(random), nil}
	case 4:
		return map[string]any{"a": map[string]any{"b": []any{anyText(random)}}}
	case 5:
		var deep any = "deep"
		for range random.IntN(200) {
			deep = map[string]any{"d": deep}
		}
		return deep
	}
	return anyText(random)
}
