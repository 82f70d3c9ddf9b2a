package console

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// controls are the roles of what one can operate; each must have a name.
var controls = map[string]bool{
	"button": true, "link": true, "textbox": true, "searchbox": true, "combobox": true, "checkbox": true, "radio": true,
	"spinbutton": true, "slider": true, "DisclosureTriangle": true, "Date": true, "DateTime": true, "meter": true, "progressbar": true,
	"dialog": true, "navigation": true, "figure": false, "image": true, "table": true, "form": true, "region": true,
}

// structure gives what is wrong with a page's headings, landmarks, labels and ids.
const structure = `(() => {
	const bad = [];
	const seen = (e) => e.checkVisibility();
	const levels = [...document.querySelectorAll('h1, h2, h3, h4')].filter(seen).map((h) => Number(h.tagName[1]));
	if (levels.filter((l) => l === 1).length !== 1) bad.push('not exactly one h1');
	levels.forEach((l, i) => { if (i > 0 && l > levels[i - 1] + 1) bad.push('a heading skips a level'); });
	if (document.querySelectorAll('main').length !== 1) bad.push('not exactly one main');
	if (!document.querySelector('[role=status]')) bad.push('no status region');
	if (document.documentElement.lang !== 'en' || document.title === '') bad.push('no language or title');
	const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
	ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => bad.push('id twice: ' + id));
	for (const e of document.querySelectorAll('[aria-describedby], [aria-labelledby], [aria-controls]'))
		for (const name of ['aria-describedby', 'aria-labelledby', 'aria-controls'])
			if (e.hasAttribute(name) && !document.getElementById(e.getAttribute(name))) bad.push(name + ' leads nowhere: ' + e.outerHTML.slice(0, 90));
	for (const t of document.querySelectorAll('table')) if (!t.caption || [...t.querySelectorAll('thead th')].some((th) => th.scope !== 'col' || !th.textContent)) bad.push('a table without caption or headers');
	for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) bad.push('a tab order of its own');
	return bad;
})()`

// contrast gives texts whose colour is too near to what lies behind them.
const contrast = `(() => {
	const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
	const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255); };
	const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
	const behind = (e) => { if (!e) return rgba(getComputedStyle(document.body).backgroundColor).slice(0, 3); const own = rgba(getComputedStyle(e).backgroundColor); return own[3] === 1 ? own.slice(0, 3) : over(own, behind(e.parentElement)); };
	const light = (c) => { const [r, g, b] = c.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const bad = new Set();
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('noscript, [aria-disabled=true], option') || e.closest('.off, .skip')) continue;
		const under = behind(e);
		const style = getComputedStyle(e);
		const [a, b] = [light(over(rgba(e.closest('svg') ? style.fill : style.color), under)), light(under)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) bad.add(ratio.toFixed(2) + ' ' + e.outerHTML.slice(0, 120));
	}
	return [...bad];
})()`

func (p *page) expectAccessible(name string) {
	p.t.Helper()
	var bad []string
	p.eval(structure, &bad)
	for _, b := range bad {
		p.t.Errorf("%s: %s", name, b)
	}
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		p.eval(contrast, &bad)
		for _, b := range bad {
			p.t.Errorf("%s, %s: contrast %s", name, scheme, b)
		}
	}
	for _, node := range command(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if role := text(node.Role); !node.Ignored && controls[role] && text(node.Name) == "" {
			p.t.Errorf("%s: a %s without a name, node %d", name, role, node.BackendDOMNodeID)
		}
	}
}

func text(v *accessibility.Value) (out string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &out) // what is no text has none
	}
	return out
}

// fits says whether the page is as wide as the window.
func (p *page) expectFits(name string) {
	p.t.Helper()
	var wide []string
	p.eval(`document.scrollingElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 120)).slice(0, 5)`, &wide)
	for _, w := range wide {
		p.t.Errorf("%s is wider than a phone: %s", name, w)
	}
}

func TestEveryPageIsAccessibleAndFitsAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPage(t)
	p.sees("API key")
	p.expectAccessible("sign in")
	p.do(chromedp.EmulateViewport(360, 780))
	p.expectFits("sign in")
	p.shot("signin")
	p.signIn(w.key)
	p.heading("Overview")
	for name, hash := range w.everyPage() {
		p.do(chromedp.EmulateViewport(1280, 900))
		p.open(hash)
		p.expectAccessible(name)
		p.do(chromedp.EmulateViewport(360, 780))
		p.expectFits(name)
		p.shot(name)
	}
	p.do(chromedp.EmulateViewport(360, 780))
	p.click("Menu")
	p.expectFits("menu")
	p.click("Encryption")
	p.heading("Encryption")
	p.until("the menu is closed", `!document.querySelector('#menu').checkVisibility()`)
	p.click("Menu")
	p.click("Encryption") // the page there is
	p.until("the menu is closed", `!document.querySelector('#menu').checkVisibility()`)
}

