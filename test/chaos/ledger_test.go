package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// call is one call as its client saw it. One with an Idempotency-Key is sent
// until it is answered.
type call struct {
	kind         string // what the call is for: "ingest", "user", …
	tenant       *tenant
	method, path string
	body         any
	key          string // its Idempotency-Key; "" for none

	conversation int      // of an ingest
	contents     []string // of an ingest
	ref          string   // of what it creates

	begin, end time.Duration // of the run; end is when it was acknowledged
	outcome    string        // of the last attempt
	done       bool          // it is acknowledged
	ids        []string      // of what it made, as acknowledged
}

// ledger is all that the clients know.
type ledger struct {
	began time.Time
	line  atomic.Pointer[line]

	mu      sync.Mutex
	calls   []*call
	answers map[string]int // attempts by outcome
	bad     []string       // answers that no client should get
}

// line is what all calls go over.
type line struct {
	ctx context.Context
	cut context.CancelFunc
}

func (b *ledger) connect() {
	ctx, cut := context.WithCancel(context.Background())
	b.line.Store(&line{ctx, cut})
}

// hangUp ends all calls under way, as when clients lose their network.
func (b *ledger) hangUp() {
	old := b.line.Load()
	b.connect()
	old.cut()
}

func (b *ledger) begin(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.begin = time.Since(b.began)
	b.calls = append(b.calls, c)
}

// attempt sends the call once and notes what comes of it.
func (b *ledger) attempt(c *call, url string) (answer, bool) {
	a, err := do(b.line.Load().ctx, url, c.tenant.key, c.method, c.path, c.body, c.key)
	outcome := "no answer"
	if err == nil {
		outcome = fmt.Sprint(a.status)
	}
	if code := a.text("code"); code != "" {
		outcome += " " + code
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers[outcome]++
	c.outcome = outcome
	if wrong := wrongWith(a); err == nil && wrong != "" {
		b.bad = append(b.bad, fmt.Sprintf("%s %s: %s: %s: %v", c.method, c.path, outcome, wrong, a.body))
	}
	if c.done = err == nil && a.status < 300; c.done {
		c.end, c.ids = time.Since(b.began), idsOf(a)
	}
	return a, c.done
}

// wrongWith says why no client that behaves should get an answer; "" for one
// that is honest.
func wrongWith(a answer) string {
	switch {
	case a.status < 300:
		return ""
	case a.status == http.StatusConflict && a.text("code") == "idempotency_in_progress":
		return ""
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable, a.status == http.StatusGatewayTimeout:
		if a.header.Get("Retry-After") == "" {
			return "it does not say when to try again"
		}
		return ""
	}
	return "nothing that the client did explains it"
}

func idsOf(a answer) (ids []string) {
	if id := a.text("id"); id != "" {
		return []string{id}
	}
	list, _ := a.body["interaction_ids"].([]any)
	for _, id := range list {
		s, _ := id.(string)
		ids = append(ids, s)
	}
	return ids
}

// note keeps an answer that was well-formed and wrong.
func (b *ledger) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = append(b.bad, fmt.Sprintf(format, args...))
}

// of lists the tenant's calls for something.
func (b *ledger) of(x *tenant, kind string) (list []*call) {
	for _, c := range b.calls {
		if c.tenant == x && c.kind == kind {
			list = append(list, c)
		}
	}
	return list
}
