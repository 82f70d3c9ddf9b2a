package fiberhttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestUnknownPathsAre404InTheOneShape(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	for _, path := range []string{
		"/", "/nothing", "/api", "/api/v1", "/api/v1/", "/api/v2/users", "/healthz/", "/Healthz", "/HEALTHZ", "//healthz",
		"/api/v1/users/", "/api/v1/users/a/b", "/api/v1/tenant/audits", "/api/v1/tenant/webhook/secrets",
		"/api/v1/users/usr_x/fact", "/console", "/mcp", "/metrics",
		"/api/v1/../v1/tenant/usage", "/%68ealthz", "/api/v1/users/x/../../tenant", "/api%2fv1%2fusers", "/healthz%00", "/healthz%2f",
	} {
		expectProblem(t, w.send("GET", path, ""), 404, "not_found")
	}
}

func TestOtherMethodsAre405WithAllow(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	for _, tt := range []struct{ method, path, allow string }{
		{"POST", "/healthz", "GET, HEAD"},
		{"DELETE", "/api/v1/users", "GET, HEAD, POST"},
		{"PATCH", "/api/v1/tenants", "POST"},
		{"OPTIONS", "/api/v1/users", "GET, HEAD, POST"},
		{"TRACE", "/healthz", "GET, HEAD"},
		{"CONNECT", "/healthz", "GET, HEAD"},
		{"BREW", "/healthz", "GET, HEAD"},
		{"get", "/healthz", "GET, HEAD"},
		{"POST", "/api/v1/users/x", "GET, HEAD, PUT, DELETE, PATCH"},
		{"PUT", "/api/v1/users/x/memory", "GET, HEAD, DELETE"},
	} {
		r := w.send(tt.method, tt.path, "")
		if tt.method == "CONNECT" && r.status == 400 {
			continue // fasthttp takes a CONNECT with an authority only
		}
		expectProblem(t, r, 405, "method_not_allowed")
		if got := r.header.Get("Allow"); got != tt.allow {
			t.Errorf("%s %s: Allow = %q, want %q", tt.method, tt.path, got, tt.allow)
		}
	}
	expectProblem(t, w.send("BREW", "/nothing", ""), 404, "not_found")
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	r := w.send("HEAD", "/healthz", "")
	if r.status != 200 || len(r.body) != 0 || r.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD /healthz = %d with %d bytes, Content-Length %s", r.status, len(r.body), r.header.Get("Content-Length"))
	}
	if r := w.send("HEAD", "/nothing", ""); r.status != 404 || len(r.body) != 0 {
		t.Errorf("HEAD of nothing = %d with %q", r.status, r.body)
	}
}

func TestOversizedRequestsAreRefusedByName(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	expectProblem(t, w.send("GET", "/"+strings.Repeat("a", 8<<10), ""), 414, "uri_too_long")
	expectProblem(t, w.send("GET", "/healthz?"+strings.Repeat("a", 20<<10), ""), 414, "uri_too_long")
	expectProblem(t, w.send("GET", "/"+strings.Repeat("a", 40<<10), ""), 414, "uri_too_long")
	expectProblem(t, w.send("GET", "/healthz", "", "X-Big: "+strings.Repeat("a", 16<<10)), 431, "headers_too_large")
	expectProblem(t, w.send("GET", "/healthz", "", "X-Big: "+strings.Repeat("a", 200<<10)), 431, "headers_too_large")
	expectProblem(t, w.send("GET", "/healthz", "", strings.TrimSuffix(strings.Repeat("X-Many: 1\r\n", 5000), "\r\n")), 431, "headers_too_large")
	if r := w.send("GET", "/healthz", "", "X-Big: "+strings.Repeat("a", 15<<10)); r.status != 200 {
		t.Errorf("headers within the limit: %d", r.status)
	}
}