func TestEveryDialogIsAccessibleAndFitsAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	for _, d := range []struct{ hash, button string }{
		{w.hash(), "Delete user"}, {w.hash("conversations", w.conversation), "Close"}, {w.hash("conversations", w.conversation), "Delete the interaction of…"},
		{w.hash("facts"), "State a fact"}, {w.hash("facts"), "Correct: I live in…"}, {w.hash("facts"), "Forget: I live in…"},
		{"#/keys", "Create key"}, {"#/keys", "Rotate the key…"}, {"#/keys", "Revoke the key…"},
		{"#/encryption", "Rotate data key"}, {"#/webhook", "Make a new secret"}, {"#/danger", "Delete this tenant …"},
	} {
		p.do(chromedp.EmulateViewport(1280, 900))
		p.open(d.hash)
		p.until("there is "+d.button, named+`('button', `+quote(d.button)+`)`)
		p.eval(`(window.opened = `+named+`('button', `+quote(d.button)+`), opened.focus(), opened.click())`, nil)
		p.until("a dialog opens", `document.querySelector('dialog[open]')`)
		p.expectAccessible("dialog " + d.button)
		p.do(chromedp.EmulateViewport(360, 780))
		p.expectFits("dialog " + d.button)
		p.shot("dialog-" + slug(d.button))
		p.do(chromedp.KeyEvent(kb.Escape))
		p.until("Escape closes it", `!document.querySelector('dialog')`)
		p.until("the focus is back where it was", `document.activeElement === window.opened`)
	}
}

func slug(s string) string {
	out := []rune{}
	for _, r := range s {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			out = append(out, r)
		} else if len(out) > 0 && out[len(out)-1] != '-' {
			out = append(out, '-')
		}
	}
	return string(out)
}

// press types keys, and waits until the page has seen them.
func (p *page) press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// tabTo presses Tab until the named control has the focus, which must show.
func (p *page) tabTo(name string) {
	p.t.Helper()
	for range 60 {
		p.press(kb.Tab)
		var at struct {
			Name    string
			Visible bool
		}
		p.eval(`(() => { const e = document.activeElement; const s = getComputedStyle(e);
			return { name: (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent).trim(), visible: e === document.body || (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) || e.matches('.skip') }; })()`, &at)
		if !at.Visible {
			p.t.Errorf("the focus on %q does not show", at.Name)
		}
		if at.Name == name {
			return
		}
	}
	p.t.Fatalf("Tab never comes to %q", name)
}

func TestConsoleWorksByKeyboardAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPage(t)
	p.until("the field has the focus", `document.activeElement?.name === 'key'`)
	p.press(w.key)
	p.press(kb.Enter)
	p.heading("Overview")
	p.until("the heading has the focus", `document.activeElement?.tagName === 'H1'`)
	p.eval(`document.activeElement.blur(), getSelection().removeAllRanges(), document.querySelector('.skip').focus()`, nil)
	p.press(kb.Enter)
	p.until("the skip link leads to the content", `document.activeElement?.id === 'main'`)
	p.eval(`document.querySelector('.skip').focus()`, nil)
	p.tabTo("API keys")
	p.press(kb.Enter)
	p.heading("API keys")
	p.tabTo("Create key")
	p.press(kb.Enter)
	p.until("the dialog has the focus", `document.querySelector('dialog')?.contains(document.activeElement)`)
	p.eval(`document.querySelector('dialog input[name=name]').focus()`, nil)
	p.press("by keyboard")
	p.tabTo("Read only")
	p.press(kb.Enter)
	p.tabTo("Create")
	p.press(kb.Enter)
	p.sees("Copy it now")
	p.tabTo("I have stored it")
	p.press(kb.Enter)
	p.until("the dialog is closed", `!document.querySelector('dialog')`)
	p.sees("by keyboard")
}

func TestMotionIsReducedWhereAsked(t *testing.T) {
	t.Parallel()
	p := newPage(t)
	p.sees("API key")
	var moves string
	p.eval(`(() => { const s = getComputedStyle(document.querySelector('button')); return s.transitionDuration; })()`, &moves)
	if moves == "0s" {
		t.Fatal("nothing moves, so nothing shows that less of it is possible")
	}
	p.prefer(reducedMotion)
	p.eval(`[...document.querySelectorAll('*')].map((e) => getComputedStyle(e)).filter((s) => s.animationName !== 'none' || s.transitionDuration !== '0s').length + ''`, &moves)
	if moves != "0" {
		t.Errorf("%s elements still move", moves)
	}
}
