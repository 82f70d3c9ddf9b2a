package console

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

func (p *page) navigation() (names []string) {
	p.t.Helper()
	p.eval(`[...document.querySelectorAll('#menu a')].map((a) => a.textContent)`, &names)
	return names
}

func TestConsoleShowsWhatTheKeyAllows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPage(t)
	p.signIn(w.keyWith("agent_only"))
	p.heading("Overview")
	if got := strings.Join(p.navigation(), " "); got != "Overview Users" {
		t.Errorf("an agent's key is shown %q", got)
	}
	p.sees("which this key does not have")
	p.click("What this key can’t do")
	p.sees("tenant:admin")
	p.shot("overview-agent")
	p.click("Users")
	p.fill("User id (usr_…) or external reference", w.user)
	p.click("Open")
	p.click("Trip " + badImage)
	p.sees("allergic to peanuts")
	p.open("#/audit")
	p.sees("This key can’t open this page")
}

func TestReadOnlyKeyIsOfferedNothingToChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPage(t)
	p.signIn(w.keyWith("read_only"))
	p.heading("Overview")
	for name, hash := range w.everyPage() {
		p.open(hash)
		var buttons []string
		p.eval(`[...document.querySelectorAll('main button')].map((b) => b.getAttribute('aria-label') ?? b.textContent).filter((b) => !/^(Ask|Find|Show all)/.test(b))`, &buttons)
		if len(buttons) > 0 {
			t.Errorf("%s offers %q", name, buttons)
		}
	}
	p.open("#/settings")
	p.sees("tenant:admin")
}

func TestKeyThatIsRefusedIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPage(t)
	p.signIn("hello")
	p.sees("This key is not accepted")
	p.signIn(w.key[:len(w.key)-1] + "!")
	p.sees("This key is not accepted")
	unknown := w.keyWith("full_access")
	w.must("DELETE", "/tenant/keys/"+w.keyNamed("less "+scriptTag).text("id"), nil)
	p.signIn(unknown)
	p.sees("Request ")
	p.shot("signin-refused")
	other := w.keyWith([]string{"tenant:read", "users:read"})
	p.signIn(other)
	p.heading("Overview")
	for _, k := range w.must("GET", "/tenant/keys", nil).list("data") {
		if k["revoked_at"] == nil && k.text("name") == "less "+scriptTag {
			w.must("DELETE", "/tenant/keys/"+k.text("id"), nil)
		}
	}
	p.click("Users")
	p.heading("Sign in")
	p.sees("no longer accepted: it expired or was revoked")
}

// answerWith has the browser get an answer for what is asked below a path.
func (p *page) answerWith(path string, status int64, retryAfter, body string) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	p.t.Cleanup(cancel)
	paused := chromedp.Events(ctx, fetch.RequestPaused)
	command(p, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*" + path + "*"}}})
	go func() {
		for e, err := range paused {
			if err != nil {
				return
			}
			headers := []*fetch.HeaderEntry{{Name: "Content-Type", Value: "application/problem+json"}}
			if retryAfter != "" {
				headers = append(headers, &fetch.HeaderEntry{Name: "Retry-After", Value: retryAfter})
			}
			_, _ = chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
				RequestID: e.RequestID, ResponseCode: status, ResponseHeaders: headers, Body: []byte(body),
			})
		}
	}()
}

// What only broken surroundings answer is put in their place.
func TestFailuresAreToldInWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status            int64
		retry, body, says string
	}{
		"423": {http.StatusLocked, "", `{"code":"key_unavailable","status":423,"detail":"The transit key raven-x is disabled. ` + `<img src=x onerror=window.pwned=1>","instance":"req-locked"}`, "The tenant’s own key can’t be used"},
		"503": {http.StatusServiceUnavailable, "7", `{"code":"key_management_unavailable","status":503,"detail":"x","instance":"req-down"}`, "Try again in 7 seconds."},
		"500": {http.StatusInternalServerError, "", `{"code":"internal","status":500,"detail":"The operator's log says more.","instance":"req-bug"}`, "Something went wrong in Raven"},
		"502": {http.StatusBadGateway, "", `<html>a proxy's page</html>`, "A part of Raven is down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWorld(t).console()
			p.answerWith("/api/v1/users", c.status, c.retry, c.body)
			p.click("Users")
			p.sees(c.says)
			if i := strings.Index(c.body, "req-"); i >= 0 {
				p.sees("Request " + strings.Trim(c.body[i:], `"}`))
			}
			p.expectAccessible(name)
			p.shot("problem-" + name)
			command(p, fetch.Disable, cdp.Empty{})
			p.click("Try again")
			p.sees("All users")
		})
	}
}

func TestSpentRateIsToldWithTheTimeToWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	w.must("PATCH", "/tenant", object{"settings": object{"rate_limit_per_minute": 2}})
	p.until("the rate is spent", `(document.querySelector('.problem') || (dispatchEvent(new HashChangeEvent('hashchange')), false))`)
	p.sees("Too many requests")
	p.sees("Try again in ")
}

func TestServerThatIsGoneIsToldSo(t *testing.T) {
	t.Parallel()
	p := newWorld(t).console()
	p.eval(`window.fetch = async () => { throw new TypeError('Failed to fetch'); }`, nil)
	p.click("Users")
	p.sees("Raven can’t be reached")
}
