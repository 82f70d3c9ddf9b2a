package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// toLoopback lets webhooks reach the receivers of these tests.
var toLoopback = []string{"RAVEN_WEBHOOKS_ALLOW_NETWORKS=127.0.0.0/8", "RAVEN_WEBHOOKS_ALLOW_HTTP=true"}

// letter is a request that a receiver got.
type letter struct {
	id     string
	header http.Header
	body   string
}

// mailbox is a receiver on the loopback.
type mailbox struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request, earlier int) // requests of the same id before

	mu          sync.Mutex
	letters     []letter
	connections atomic.Int64
}

func newMailbox(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, earlier int)) *mailbox {
	t.Helper()
	m := &mailbox{answer: answer}
	m.Server = httptest.NewUnstartedServer(m)
	m.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			m.connections.Add(1)
		}
	}
	m.Start()
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func takeAll(http.ResponseWriter, *http.Request, int) {}

func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	id := r.Header.Get("webhook-id")
	m.mu.Lock()
	earlier := 0
	for _, l := range m.letters {
		if l.id == id {
			earlier++
		}
	}
	m.letters = append(m.letters, letter{id, r.Header.Clone(), string(body)})
	m.mu.Unlock()
	m.answer(w, r, earlier)
}

func (m *mailbox) all() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.letters)
}

// of lists the letters that have a text in their body.
func (m *mailbox) of(text string) []letter {
	return slices.DeleteFunc(m.all(), func(l letter) bool { return !strings.Contains(l.body, text) })
}

// eventually waits for what must come.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	within(t, patience, what, done)
}

func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func verified(t *testing.T, secret string, l letter) bool {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify([]byte(l.body), l.header) == nil
}

// subscribe registers a tenant whose events go to the mailbox.
func subscribe(t *testing.T, server *process.Server, m *mailbox) (c *client, secret string) {
	t.Helper()
	c = register(t, server.URL, "hooks", object{"webhook_url": m.URL + "/raven"})
	return c, c.must(t, http.StatusCreated, "POST", "/api/v1/tenant/webhook/secret", nil).text("secret")
}

func (c *client) createUsers(t *testing.T, count int) (ids []string) {
	t.Helper()
	for range count {
		ids = append(ids, c.must(t, http.StatusCreated, "POST", "/api/v1/users", object{}).text("id"))
	}
	return ids
}

// statuses counts the tenant's deliveries by status.
func (c *client) statuses(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, d := range c.pages(t, "/api/v1/tenant/webhook/deliveries") {
		counts[fmt.Sprint(d["status"])]++
	}
	return counts
}

func TestWebhooksAreDeliveredSignedAndLogged(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]func(t *testing.T) []string{
		"embedded": func(*testing.T) []string { return nil },
		"redis":    func(t *testing.T) []string { return onRedis(backend.Redis(t).URL()) },
		"cluster":  func(t *testing.T) []string { return onRedis(backend.RedisCluster(t).URL()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			webhookJourney(t, start(t, t.TempDir(), append(env(t), toLoopback...)...))
		})
	}
}

func webhookJourney(t *testing.T, server *process.Server) {
	const path = "/api/v1/tenant/webhook"
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", server.Log())
		}
	})
	m := newMailbox(t, takeAll)
	c := register(t, server.URL, "hooks", nil)
	c.must(t, 422, "POST", path+"/test", nil)
	c.must(t, 200, "PATCH", "/api/v1/tenant", object{"settings": object{"webhook_url": m.URL + "/raven"}})
	c.createUsers(t, 1) // nobody is told: there is no secret
	made := c.must(t, 201, "POST", path+"/secret", nil)
	first := made.text("secret")
	if !strings.HasPrefix(first, "whsec_") || made.body["previous_expires_at"] != nil {
		t.Fatalf("the first secret: %s", made.raw)
	}
	user := c.createUsers(t, 1)[0]
	eventually(t, "the event of a user", func() bool { return len(m.of(user)) == 1 })
	l := m.of(user)[0]
	if !verified(t, first, l) || !strings.Contains(l.body, `"type":"user.created"`) || !strings.Contains(l.body, `"actor":{"key_id":"key_`) ||
		!strings.Contains(l.body, `"id":"`+l.id+`"`) {
		t.Errorf("the receiver got %+v", l)
	}

	again := c.must(t, 201, "POST", path+"/secret", nil, "Idempotency-Key", "rotate")
	second := again.text("secret")
	replayed := c.must(t, 201, "POST", path+"/secret", nil, "Idempotency-Key", "rotate")
	if _, shown := replayed.body["secret"]; shown || replayed.header.Get("Idempotent-Replayed") != "true" || second == "" || second == first {
		t.Errorf("the secret is shown again: %s", replayed.raw)
	}
	until, err := time.Parse(time.RFC3339, again.text("previous_expires_at"))
	if wait := time.Until(until); err != nil || wait < 23*time.Hour || wait > 24*time.Hour {
		t.Errorf("the old secret signs until %v, %v", until, err)
	}
	user = c.createUsers(t, 1)[0]
	eventually(t, "the event of another user", func() bool { return len(m.of(user)) == 1 })
	if l := m.of(user)[0]; !verified(t, first, l) || !verified(t, second, l) {
		t.Errorf("not signed by both secrets: %v", l.header)
	}

	test := c.must(t, 202, "POST", path+"/test", nil)
	eventually(t, "the test event", func() bool { return len(m.of("webhook.test")) == 1 })
	if body := m.of("webhook.test")[0].body; strings.Contains(body, `"seq"`) {
		t.Errorf("the test event is %s", body)
	}
	eventually(t, "the log", func() bool {
		d := c.must(t, 200, "GET", path+"/deliveries?limit=1", nil).list("data")[0]
		return d["id"] == test.body["id"] && d["status"] == "delivered" && d["event_type"] == "webhook.test" && d["next_attempt_at"] == nil
	})
	c.must(t, 202, "POST", path+"/deliveries/"+test.text("id")+"/replay", nil)
	eventually(t, "the replay", func() bool { return len(m.of("webhook.test")) == 2 })
	if letters := m.of("webhook.test"); letters[0].id != letters[1].id || letters[0].id != test.text("event_id") {
		t.Errorf("the replay has the id %s of %s", letters[1].id, letters[0].id)
	}
	eventually(t, "the end of all deliveries", func() bool { return c.statuses(t)["pending"] == 0 })
	if counts := c.statuses(t); counts["failed"] != 0 {
		t.Errorf("deliveries by status %v", counts)
	}
	stranger := register(t, server.URL, "stranger", nil)
	stranger.must(t, 404, "POST", path+"/deliveries/"+test.text("id")+"/replay", nil)
	if n := len(stranger.pages(t, path+"/deliveries")); n != 0 {
		t.Errorf("another tenant sees %d deliveries", n)
	}
	if strings.Contains(server.Log(), "whsec_") {
		t.Error("a secret is in the log")
	}
}