func TestBodiesAboveTheLimitAre413AndTheAnswerArrives(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	body := strings.Repeat("a", 4<<20+1)
	expectProblem(t, w.send("POST", "/api/v1/tenants", body, "Content-Type: application/json"), 413, "payload_too_large")
	expectProblem(t, w.send("POST", "/api/v1/tenants", strings.Repeat(body, 4), "Content-Type: application/json"), 413, "payload_too_large")
	expectProblem(t, w.raw("POST /api/v1/tenants HTTP/1.1\r\nHost: r\r\nContent-Length: 99999999999\r\n\r\nabc"), 413, "payload_too_large")
	chunk := "100000\r\n" + strings.Repeat("a", 1<<20) + "\r\n"
	expectProblem(t, w.raw("POST /api/v1/tenants HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 6)+"0\r\n\r\n"), 413, "payload_too_large")

	for range 10 { // a client that writes all before it reads must see the answer too
		resp, err := http.Post("http://"+w.addr+"/api/v1/tenants", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status = %d", resp.StatusCode)
		}
	}
}

func TestMalformedHTTPIs400InTheOneShape(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	const secret = "rk_live_secretsecret"
	for _, request := range []string{
		secret + "\r\n\r\n",
		"GET\r\n\r\n",
		"GET /healthz\r\n\r\n",
		"GET  HTTP/1.1\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nNo colon " + secret + "\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n: " + secret + "\r\n\r\n",
		"POST /api/v1/tenants HTTP/1.1\r\nHost: r\r\nContent-Length: -1\r\n\r\n",
		"POST /api/v1/tenants HTTP/1.1\r\nHost: r\r\nContent-Length: x\r\n\r\n",
		"POST /api/v1/tenants HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		r := w.raw(request)
		if r.status != 400 {
			t.Logf("%q", request)
		}
		expectProblem(t, r, 400, "bad_request")
		if strings.Contains(string(r.body), "secret") {
			t.Errorf("the answer quotes the request: %s", r.body)
		}
	}
	if strings.Contains(w.logs.String(), "secretsecret") {
		t.Error("the log quotes the request")
	}
}

func TestSlowRequestsAre408(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{ReadTimeout: 200 * time.Millisecond})
	expectProblem(t, w.raw("GET /healthz HTTP/1.1\r\nHost: r\r\nX-Slow: "), 408, "request_timeout")
	expectProblem(t, w.raw("POST /api/v1/tenants HTTP/1.1\r\nHost: r\r\nContent-Length: 10\r\n\r\nabc"), 408, "request_timeout")
}

func TestRequestIDIsTheCallersIfItIsOne(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	for _, id := range []string{"a", "req-1", strings.Repeat("x", 128), `{"a":"b"}<!>~`} {
		if got := w.send("GET", "/nothing", "", "X-Request-Id: "+id); got.header.Get("X-Request-Id") != id {
			t.Errorf("X-Request-Id = %q, want %q", got.header.Get("X-Request-Id"), id)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", strings.Repeat("x", 129), "a b", "ä", "a\tb"} {
		got := w.send("GET", "/nothing", "", "X-Request-Id: "+id).header.Get("X-Request-Id")
		if got == id || !strings.HasPrefix(got, "req_") || seen[got] {
			t.Errorf("for %q: X-Request-Id = %q", id, got)
		}
		seen[got] = true
	}
}

func TestRequestsOnOneConnectionDoNotMix(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET /a HTTP/1.1\r\nHost: r\r\nX-Request-Id: first-request\r\n\r\n"+
		"GET /healthz HTTP/1.1\r\nHost: r\r\nX-Request-Id: 2\r\n\r\n")
	in := bufio.NewReader(c)
	first, second := w.read(in, "GET"), w.read(in, "GET")
	if first.status != 404 || first.json(t)["instance"] != "first-request" {
		t.Errorf("first = %d %s", first.status, first.body)
	}
	if second.status != 200 || second.header.Get("X-Request-Id") != "2" {
		t.Errorf("second = %d %v", second.status, second.header)
	}
}

func TestMediaTypesOtherThanJSONAre415(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{Registration: RegistrationOpen})
	post := func(headers ...string) reply { return w.send("POST", "/api/v1/tenants", "[]", headers...) }
	for _, h := range []string{
		"Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/xml",
		"Content-Type: application/json; charset=iso-8859-1", "Content-Type: application/jsonx", "Content-Type: text/json",
		"Content-Encoding: gzip", "Content-Encoding: identity", "Content-Type: multipart/form-data; boundary=x",
	} {
		expectProblem(t, post(h), 415, "unsupported_media_type")
	}
	for _, h := range []string{
		"Content-Type: application/json", "Content-Type: APPLICATION/JSON; Charset=UTF-8",
		`Content-Type: application/json;charset="utf-8"`, "Content-Type: application/merge-patch+json", "X-None: 1",
	} {
		expectProblem(t, post(h), 422, "validation_failed")
	}
}

func TestKeysThatCanNotBeAreOne401(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	var first string
	for _, h := range []string{
		"X-None: 1", "Authorization: ", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic dTpw",
		"Authorization: rk_live_abc", "Authorization: Bearer rk_live_abc", "Authorization: Bearer " + strings.Repeat("x", 5000),
		"Authorization: Bearer a\r\nAuthorization: Bearer b", "Authorization: Bearer a b",
	} {
		r := w.send("GET", "/api/v1/tenant", "", h, "X-Request-Id: same")
		expectProblem(t, r, 401, "unauthenticated")
		if r.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate = %q", r.header.Get("WWW-Authenticate"))
		}
		if first == "" {
			first = string(r.body)
		}
		if string(r.body) != first {
			t.Errorf("%.40s: body differs: %s", h, r.body)
		}
	}
}

