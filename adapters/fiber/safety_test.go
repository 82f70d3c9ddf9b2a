package fiberhttp

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/quotas"
)

func TestNothingThatPeopleWroteIsInTheLog(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	out := w.must("", 201, "POST", "/api/v1/tenants", `{"name":"canary tenant","email":"canary@example.com"}`, idem, "canary-idempotency")
	key := text(out, "api_key", "key")
	w.must(key, 201, "POST", "/api/v1/users", `{"external_ref":"canary-ref","display_name":"canary name","metadata":{"canary":"canary"}}`)
	w.must(key, 201, "POST", "/api/v1/users/ext:canary-ref/conversations", `{"external_ref":"canary-chat","title":"canary title"}`)
	memory := "/api/v1/users/ext:canary-ref/conversations/ext:canary-chat/memory"
	w.must(key, 201, "POST", memory, said("canary content"), idem, "canary-idempotency")
	w.must(key, 200, "POST", "/api/v1/users/ext:canary-ref/context", `{"query":"canary"}`)
	w.must(key, 200, "GET", "/api/v1/users?external_ref=canary-ref", "")
	w.do(key, "GET", "/api/v1/users/ext:canary-ref/export", "")
	w.refuses(key, 422, "validation_failed", "POST", memory, `{"interactions":[{"role":"canary role","content":"canary content"}],"canary":1}`)
	w.refuses(key, 400, "bad_request", "POST", memory, `{"canary`)
	w.refuses(key[:len(key)-1]+"!", 401, "unauthenticated", "GET", memory, "")
	w.refuses(key, 404, "not_found", "GET", "/api/v1/users/ext:canary-nobody", "")
	log := w.logs.String()
	for _, secret := range []string{"canary", key, key[20:60], "rk_live_"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, `"tenant":"`+text(out, "tenant", "id")+`"`) || !strings.Contains(log, `"key":"`+text(out, "api_key", "id")+`"`) {
		t.Errorf("the log does not say who called:\n%s", log)
	}
}

func TestARequestThatTakesTooLongIs503(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{RequestTimeout: time.Nanosecond}, generous)
	r := w.do("", "POST", "/api/v1/tenants", tenantBody+"}")
	expectProblem(t, r, 503, "unavailable")
	if r.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After = %q", r.header.Get("Retry-After"))
	}
}

// bigTalk is a conversation larger than all buffers on the way to a client.
func (w *fullWorld) bigTalk() (key string) {
	w.t.Helper()
	key, conversation := w.talk("")
	for range 6 {
		w.must(key, 201, "POST", conversation+"/memory", said(strings.Fields(strings.Repeat(strings.Repeat("x", 15<<10)+" ", 250))...))
	}
	return key
}

// export asks for an export and reads its first bytes.
func (w *fullWorld) export(key string) net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET /api/v1/users/ext:u/export HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer "+key+"\r\n\r\n")
	if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 OK"))); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func TestHalfAnExportIsNotTakenForAWholeOne(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	w := newFullWorld(t, Config{ExportTimeout: timeout}, generous)
	c := w.export(w.bigTalk())
	defer func() { _ = c.Close() }()
	time.Sleep(timeout) // the export waits for its reader, and its time is up then
	rest, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(string(rest), "0\r\n\r\n") || strings.Contains(string(rest), `"type":"end"`) {
		t.Error("the body ends as if it were whole")
	}
	if log := w.logs.String(); !strings.Contains(log[strings.LastIndex(log, `/export"`):], `deadline exceeded"`) {
		t.Errorf("the log has no cause:\n%s", log)
	}
}

func TestAReaderThatLeavesEndsItsExport(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	c := w.export(w.bigTalk())
	_ = c.Close()
	w.await(`/export"`)
}

