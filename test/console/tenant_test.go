package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync/atomic"
	"testing"
	"time"
)

// secret waits for the dialog that shows a secret once, and gives it.
func (p *page) secret() (out string) {
	p.t.Helper()
	p.until("a secret is shown", `document.querySelector('dialog input.secret')`)
	p.eval(`document.querySelector('dialog input.secret').value`, &out)
	return out
}

var keyFormat = regexp.MustCompile(`^rk_(live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$`)

// works gives the status that a key gets for reading the tenant.
func (w *world) works(key string) int {
	w.t.Helper()
	other := world{t: w.t, key: key}
	status, _ := other.call("GET", "/tenant/keys/current", nil)
	return status
}

func TestKeysAreCreatedRotatedAndRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.click("API keys")
	p.click("Create key")
	p.fill("Name", "agent "+badImage)
	p.click("Agent only")
	p.fill("users:read", true)
	p.fill("Expires", "In 30 days")
	p.fill("Test", true)
	p.shot("keys-create")
	p.click("Create")
	made := p.secret()
	if !keyFormat.MatchString(made) || w.works(made) != http.StatusOK {
		t.Fatalf("the page shows %q", made)
	}
	p.shot("keys-secret")
	var copied string
	p.eval(`(navigator.clipboard.writeText = async (text) => { window.copied = text; })`, nil)
	p.click("Copy")
	p.until("it is copied", `window.copied`)
	p.eval(`window.copied`, &copied)
	if copied != made {
		t.Errorf("copied %q", copied)
	}
	p.click("I have stored it")
	p.sees("agent " + badImage)
	var left bool
	p.eval(`document.documentElement.outerHTML.includes(`+quote(made)+`) || [...document.querySelectorAll('input')].some((i) => i.value === `+quote(made)+`)`, &left)
	if left {
		t.Error("the secret is still in the page")
	}
	created := w.keyNamed("agent " + badImage)
	if got := quote(created["scopes"]); got != `["memory:read","memory:write","users:read","conversations:read","conversations:write"]` || created.text("environment") != "test" || created.text("expires_at") == "" {
		t.Errorf("created %v", created)
	}
	prefix := created.text("prefix")
	p.click("Rotate the key " + prefix)
	p.fill("The old key ends", "At once")
	p.click("Rotate")
	rotated := p.secret()
	p.click("I have stored it")
	p.sees("Expired")
	if w.works(made) != http.StatusUnauthorized || w.works(rotated) != http.StatusOK {
		t.Error("rotating does not put the one key in the other's place")
	}
	p.click("Revoke the key " + rotated[:len(prefix)])
	p.click("Revoke key")
	p.sees("Revoked")
	if w.works(rotated) != http.StatusUnauthorized {
		t.Error("the revoked key goes on")
	}
	p.shot("keys-list")
}

func (w *world) keyNamed(name string) object {
	w.t.Helper()
	for _, k := range w.must("GET", "/tenant/keys", nil).list("data") {
		if k.text("name") == name {
			return k
		}
	}
	w.t.Fatalf("there is no key %q", name)
	return nil
}

func TestSecretThatWasNotConfirmedCanBeShownAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.open("#/keys")
	p.click("Create key")
	p.fill("Name", "lost")
	p.click("Read only")
	p.click("Create")
	first := p.secret()
	p.press("\u001b")
	p.sees("The new key was not confirmed as stored")
	p.click("Show it again")
	if again := p.secret(); again != first {
		t.Errorf("shown again: %q", again)
	}
	p.click("I have stored it")
	p.seesNot("not confirmed")
}

