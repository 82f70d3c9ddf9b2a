package console

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// everyPage lists the addresses of all pages.
func (w *world) everyPage() map[string]string {
	return map[string]string{
		"overview": "#/", "users": "#/users", "user": w.hash(), "conversation": w.hash("conversations", w.conversation),
		"facts": w.hash("facts"), "recall": w.hash("recall"), "keys": "#/keys", "audit": "#/audit", "settings": "#/settings",
		"encryption": "#/encryption", "webhook": "#/webhook", "danger": "#/danger",
	}
}

func TestKeyStaysInThePagesMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	for _, hash := range w.everyPage() {
		p.open(hash)
		var kept []string
		p.eval(`(async () => [location.href, document.cookie, JSON.stringify(history.state), window.name,
			...Object.entries(localStorage).flat(), ...Object.entries(sessionStorage).flat(),
			...(await indexedDB.databases()).map((d) => d.name), ...(await caches.keys())].filter((v) => v && v !== 'null'))()`, &kept)
		if len(kept) != 1 || strings.Contains(kept[0], w.key) {
			t.Errorf("after %s the page keeps %q", hash, kept)
		}
	}
	cookies := command(p, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(cookies) > 0 {
		t.Errorf("the browser keeps cookies: %v", cookies)
	}
	p.do(chromedp.Reload())
	p.heading("Sign in")
	if p.count("nav") > 0 || p.value("API key") != "" {
		t.Error("a reload leaves something of who was signed in")
	}
}

func TestSigningOutForgetsWhatWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open(w.hash("conversations", w.conversation))
	p.sees("allergic to peanuts")
	p.click("Sign out")
	p.heading("Sign in")
	p.sees("You are signed out.")
	p.seesNot("peanuts")
	p.eval(`location.hash = '#/keys'`, nil)
	p.seesNot("API keys")
}

func TestIdleConsoleLocks(t *testing.T) {
	t.Parallel()
	p := newWorld(t).console()
	p.eval(`(() => { const now = Date.now; window.later = 0; Date.now = () => now() + window.later * 60e3; })()`, nil)
	p.eval(`window.later = 14.5`, nil)
	p.sees("The console locks in a minute.")
	p.eval(`dispatchEvent(new KeyboardEvent('keydown', { key: 'Shift' }))`, nil)
	p.seesNot("The console locks in a minute.")
	p.eval(`window.later = 40`, nil)
	p.heading("Sign in")
	p.sees("Locked after 15 minutes without use.")
}
