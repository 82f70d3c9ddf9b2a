package fiberhttp

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/webhooks"
	"github.com/raven-memory/raven/ports"
)

// hookReceiver answers every delivery with a status.
type hookReceiver struct {
	mu     sync.Mutex
	status int
	got    []map[string]string // the headers
}

func (h *hookReceiver) Post(_ context.Context, _ string, headers map[string]string, _ []byte) (int, time.Duration, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, headers)
	if h.status == 0 {
		return 0, 0, core.Unavailable(nil)
	}
	return h.status, 0, nil
}

func newHooks(t *testing.T, store ports.Deliveries, tenants *tenancy.Service, clock ports.Clock, ids *core.IDs, cursors *core.Cursors) (*webhooks.Service, *hookReceiver) {
	t.Helper()
	receiver := &hookReceiver{status: 200}
	return webhooks.New(webhooks.Deps{
		Store: store, Tenants: tenants, Post: receiver, Clock: clock, IDs: ids, Cursors: cursors,
		Random: rand.Reader, Chance: func() float64 { return 0.5 },
		Report: func(_ context.Context, doing string, err error) { t.Errorf("%s: %v", doing, err) },
	}, webhooks.Options{}), receiver
}

// send sends what is due.
func (w *fullWorld) send() {
	w.t.Helper()
	w.clock.advance(time.Second)
	if _, err := w.server.Webhooks.Send(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.server.Webhooks.Wait()
}

const hookPath = "/api/v1/tenant/webhook"

func TestWebhookSecretIsShownOnce(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"webhook_url":"https://hooks.example.com/"}`)
	first := w.must(key, 201, "POST", hookPath+"/secret", "", idem, "a")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text(first, "secret"), "whsec_"))
	if err != nil || len(raw) < 24 || len(raw) > 64 || !strings.HasPrefix(text(first, "secret"), "whsec_") || first["previous_expires_at"] != nil {
		t.Errorf("the first secret is %v", first)
	}
	again := w.do(key, "POST", hookPath+"/secret", "", idem, "a")
	if again.status != 201 || again.header.Get("Idempotent-Replayed") != "true" || strings.Contains(string(again.body), "whsec_") {
		t.Errorf("replayed: %d %s", again.status, again.body)
	}
	second := w.must(key, 201, "POST", hookPath+"/secret", "{}", idem, "b")
	until, err := time.Parse(time.RFC3339, text(second, "previous_expires_at"))
	if err != nil || until.Sub(w.clock.Now()) > 24*time.Hour || until.Sub(w.clock.Now()) < 24*time.Hour-time.Minute || text(second, "secret") == text(first, "secret") {
		t.Errorf("the second secret is %v", second)
	}
	w.clock.advance(time.Minute)
	w.must(key, 201, "POST", hookPath+"/secret", "")
	replayed := w.must(key, 201, "POST", hookPath+"/secret", "{}", idem, "b")
	expectMembers(t, replayed, "previous_expires_at")
	if replayed["previous_expires_at"] != second["previous_expires_at"] {
		t.Errorf("replayed %v, first %v", replayed, second)
	}
	if op := operationFor("POST", hookPath+"/secret"); !strings.Contains(op.Description, "A replay has no secret") {
		t.Errorf("the document says %q", op.Description)
	}
	if strings.Contains(w.logs.String(), "whsec_") {
		t.Error("a secret is in the log")
	}
	w.refuses(key, 422, "validation_failed", "POST", hookPath+"/secret", `{"secret":"mine"}`)
}

func TestWebhookTestWantsAnURL(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	w.refuses(key, 422, "validation_failed", "POST", hookPath+"/test", "")
	w.must(key, 200, "PATCH", "/api/v1/tenant", `{"settings":{"webhook_url":"https://hooks.example.com/"}}`)
	d := w.must(key, 202, "POST", hookPath+"/test", "")
	expectMembers(t, d, "id event_id event_type status attempts next_attempt_at")
	if d["status"] != "pending" || d["event_type"] != "webhook.test" || len(items(d, "attempts")) != 0 {
		t.Errorf("the delivery is %v", d)
	}
}

func TestDeliveriesAreListedWithTheirAttempts(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"webhook_url":"https://hooks.example.com/"}`)
	_, other := w.register("other", "")
	w.must(key, 201, "POST", hookPath+"/secret", "")
	if list := w.must(key, 200, "GET", hookPath+"/deliveries", ""); len(items(list, "data")) != 0 || list["next_cursor"] != nil {
		t.Errorf("the log begins with %v", list)
	}
	var ids []string
	for _, status := range []int{500, 0, 204} {
		w.hooks.mu.Lock()
		w.hooks.status = status
		w.hooks.mu.Unlock()
		ids = append(ids, text(w.must(key, 202, "POST", hookPath+"/test", ""), "id"))
		w.send()
	}
	first := w.must(key, 200, "GET", hookPath+"/deliveries?limit=2", "")
	rest := w.must(key, 200, "GET", hookPath+"/deliveries?limit=2&cursor="+text(first, "next_cursor"), "")
	w.refuses(other, 400, "invalid_cursor", "GET", hookPath+"/deliveries?cursor="+text(first, "next_cursor"), "")
	if rest["next_cursor"] != nil || len(items(rest, "data")) != 1 {
		t.Fatalf("the second page is %v", rest)
	}
	list := append(items(first, "data"), items(rest, "data")...)
	for i, want := range []struct {
		status, error  string
		responseStatus any
	}{
		{"delivered", "", 204.0}, {"pending", core.Unavailable(nil).Message, nil}, {"pending", "The receiver answered 500.", 500.0},
	} {
		attempt := at(list[i], "attempts", 0)
		expectMembers(t, attempt, "at response_status error duration_ms")
		if text(list[i], "id") != ids[2-i] || text(list[i], "status") != want.status || at(attempt, "response_status") != want.responseStatus ||
			text(attempt, "error") != want.error || (at(list[i], "next_attempt_at") == nil) != (want.status == "delivered") {
			t.Errorf("delivery %d is %v, want %v", i, list[i], want)
		}
	}
}