// await waits for a text in the log.
func (w *world) await(text string) {
	w.t.Helper()
	for range 2000 {
		if strings.Contains(w.logs.String(), text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Errorf("the log never has %s", text)
}

func TestClientAddressIsBelievedFromNamedProxiesOnly(t *testing.T) {
	t.Parallel()
	s := &Server{cfg: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for _, tt := range []struct {
		peer, forwarded, want string
	}{
		{"198.51.100.7", "", "198.51.100.7"},
		{"198.51.100.7", "203.0.113.9", "198.51.100.7"},
		{"10.1.2.3", "", "10.1.2.3"},
		{"10.1.2.3", "203.0.113.9", "203.0.113.9"},
		{"10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"},
		{"10.1.2.3", "1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"},
		{"10.1.2.3", "10.0.0.1,10.0.0.2", "10.0.0.1"},
		{"10.1.2.3", "203.0.113.9, not an address", "10.1.2.3"},
		{"10.1.2.3", "203.0.113.9:1234", "10.1.2.3"},
		{"fd00::1", "2001:db8::5", "2001:db8::5"},
		{"::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"},
	} {
		h := &fasthttp.RequestCtx{}
		h.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.ParseIP(tt.peer), Port: 1}, nil)
		r := &request{x: &exchange{http: h}, header: func(name string) []string {
			if name == "X-Forwarded-For" && tt.forwarded != "" {
				return []string{tt.forwarded}
			}
			return nil
		}}
		if got := s.clientAddress(r); got.String() != tt.want {
			t.Errorf("%s via %q: %s, want %s", tt.peer, tt.forwarded, got, tt.want)
		}
	}
}

func TestValuesOutliveTheirRequest(t *testing.T) {
	t.Parallel()
	var kept []string
	clock := wallClock{}
	w := serve(t, Config{Registration: RegistrationOpen}, Services{Quotas: quotas.New(nil, nil, clock, quotas.Options{})},
		Deps{Clock: clock, IDs: core.NewIDs(clock.Now, rand.Reader)},
		route{
			method: http.MethodPost, path: "/keep/{user_id}", access: accessRegistration, query: []param{{name: "q", kind: paramText}},
			endpoint: takes(func(_ *Server, r *request, in newUserJSON) (answer, error) {
				q, _ := r.query.text("q")
				kept = append(kept, r.path[pathUser], q, r.header("X-Kept")[0], r.x.id, r.x.method, *in.DisplayName, string(*in.Metadata))
				return ok(noBody{})
			}),
		})
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for _, mark := range []string{"aaaa", "bbbb"} { // the second request takes the first one's buffers
		body := `{"display_name":"` + mark + `","metadata":{"x":"` + mark + `"}}`
		_, _ = fmt.Fprintf(c, "POST /keep/%s?q=%s HTTP/1.1\r\nHost: r\r\nX-Kept: %s\r\nX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n%s",
			mark, mark, mark, mark, len(body), body)
		if r := w.read(in, "POST"); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	for i, value := range kept[:7] {
		if strings.Contains(value, "b") {
			t.Errorf("value %d of the first request became %q", i, value)
		}
	}
}

func TestErrorsBecomeProblemsByTheOneTable(t *testing.T) {
	t.Parallel()
	for code, status := range statuses {
		if http.StatusText(status) == "" {
			t.Errorf("%s has the status %d", code, status)
		}
	}
	for _, tt := range []struct {
		err    error
		status int
	}{
		{core.NotFound(), 404}, {context.DeadlineExceeded, 503}, {context.Canceled, 503},
		{io.ErrUnexpectedEOF, 500}, {&core.Error{Code: "made_up"}, 500},
		{located(core.Invalid("a", "b", nil), "body"), 422},
	} {
		if got := statuses[asError(tt.err).Code]; got != tt.status {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.status)
		}
	}
	body := string(newProblem(asError(io.ErrUnexpectedEOF), "r").encode())
	if strings.Contains(body, "EOF") {
		t.Errorf("the caller sees the cause: %s", body)
	}
	p := newProblem(asError(located(core.Invalid("a.b", "is bad", "v"), "body")), "r")
	if p.Errors[0].Location != "body.a.b" || p.Detail != "body.a.b: is bad" {
		t.Errorf("problem = %+v", p)
	}
}

func TestRateHeadersNeverSendTooEarly(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	set := func(name, value string) { got[name] = value }
	d := quotas.Decision{Limited: true, Policy: "tenant", Limit: 60}
	d.RetryAfter, d.Reset = 1200*time.Millisecond, time.Minute
	rateHeaders(d, set)
	problemHeaders(&core.Error{Code: core.CodeRateLimited, RetryAfter: d.RetryAfter}, set)
	if got["RateLimit"] != `"tenant";r=0;t=2` || got["Retry-After"] != "2" || got["RateLimit-Policy"] != `"tenant";q=60;w=60` {
		t.Errorf("headers %v", got)
	}
	clear(got)
	rateHeaders(quotas.Decision{}, set)
	if len(got) != 0 {
		t.Errorf("headers without a limit: %v", got)
	}
}

func TestMatchingOfEntityTags(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int64{
		`"v3"`: 3, `"v3.17"`: 3, `*`: 0, `W/"v3"`: noVersion, `v3`: noVersion, `"3"`: noVersion, `"v0"`: noVersion, `"v-1"`: noVersion,
		`"x", "v4"`: 4, ``: noVersion, `"v99999999999999999999"`: noVersion,
	} {
		if got := ifMatch([]string{value}); got[0] != want {
			t.Errorf("%s: %v, want %d", value, got, want)
		}
	}
	if got := ifMatch(nil); got[0] != 0 {
		t.Errorf("without the header: %v", got)
	}
}
