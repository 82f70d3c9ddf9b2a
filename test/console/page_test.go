package console

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// page is a tab with the console in it.
type page struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // lives as long as the test

	mu       sync.Mutex
	requests []string // the addresses that were asked
	faults   []string // what went wrong in the page: exceptions, violations of its policy
}

// newPage opens the console in a tab of its own. When the test ends, nothing
// may have gone wrong in the page, nothing from elsewhere may have been asked
// for, and what was stored must not have come alive.
func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{t: t}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // a tab lives as long as the context it is opened with
		t.Fatal(err)
	}
	command(p, network.Enable, network.EnableParams{})
	command(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+"/console"))
	t.Cleanup(func() {
		p.expectInert()
		p.expectNoFaults()
	})
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			p.faults = append(p.faults, "console.error "+e.Args[0].Description)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			p.faults = append(p.faults, e.Entry.Text)
		}
	}
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("in the browser: %v", err)
	}
}

// command runs a command of the DevTools protocol.
func command[P, R any](p *page, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	out, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		p.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return out
}

// eval evaluates an expression, a promise too, into out, or for its effect.
func (p *page) eval(expression string, out any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if out == nil {
		expression = "void (" + expression + ")"
	}
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err == nil && out != nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		p.t.Fatalf("evaluating %s: %v", expression, err)
	}
}

// until waits for an expression to be true.
func (p *page) until(what, expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		var done bool
		p.eval("Boolean("+expression+")", &done)
		if done {
			return
		}
		if time.Now().After(deadline) {
			var text string
			p.eval("document.body.innerText", &text)
			p.t.Fatalf("not within %s: %s\nthe page says:\n%s", patience, what, text)
		}
	}
}

func quote(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

// scope is the topmost dialog, or the page. named finds what is visible there by
// its accessible name, exactly, or by its beginning where the name ends in "…".
const scope = `([...document.querySelectorAll('dialog[open]')].at(-1) ?? document)`

const named = `((selector, name) => [...` + scope + `.querySelectorAll(selector)].find((e) => {
	const own = (e.getAttribute('aria-label') ?? e.textContent).trim();
	return e.checkVisibility() && (name.endsWith('…') && !own.endsWith('…') ? own.startsWith(name.slice(0, -1)) : own === name);
}))`

const labelled = `((name) => {
	const label = [...` + scope + `.querySelectorAll('label')].find((l) => l.textContent.trim() === name && l.checkVisibility());
	return label && document.getElementById(label.htmlFor);
})`

// click waits for a button, link or summary and clicks it.
func (p *page) click(name string) {
	p.t.Helper()
	target := named + `('button, a, summary', ` + quote(name) + `)`
	p.until("there is "+name+" to click", "(e => e && e.getAttribute('aria-disabled') !== 'true')("+target+")") // one that still works takes no click
	p.eval(target+".click()", nil)
}

// fill waits for a field and types into it, chooses in it, or ticks it.
func (p *page) fill(label string, value any) {
	p.t.Helper()
	target := labelled + `(` + quote(label) + `)`
	p.until("there is a field "+label, target)
	p.eval(`((field, value) => {
		if (field.type === 'checkbox' || field.type === 'radio') { if (field.checked !== value) field.click(); return; }
		if (field.tagName === 'SELECT') value = [...field.options].find((o) => o.text === value).value;
		field.value = value;
		field.dispatchEvent(new Event('input', { bubbles: true }));
		field.dispatchEvent(new Event('change', { bubbles: true }));
	})(`+target+`, `+quote(value)+`)`, nil)
}

func (p *page) value(label string) string {
	p.t.Helper()
	var out string
	p.until("there is a field "+label, labelled+`(`+quote(label)+`)`)
	p.eval(labelled+`(`+quote(label)+`).value`, &out)
	return out
}

func (p *page) sees(text string) {
	p.t.Helper()
	p.until("the page says "+text, scope+`.textContent?.includes(`+quote(text)+`) ?? document.body.innerText.includes(`+quote(text)+`)`)
}

func (p *page) seesNot(text string) {
	p.t.Helper()
	p.until("the page does not say "+text, `!document.body.innerText.includes(`+quote(text)+`)`)
}

func (p *page) count(selector string) int {
	p.t.Helper()
	var n int
	p.eval(`document.querySelectorAll(`+quote(selector)+`).length`, &n)
	return n
}

// heading waits for the page with that title.
func (p *page) heading(text string) {
	p.t.Helper()
	p.until("the heading is "+text, `document.querySelector('h1')?.textContent === `+quote(text))
}

// open goes to one of the console's pages by its address.
func (p *page) open(hash string) {
	p.t.Helper()
	p.eval(`(document.querySelector('main').replaceChildren(), location.hash === `+quote(hash)+` ? dispatchEvent(new HashChangeEvent('hashchange')) : location.hash = `+quote(hash)+`)`, nil)
	p.until(hash+" is drawn", `document.querySelector('main h1')`)
}

func (p *page) signIn(key string) {
	p.t.Helper()
	p.fill("API key", key)
	p.click("Sign in")
}

func (p *page) expectInert() {
	p.t.Helper()
	var bad []string
	p.eval(`[...document.querySelectorAll('script, style, iframe, object, embed, base, link, img, audio, video, form[action], a[href^="javascript:"], [onclick], [onerror], [onload], [style*="url"]')]
		.filter((e) => !['console/main.js', 'console/style.css', 'console/parts.css', 'console/icon.svg'].some((own) => (e.src ?? e.href ?? '').endsWith(own)))
		.map((e) => e.outerHTML.slice(0, 200)).concat('pwned' in window ? ['stored text ran as a program'] : [])`, &bad)
	if len(bad) > 0 {
		p.t.Errorf("stored text came alive: %q", bad)
	}
}

func (p *page) expectNoFaults() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		p.t.Errorf("in the page: %s", fault)
	}
	for _, url := range p.requests {
		if !strings.HasPrefix(url, server.URL+"/") && !strings.HasPrefix(url, "data:") {
			p.t.Errorf("the page asked for %s", url)
		}
	}
}

// shot takes pictures of the page, for people to look at, where the environment
// says into which folder.
func (p *page) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("RAVEN_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		for device, width := range map[string]int64{"desktop": 1280, "phone": 360} {
			p.scheme(scheme)
			p.do(chromedp.EmulateViewport(width, 800), chromedp.Sleep(200*time.Millisecond))
			picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", name, device, scheme)), picture, 0o600)
			}
			if err != nil {
				p.t.Fatal(err)
			}
		}
	}
	p.scheme("light")
	p.do(chromedp.EmulateViewport(1280, 900))
}

// scheme makes the browser prefer light or dark pages.
func (p *page) scheme(name string) {
	p.t.Helper()
	p.prefer(&emulation.MediaFeature{Name: "prefers-color-scheme", Value: name}, reducedMotion) // no colour on its way
}

var reducedMotion = &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}

func (p *page) prefer(features ...*emulation.MediaFeature) {
	p.t.Helper()
	command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
}
