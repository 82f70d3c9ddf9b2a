package e2e

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/raven-memory/raven/test/backend"
)

const (
	callersTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersParent = "00-" + callersTrace + "-00f067aa0ba902b7-01"
)

// ofTrace lists the spans of a trace by name.
func ofTrace(spans []*otlp.Span, trace string) map[string]*otlp.Span {
	found := map[string]*otlp.Span{}
	for _, s := range spans {
		if hex.EncodeToString(s.TraceId) == trace {
			found[s.Name] = s
		}
	}
	return found
}

func TestOneTraceLeadsFromTheCallerToTheStoreAndTheLog(t *testing.T) {
	t.Parallel()
	collector := backend.StartCollector(t)
	s := start(t, t.TempDir(), "RAVEN_TRACING_ENDPOINT="+collector.URL)
	c := register(t, s.URL, "traced", nil)
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:ada", nil)
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:ada/conversations", object{"external_ref": "c"})
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:ada/conversations/ext:c/memory",
		object{"interactions": []object{interaction("hello")}}, "traceparent", callersParent)

	const route = "POST /api/v1/users/{user_id}/conversations/{conversation_id}/memory"
	spans := ofTrace(collector.Await(t, func(all []*otlp.Span) bool {
		return ofTrace(all, callersTrace)[route] != nil
	}), callersTrace)
	request := spans[route]
	if hex.EncodeToString(request.ParentSpanId) != "00f067aa0ba902b7" {
		t.Error("the request is not the caller's")
	}
	for _, name := range []string{"Conversations.ConversationByRef", "Buffer.Append"} {
		switch span := spans[name]; {
		case span == nil:
			t.Errorf("there is no span %s of the trace", name)
		case !slices.Equal(span.ParentSpanId, request.SpanId):
			t.Errorf("%s does not belong to the request", name)
		case span.StartTimeUnixNano < request.StartTimeUnixNano || span.EndTimeUnixNano > request.EndTimeUnixNano:
			t.Errorf("%s is not within the request", name)
		}
	}
	logged := false
	for line := range strings.Lines(s.Log()) {
		var l struct {
			Msg   string
			Route string
			Trace string `json:"trace_id"`
			Span  string `json:"span_id"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Trace == callersTrace {
			logged = l.Msg == "request" && l.Span == hex.EncodeToString(request.SpanId)
		}
	}
	if !logged {
		t.Errorf("no line of the log names the trace and the span:\n%s", s.Log())
	}
}

func TestStopSendsTheTracesThatWait(t *testing.T) {
	t.Parallel()
	collector := backend.StartCollector(t)
	s := start(t, t.TempDir(), "RAVEN_TRACING_ENDPOINT="+collector.URL)
	newClient(s.URL).must(t, http.StatusOK, "GET", "/healthz", nil, "traceparent", callersParent)
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, s.Log())
	}
	if len(ofTrace(collector.Spans(), callersTrace)) == 0 {
		t.Error("the last trace is lost")
	}
}

func TestCollectorThatIsGoneFailsNoRequest(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "RAVEN_TRACING_ENDPOINT=http://127.0.0.1:1", "RAVEN_HTTP_SHUTDOWN_TIMEOUT=1s")
	c := register(t, s.URL, "untraced", nil)
	c.createUsers(t, 20)
	if code := s.Stop(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.Log())
	}
}

func TestWithoutAnEndpointNothingIsTraced(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	newClient(s.URL).must(t, http.StatusOK, "GET", "/healthz", nil, "traceparent", callersParent)
	if strings.Contains(s.Log(), "trace_id") {
		t.Errorf("the log:\n%s", s.Log())
	}
}

// TestNothingThatSomebodyWroteIsInASpan looks through every byte that reaches
// the collector.
func TestNothingThatSomebodyWroteIsInASpan(t *testing.T) {
	t.Parallel()
	collector, mail := backend.StartCollector(t), newMailbox(t, takeAll)
	s := start(t, t.TempDir(), append([]string{
		"RAVEN_TRACING_ENDPOINT=" + collector.URL, "RAVEN_TRACING_HEADERS=X-Key=kanarienvogel-kopfzeile-1",
	}, toLoopback...)...)
	c, secret := subscribe(t, s, mail)
	words := canaries{
		"key": c.key, "webhook secret": secret, "webhook": mail.URL, "collector's key": "kanarienvogel-kopfzeile-1",
		"content": "Kanarienvogel-Inhalt-7131", "reference": "kanarienvogel-ref-1571", "name": "Kanarienvogel-Name-3351",
		"title": "Kanarienvogel-Titel-8801", "query": "Kanarienvogel-Frage-3351b", "missing": "kanarienvogel-fehlt-1",
		"idempotency key": "kanarienvogel-idem-1", "request id": "kanarienvogel-anfrage-1", "path": "kanarienvogel-pfad-1",
	}
	c.must(t, http.StatusCreated, "PUT", "/api/v1/users/ext:"+words["reference"], object{"display_name": words["name"]},
		"X-Request-Id", words["request id"])
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:"+words["reference"]+"/conversations",
		object{"external_ref": "c", "title": words["title"]}, "Idempotency-Key", words["idempotency key"])
	c.must(t, http.StatusCreated, "POST", "/api/v1/users/ext:"+words["reference"]+"/conversations/ext:c/memory",
		object{"interactions": []object{interaction(words["content"])}})
	c.must(t, http.StatusOK, "POST", "/api/v1/users/ext:"+words["reference"]+"/context", object{"query": words["query"]})
	c.must(t, http.StatusNotFound, "GET", "/api/v1/users/ext:"+words["missing"], nil)
	c.must(t, http.StatusNotFound, "GET", "/"+words["path"]+"?q="+words["path"], nil)
	c.must(t, http.StatusUnprocessableEntity, "POST", "/api/v1/users", object{"external_ref": words["reference"] + "\x00"})

	eventually(t, "a webhook", func() bool { return len(mail.all()) > 0 })
	collector.Await(t, func(all []*otlp.Span) bool {
		posts := func(s *otlp.Span) bool { return s.Name == "Webhooks.Post" }
		return len(all) > 20 && slices.ContainsFunc(all, posts)
	})
	if code := s.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if found := words.find(collector.Raw()); len(found) > 0 {
		t.Errorf("in the spans: %v", found)
	}
	parent := mail.all()[0].header.Get("traceparent")
	if len(parent) != len(callersParent) || len(ofTrace(collector.Spans(), parent[3:35])) == 0 {
		t.Errorf("the receiver was told of the trace %q, which is none", parent)
	}
}