// TestReceiverThatFailsEveryOtherTimeGetsEveryEvent refuses the first attempt of
// half of the events, each in another way.
func TestReceiverThatFailsEveryOtherTimeGetsEveryEvent(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	m := newMailbox(t, func(w http.ResponseWriter, _ *http.Request, earlier int) {
		if earlier > 0 {
			return
		}
		switch count.Add(1) % 8 {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
			w.WriteHeader(http.StatusFound)
		case 4:
			panic(http.ErrAbortHandler)
		case 6:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := start(t, t.TempDir(), toLoopback...)
	c, secret := subscribe(t, server, m)
	want := c.createUsers(t, 100)
	eventually(t, "all are delivered", func() bool { n := c.statuses(t); return n["delivered"] >= len(want) && n["pending"] == 0 })
	for _, user := range want {
		letters := m.of(user)
		if len(letters) == 0 || len(letters) > 2 {
			t.Errorf("%s was told of %d times", user, len(letters))
		}
		for _, l := range letters {
			if !verified(t, secret, l) || l.id != letters[0].id {
				t.Errorf("a letter of %s: %+v", user, l)
			}
		}
	}
	t.Logf("%d requests for %d events", len(m.all()), len(c.pages(t, "/api/v1/tenant/webhook/deliveries")))
}

func TestKillNineInMidSendDeliversAgain(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	m := newMailbox(t, func(_ http.ResponseWriter, r *http.Request, earlier int) {
		if earlier == 0 {
			select { // the answer never reaches the server that asked
			case <-release:
			case <-r.Context().Done():
			}
		}
	})
	t.Cleanup(func() { close(release) })
	dir := t.TempDir()
	server := start(t, dir, toLoopback...)
	c, secret := subscribe(t, server, m)
	users := c.createUsers(t, 5)
	eventually(t, "the first attempts", func() bool { return len(m.all()) >= len(users) })
	before := len(m.all())
	server.Kill()
	killed := time.Now()
	server = start(t, dir, toLoopback...)
	c.url = server.URL
	eventually(t, "all are delivered", func() bool { n := c.statuses(t); return n["delivered"] >= len(users) && n["pending"] == 0 })
	for _, user := range users {
		letters := m.of(user)
		if len(letters) != 2 || letters[0].id != letters[1].id || !verified(t, secret, letters[1]) {
			t.Errorf("%s was told of %d times", user, len(letters))
		}
	}
	t.Logf("%d under way when killed, all delivered again %v later", before, time.Since(killed).Round(time.Second))
}

// TestDeletedTenantIsToldOfItThoughTheServerIsKilled kills the server once as soon
// as it has deleted the tenant, and once while it tells the tenant's receiver.
func TestDeletedTenantIsToldOfItThoughTheServerIsKilled(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]func(t *testing.T) []string{
		"embedded": func(*testing.T) []string { return nil },
		"redis":    func(t *testing.T) []string { return onRedis(backend.Redis(t).URL()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deletedTenantIsTold(t, append(env(t), toLoopback...))
		})
	}
}

func deletedTenantIsTold(t *testing.T, env []string) {
	const deleted = `"type":"tenant.deleted"`
	release := make(chan struct{})
	m := newMailbox(t, func(_ http.ResponseWriter, r *http.Request, earlier int) {
		if earlier == 0 && r.Header.Get("webhook-id") != "" {
			select { // the answer never reaches the server that asked
			case <-release:
			case <-r.Context().Done():
			}
		}
	})
	t.Cleanup(func() { close(release) })
	dir := t.TempDir()
	server := start(t, dir, env...)
	c, secret := subscribe(t, server, m)
	id := c.id(t)
	c.must(t, http.StatusAccepted, "DELETE", "/api/v1/tenant?confirm="+id, nil)
	server.Kill()
	server = start(t, dir, env...)
	const leases = 2 * time.Minute // of who was killed; they end before
	within(t, leases, "the first attempt", func() bool { return len(m.of(deleted)) > 0 })
	server.Kill()
	server = start(t, dir, env...)
	within(t, leases, "the second attempt", func() bool { return len(m.of(deleted)) > 1 })
	letters := m.of(deleted)
	for _, l := range letters {
		if l.id != letters[0].id || !verified(t, secret, l) || !strings.Contains(l.body, `"tenant_id":"`+id+`","seq":`) || strings.Contains(l.body, "webhook") {
			t.Errorf("the receiver got %+v", l)
		}
	}
	server.Stop()
	if strings.Contains(server.Log(), "whsec_") || strings.Contains(server.Log(), m.URL) {
		t.Error("the webhook is in the log")
	}
	server = start(t, dir, env...)
	server.Stop()
	if n := len(m.of(deleted)); n != 2 {
		t.Errorf("it was told %d times", n)
	}
}

func TestGoneStopsDeliveriesUntilTheURLIsSetAgain(t *testing.T) {
	t.Parallel()
	var gone atomic.Bool
	gone.Store(true)
	m := newMailbox(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	server := start(t, t.TempDir(), toLoopback...)
	c, _ := subscribe(t, server, m)
	c.createUsers(t, 1)
	eventually(t, "a delivery that failed", func() bool { return c.statuses(t)["failed"] > 0 })
	eventually(t, "the end of those under way", func() bool { return c.statuses(t)["pending"] == 0 })
	asked := len(m.all())
	c.createUsers(t, 5)
	test := c.must(t, 202, "POST", "/api/v1/tenant/webhook/test", nil)
	eventually(t, "the test event ends", func() bool { return c.statuses(t)["pending"] == 0 })
	for _, d := range c.pages(t, "/api/v1/tenant/webhook/deliveries") {
		if d["id"] == test.body["id"] && d["status"] != "failed" {
			t.Errorf("the test event is %v", d["status"])
		}
	}
	if n := len(m.all()); n != asked {
		t.Errorf("%d requests after the receiver was gone", n-asked)
	}
	gone.Store(false)
	c.must(t, 200, "PATCH", "/api/v1/tenant", object{"settings": object{"webhook_url": m.URL + "/raven"}})
	user := c.createUsers(t, 1)[0]
	eventually(t, "deliveries go on", func() bool { return len(m.of(user)) == 1 })
}

func TestWebhooksLeadNowhereInside(t *testing.T) {
	t.Parallel()
	m := newMailbox(t, takeAll)
	port := m.URL[strings.LastIndexByte(m.URL, ':')+1:]
	server := start(t, t.TempDir())
	c := register(t, server.URL, "inside", nil)
	for _, url := range []string{
		"http://hooks.example.com/", "https://user:pass@hooks.example.com/", "https://127.0.0.1:" + port, "https://10.0.0.1/", "https://169.254.169.254/",
		"https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://100.64.0.1/", "https://2130706433/",
	} {
		a := c.must(t, 422, "PATCH", "/api/v1/tenant", object{"settings": object{"webhook_url": url}})
		if a.text("code") != "validation_failed" || a.list("errors")[0]["location"] != "body.settings.webhook_url" {
			t.Errorf("%s: %s", url, a.raw)
		}
	}
	c.must(t, 200, "PATCH", "/api/v1/tenant", object{"settings": object{"webhook_url": "https://localhost:" + port}})
	c.must(t, 201, "POST", "/api/v1/tenant/webhook/secret", nil)
	c.must(t, 202, "POST", "/api/v1/tenant/webhook/test", nil)
	var attempt map[string]any
	eventually(t, "an attempt", func() bool {
		list := c.pages(t, "/api/v1/tenant/webhook/deliveries")
		i := slices.IndexFunc(list, func(d object) bool { return d["event_type"] == "webhook.test" })
		attempts, _ := list[i]["attempts"].([]any)
		if len(attempts) == 0 {
			return false
		}
		attempt, _ = attempts[0].(map[string]any)
		return list[i]["status"] == "pending" && list[i]["next_attempt_at"] != nil
	})
	if why := fmt.Sprint(attempt["error"]); !strings.Contains(why, "may not go to") || attempt["response_status"] != nil {
		t.Errorf("the attempt is %v", attempt)
	}
	if n := m.connections.Load(); n != 0 {
		t.Errorf("%d connections reached the loopback", n)
	}
}