func TestDeliveryIsReplayedByItsTenantAlone(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", `{"webhook_url":"https://hooks.example.com/"}`)
	_, other := w.register("other", `{"webhook_url":"https://hooks.example.com/"}`)
	w.must(key, 201, "POST", hookPath+"/secret", "")
	d := w.must(key, 202, "POST", hookPath+"/test", "")
	w.send()
	replay := hookPath + "/deliveries/" + text(d, "id") + "/replay"
	if again := w.must(key, 202, "POST", replay, ""); again["status"] != "pending" || len(items(again, "attempts")) != 1 {
		t.Errorf("the delivery is %v", again)
	}
	w.send()
	if len(w.hooks.got) != 2 || w.hooks.got[0]["webhook-id"] != text(d, "event_id") || w.hooks.got[1]["webhook-id"] != text(d, "event_id") {
		t.Errorf("the receiver got %v", w.hooks.got)
	}
	w.refuses(other, 404, "not_found", "POST", replay, "")
	for _, id := range []string{"dlv_00000000000000000000000000", "x", "dlv_", text(d, "event_id"), "%2e%2e"} {
		w.refuses(key, 404, "not_found", "POST", fmt.Sprintf("%s/deliveries/%s/replay", hookPath, id), "")
	}
	w.refuses(key, 405, "method_not_allowed", "GET", replay, "")
}

func TestWebhookURLMustNotLeadInside(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	_, key := w.register("acme", "")
	for _, url := range []string{
		"http://hooks.example.com", "https://u:p@hooks.example.com", "https://127.0.0.1", "https://[::1]", "https://169.254.169.254", "https://[64:ff9b::1]", "https://1",
	} {
		p := w.refuses(key, 422, "validation_failed", "PATCH", "/api/v1/tenant", `{"settings":{"webhook_url":"`+url+`"}}`)
		if text(p, "errors", 0, "location") != "body.settings.webhook_url" {
			t.Errorf("%s: %v", url, p)
		}
		w.refuses("", 422, "validation_failed", "POST", "/api/v1/tenants", `{"name":"n","email":"n@example.com","settings":{"webhook_url":"`+url+`"}}`)
	}
}
