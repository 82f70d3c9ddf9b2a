package console

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/test/process"
)

// checkpoint makes a thousand events, after which a checkpoint is signed at
// once, and gives it.
func (w *world) checkpoint() string {
	w.t.Helper()
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 125 {
				w.must("POST", "/users", object{"external_ref": fmt.Sprintf("filler-%d-%d", worker, i)})
			}
		})
	}
	wait.Wait()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, server.URL+"/api/v1/tenant/audit/checkpoint", http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	note, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		w.t.Fatalf("the checkpoint: %d %s %v", res.StatusCode, note, err)
	}
	return string(note)
}

func publicKey(t *testing.T) string {
	t.Helper()
	var said bytes.Buffer
	cmd := process.Command(binary, []string{"audit", "pubkey"}, dataDir)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("raven audit pubkey: %v\n%s", err, said.Bytes())
	}
	return strings.TrimSpace(string(out))
}

func TestAuditLogIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 30 {
		w.must("POST", "/users", object{"external_ref": fmt.Sprintf("user-%02d", i)})
	}
	p := w.console()
	p.click("Audit")
	p.sees("There is no checkpoint yet.")
	var offered []core.EventType
	p.eval(`[...document.querySelectorAll('[name=action] option')].map((o) => o.value).slice(1)`, &offered)
	for _, known := range audit.Types() {
		if !slices.Contains(offered, known) {
			t.Errorf("the filter does not know %s", known)
		}
	}
	p.click("Next")
	p.sees("Tenant registered")
	p.fill("Event", "memory.flushed")
	p.click("Filter")
	p.until("only that is shown", `document.querySelectorAll('tbody tr').length === 1`)
	p.sees("3 interactions sealed into 1 blob of")
	p.fill("Event", "All")
	p.fill("Caused by", "Raven itself")
	p.click("Filter")
	p.until("only what Raven did is shown", `document.querySelectorAll('tbody tr').length === 2`)
	p.fill("Since", "2099-01-01T00:00")
	p.click("Filter")
	p.sees("No event fits.")
}

func TestAuditLogIsVerifiedInThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	note := w.checkpoint()
	p := w.console()
	p.open("#/audit")
	p.sees("raven audit verify --tenant " + w.tenant)
	p.sees(strings.Split(note, "\n")[2]) // the root
	p.click("Verify the log")
	p.sees("The signature was not checked")
	p.shot("audit-verified")
	p.click("Hold it against more")
	p.fill("The deployment’s public key", publicKey(t))
	p.fill("A checkpoint that you kept", note)
	p.click("Verify the log")
	p.sees("the root computed from them is the one in both checkpoints")
	p.sees("The signatures verify.")

	// A checkpoint that nobody signed.
	lines := strings.Split(note, "\n")
	lines[1] = "900"
	p.fill("A checkpoint that you kept", strings.Join(lines, "\n"))
	p.click("Verify the log")
	p.sees("signature does not fit it")
	p.fill("The deployment’s public key", "")
	p.click("Verify the log")
	p.sees("The first 900 events are not those that were signed")

	// A server that shows another history than the one it signed.
	p.fill("A checkpoint that you kept", "")
	p.eval(`(() => { const real = fetch; window.fetch = async (url, options) => { const answer = await real(url, options);
		return new Response((await answer.text()).replace('"quota"', '"quotas"').replace('"user.created"', '"user.deleted"'), answer); }; })()`, nil)
	p.click("Verify the log")
	p.until("it is found", `document.querySelector('.verdict.bad')?.textContent.includes('are not those that were signed')`)
}