func TestAuthenticationComesBeforeWhatTheRequestSays(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	expectProblem(t, w.send("POST", "/api/v1/users?x=1", "{", "Content-Type: text/plain", "Idempotency-Key: "+strings.Repeat("x", 999)), 401, "unauthenticated")
}

func TestRegistrationModes(t *testing.T) {
	t.Parallel()
	closed := bareWorld(t, Config{Registration: RegistrationClosed})
	expectProblem(t, closed.send("POST", "/api/v1/tenants", "{}"), 403, "registration_closed")

	token := bareWorld(t, Config{Registration: RegistrationToken, RegistrationToken: "operator's"})
	for _, h := range []string{"X-None: 1", "Authorization: Bearer wrong", "Authorization: Bearer ", "Authorization: operator's"} {
		r := token.send("POST", "/api/v1/tenants", "{}", h)
		p := expectProblem(t, r, 401, "unauthenticated")
		if detail := text(p, "detail"); !strings.Contains(detail, "registration token") || strings.Contains(detail, "rk_") || r.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %s, WWW-Authenticate %q", h, detail, r.header.Get("WWW-Authenticate"))
		}
	}
	expectProblem(t, token.send("POST", "/api/v1/tenants", "{}", "Authorization: Bearer operator's"), 422, "validation_failed")

	open := bareWorld(t, Config{Registration: RegistrationOpen})
	expectProblem(t, open.send("POST", "/api/v1/tenants", "{}"), 422, "validation_failed")
	expectProblem(t, open.send("POST", "/api/v1/tenants", "{"), 400, "bad_request")
	expectProblem(t, open.send("POST", "/api/v1/tenants?x=1", "{}"), 422, "validation_failed")
	p := expectProblem(t, open.send("POST", "/api/v1/tenants", "{}", "Idempotency-Key: "), 422, "validation_failed")
	if loc := p["errors"].([]any)[0].(map[string]any)["location"]; loc != "header.Idempotency-Key" {
		t.Errorf("location = %v", loc)
	}
}

func TestCORSIsForNamedOriginsOnly(t *testing.T) {
	t.Parallel()
	none := bareWorld(t, Config{})
	r := none.send("GET", "/healthz", "", "Origin: https://app.example")
	if r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an origin is allowed that nobody named")
	}
	w := bareWorld(t, Config{CORSOrigins: []string{"https://app.example"}})
	for origin, want := range map[string]string{
		"https://app.example": "https://app.example", "https://app.example.evil": "", "http://app.example": "",
		"https://APP.example": "", "null": "", "*": "", "https://app.example:443": "",
	} {
		r := w.send("GET", "/healthz", "", "Origin: "+origin)
		if got := r.header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: Access-Control-Allow-Origin = %q, want %q", origin, got, want)
		}
		if r.header.Get("Vary") != "Origin" || r.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", origin, r.header)
		}
		r = w.send("OPTIONS", "/api/v1/users", "", "Origin: "+origin, "Access-Control-Request-Method: POST")
		if want != "" && (r.status != 204 || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Authorization")) {
			t.Errorf("preflight of %s = %d %v", origin, r.status, r.header)
		}
		if want == "" && r.status != 405 {
			t.Errorf("preflight of %s = %d", origin, r.status)
		}
	}
	r = w.send("GET", "/api/v1/tenant", "", "Origin: https://app.example")
	if r.status != 401 || r.header.Get("Access-Control-Allow-Origin") == "" {
		t.Error("a page of an allowed origin can't read a refusal")
	}
}

func TestTransportSecurityIsSaidOverTLSOnly(t *testing.T) {
	t.Parallel()
	if got := bareWorld(t, Config{}).send("GET", "/healthz", "").header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("without TLS: %q", got)
	}
	if got := bareWorld(t, Config{TLS: true}).send("GET", "/healthz", "").header.Get("Strict-Transport-Security"); got == "" {
		t.Error("with TLS: none")
	}
}