func TestSettingsAreChangedWithinBoundsAndNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.click("Settings")
	p.heading("Settings")
	p.sees("1 to 3,650, or 0 to keep it for ever")
	p.fill("Retention", 90)
	p.fill("Name", "Acme & Söhne "+scriptTag)
	p.click("Save")
	p.sees("Saved.")
	tenant := w.must("GET", "/tenant", nil)
	if tenant.text("name") != "Acme & Söhne "+scriptTag || tenant["settings"].(map[string]any)["retention_days"] != 90.0 {
		t.Fatalf("saved %v", tenant)
	}
	p.until("what was saved is shown", `document.querySelector('.whoami')?.textContent.includes('Söhne')`)
	p.fill("Batch size", 501)
	p.click("Save")
	var valid bool
	p.eval(`document.querySelector('[name=batch_size]').validity.valid`, &valid)
	if valid {
		t.Error("a batch size of 501 passes")
	}
	p.fill("Batch size", 7)
	w.must("PATCH", "/tenant", object{"settings": object{"max_users": 77}}) // by somebody else, meanwhile
	p.click("Save")
	p.sees("Somebody changed this meanwhile")
	p.shot("settings-conflict")
	p.click("Reload")
	p.until("what somebody else changed is shown", labelled+`('Users at most')?.value === '77'`)
	if p.value("Users at most") != "77" || p.value("Batch size") != "3" {
		t.Error("the page overwrote, or does not show, what somebody else changed")
	}
	p.click("Reset “Users at most” to its default")
	p.until("the default is shown", labelled+`('Users at most')?.value === '1000'`)
	p.fill("Requests a minute", 999999)
	p.click("Save")
	p.sees("A value was not accepted")
}

func TestDataKeyIsRotatedAndProgressShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.click("Encryption")
	p.sees("Version 1")
	p.sees("Everything is under the newest data key")
	p.click("Rotate data key")
	p.click("Rotate")
	p.sees("Version 2")
	p.sees("Everything is under the newest data key")
	p.until("the progress is told", `document.querySelector('progress')?.getAttribute('aria-label') === 'Records under the newest data key'`)
	p.open(w.hash("conversations", w.conversation))
	p.sees("allergic to peanuts")
}

func TestWebhookIsSetTestedAndReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var broken atomic.Bool
	var got atomic.Int64
	broken.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got.Add(1)
		if broken.Load() {
			rw.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(receiver.Close)
	p := w.console()
	p.click("Webhook")
	p.fill("URL", "http://10.0.0.1/")
	p.click("Save")
	p.sees("A value was not accepted")
	p.fill("URL", receiver.URL+"/<script>")
	p.click("Save")
	p.sees("Events are delivered there from now on.")
	p.click("Make a new secret")
	p.click("Make secret")
	if s := p.secret(); s[:6] != "whsec_" {
		t.Errorf("the secret is %q", s)
	}
	p.click("I have stored it")
	p.click("Send a test event")
	p.sees("webhook.test")
	p.until("the refusal is shown", refresh+`document.querySelector('.deliveries')?.textContent.includes('HTTP 502')`)
	broken.Store(false)
	p.eval(`[...document.querySelectorAll('.deliveries button')].find((b) => b.getAttribute('aria-label').includes('webhook.test')).click()`, nil)
	p.until("the replay is delivered", refresh+`[...document.querySelectorAll('.deliveries > li')].some((li) => li.textContent.includes('webhook.test') && li.textContent.startsWith('Delivered') && li.textContent.includes('2 attempts'))`)
	p.eval(`document.querySelectorAll('.deliveries details').forEach((d) => { d.open = true; })`, nil)
	p.shot("webhook-deliveries")
	if got.Load() < 2 {
		t.Errorf("the receiver got %d deliveries", got.Load())
	}
}

// refresh presses the page's button of that name, at most once a second.
const refresh = `(Date.now() - (window.refreshed ?? 0) > 1000 && (window.refreshed = Date.now(), [...document.querySelectorAll('button')].find((b) => b.textContent === 'Refresh')?.click()), true) && `

func TestTenantIsDeletedByTypingItsId(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.console()
	p.click("Delete tenant")
	p.click("Delete this tenant …")
	p.fill("Type the tenant’s id to confirm", "Acme")
	p.click("Delete for good")
	time.Sleep(100 * time.Millisecond) // nothing is to happen: there is nothing to wait for
	if w.works(w.key) != http.StatusOK {
		t.Fatal("a wrong id deletes the tenant")
	}
	p.fill("Type the tenant’s id to confirm", w.tenant)
	p.click("Delete for good")
	p.sees("This receipt names the keys that were destroyed")
	p.shot("danger-receipt")
	p.click("Done")
	p.heading("Sign in")
	p.sees("The tenant is deleted.")
	if status := w.works(w.key); status != http.StatusUnauthorized {
		t.Errorf("its key answers %d", status)
	}
}