func TestReadinessNamesEachDependency(t *testing.T) {
	t.Parallel()
	up := func(context.Context) error { return nil }
	down := func(context.Context) error { return errors.New("refused by 10.0.0.1") }
	w := bareWorld(t, Config{}, Check{"store", true, up}, Check{"embedder", false, down})
	r := w.send("GET", "/readyz", "")
	if r.status != 200 || !strings.Contains(string(r.body), `{"name":"embedder","state":"down","required":false}`) {
		t.Errorf("readyz = %d %s", r.status, r.body)
	}
	if strings.Contains(string(r.body), "10.0.0.1") {
		t.Error("readyz tells what only the operator may know")
	}
	w = bareWorld(t, Config{}, Check{"store", true, down})
	if r := w.send("GET", "/readyz", ""); r.status != 503 || r.json(t)["status"] != "unavailable" {
		t.Errorf("readyz = %d %s", r.status, r.body)
	}
	if r := w.send("GET", "/healthz", ""); r.status != 200 {
		t.Errorf("healthz = %d", r.status)
	}
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	w = bareWorld(t, Config{}, Check{"store", true, hang})
	if r := w.send("GET", "/readyz", ""); r.status != 503 {
		t.Errorf("readyz with a check that hangs = %d", r.status)
	}
}

func TestReadinessEndsBeforeTheServerDoes(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	if r := w.send("GET", "/readyz", ""); r.status != 200 {
		t.Fatalf("readyz = %d", r.status)
	}
	w.server.Drain()
	if r := w.send("GET", "/readyz", ""); r.status != 503 || r.json(t)["status"] != "stopping" {
		t.Errorf("readyz = %d %s", r.status, r.body)
	}
	if r := w.send("GET", "/healthz", ""); r.status != 200 {
		t.Errorf("healthz = %d", r.status)
	}
}

func TestAnswersOfAServerThatEndsAreTheLastOfTheirConnection(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for _, last := range []bool{false, true} {
		if last {
			w.server.Drain()
		}
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n")
		_, _ = in.Peek(1)
		raw, _ := in.Peek(in.Buffered()) // the library takes the header away
		if said := bytes.Contains(raw, []byte("\r\nConnection: close\r\n")); said != last {
			t.Errorf("is it the last: %v; the answer is %s", last, raw)
		}
		if r := w.read(in, "GET"); r.status != 200 {
			t.Errorf("%d", r.status)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after the last answer: %v", err)
	}
}

func TestShutdownLetsRequestsFinishAndClosesIdleConnections(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	w := bareWorld(t, Config{}, Check{"store", true, func(context.Context) error { close(entered); <-leave; return nil }})
	idle, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	_, _ = io.WriteString(idle, "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n")
	w.read(bufio.NewReader(idle), "GET")

	got := make(chan reply, 1)
	go func() { got <- w.send("GET", "/readyz", "") }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- w.server.Shutdown(context.Background()) }()
	for w.dials() { // until it takes no more
		time.Sleep(time.Millisecond)
	}
	select {
	case <-stopped:
		t.Fatal("Shutdown returned with a request under way")
	default:
	}
	close(leave)
	if r := <-got; r.status != 503 || r.json(t)["status"] != "stopping" {
		t.Errorf("the request under way got %d %s", r.status, r.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func (w *world) dials() bool {
	c, err := net.Dial("tcp", w.addr)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

func TestAPanicIs500ToTheCallerAndWholeToTheOperator(t *testing.T) {
	t.Parallel()
	// A server without a tenancy service panics when it registers.
	w := bareWorld(t, Config{Registration: RegistrationOpen})
	r := w.send("POST", "/api/v1/tenants", tenantBody+"}")
	p := expectProblem(t, r, 500, "internal")
	if strings.Contains(string(r.body), "runtime") || strings.Contains(string(r.body), "nil pointer") {
		t.Errorf("the caller sees %s", r.body)
	}
	log := w.logs.String()
	if !strings.Contains(log, "nil pointer") || !strings.Contains(log, "registerTenant") || !strings.Contains(log, p["instance"].(string)) {
		t.Errorf("the operator sees %s", log)
	}
	if strings.Contains(log, "Acme") || strings.Contains(log, "a@b.example") {
		t.Errorf("the log holds content: %s", log)
	}
}

func TestEveryRequestIsOneLineOfTheLogWithoutItsPath(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	w.send("GET", "/api/v1/users/ext:canary-person?limit=canary", "", "X-Request-Id: line-1", "Authorization: Bearer canary-key")
	w.send("GET", "/canary", "", "X-Request-Id: line-2")
	w.send("CANARY", "/canary", "", "X-Request-Id: line-3")
	log := w.logs.String()
	if n := strings.Count(log, "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	if strings.Contains(strings.ToLower(log), "canary") {
		t.Errorf("the log holds the path or a key:\n%s", log)
	}
	for _, want := range []string{`"request_id":"line-1"`, `"route":"/api/v1/users/{user_id}"`, `"status":401`, `"code":"unauthenticated"`, `"method":"other"`, `"duration":`} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in\n%s", want, log)
		}
	}
}
